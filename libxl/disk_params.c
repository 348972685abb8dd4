/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "libxl/disk_params.h"

#define RETRY_MS 2

struct params_change {
    struct xs_handle *xs;
    xs_transaction_t t;
    uint32_t domid, number;
    const struct disk_params *to;
    struct disk_params was;
    struct diag *diag;
};

void disk_params_init(struct disk_params *params)
{
    memset(params, 0, sizeof(*params));
}

void disk_params_dispose(struct disk_params *params)
{
    free(params->backend);
    free(params->libxl);
    disk_params_init(params);
}

/* The words of libxl, which QEMU's xen-block understands. */
static const char *word_of(libxl_disk_format format)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_RAW: return "aio";
    case LIBXL_DISK_FORMAT_QCOW: return "qcow";
    case LIBXL_DISK_FORMAT_QCOW2: return "qcow2";
    case LIBXL_DISK_FORMAT_VHD: return "vhd";
    case LIBXL_DISK_FORMAT_QED: return "qed";
    default: return NULL;
    }
}

static int fail_nomem(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

bool disk_params_readable(const char *path)
{
    return !path[strcspn(path, " \t\n\v\f\r")];
}

int disk_params_format(libxl_disk_format format, const char *path,
                       char **value_r, struct diag *diag)
{
    const char *word = word_of(format);

    if (!word) {
        diag_set(diag, "QEMU does not serve images of the format %s",
                 libxl_disk_format_to_string(format));
        return ERROR_INVAL;
    }
    if (asprintf(value_r, "%s:%s", word, path) < 0) {
        *value_r = NULL;
        return fail_nomem(diag);
    }
    return 0;
}

/* Where libxl keeps what it knows of the disk. */
static char *libxl_node(const struct params_change *c, const char *node)
{
    char *path;

    if (asprintf(&path, "/libxl/%" PRIu32 "/device/vbd/%" PRIu32 "/%s",
                 c->domid, c->number, node) < 0)
        return NULL;
    return path;
}

/* *value_r is NULL when there is no such node. */
static int read_node(struct params_change *c, const char *path, char **value_r)
{
    char *value = xs_read(c->xs, c->t, path, NULL);

    if (!value && errno != ENOENT) {
        diag_set(c->diag, "cannot read %s in xenstore: %s", path,
                 strerror(errno));
        return ERROR_FAIL;
    }
    *value_r = value;
    return 0;
}

/* The truth about who serves the disk is where its backend is. */
static int find_backend(struct params_change *c, char **params_path_r)
{
    char *path, *backend = NULL, *kind;
    int rc;

    path = libxl_node(c, "backend");
    if (!path) return fail_nomem(c->diag);
    rc = read_node(c, path, &backend);
    if (rc) goto out;
    if (!backend) {
        diag_set(c->diag, "xenstore has no disk %" PRIu32 " of domain %"
                 PRIu32, c->number, c->domid);
        rc = ERROR_NOTFOUND;
        goto out;
    }
    kind = strstr(backend, "/backend/");
    if (!kind || strncmp(kind, "/backend/qdisk/", strlen("/backend/qdisk/"))) {
        diag_set(c->diag, "the disk is not served by QEMU (its backend is %s)",
                 backend);
        rc = ERROR_INVAL;
        goto out;
    }
    if (asprintf(params_path_r, "%s/params", backend) < 0) {
        *params_path_r = NULL;
        rc = fail_nomem(c->diag);
    }
out:
    free(backend);
    free(path);
    return rc;
}

/* One node: what it was, and what it shall be. */
static int change_node(struct params_change *c, const char *path,
                       const char *to, char **was_r)
{
    int rc;

    rc = read_node(c, path, was_r);
    if (rc || !to || (*was_r && !strcmp(*was_r, to))) return rc;
    if (xs_write(c->xs, c->t, path, to, strlen(to))) return 0;
    diag_set(c->diag, "cannot write %s in xenstore: %s", path,
             strerror(errno));
    return ERROR_FAIL;
}

static int change_nodes(struct params_change *c)
{
    char *backend = NULL, *libxl = NULL;
    int rc;

    rc = find_backend(c, &backend);
    if (rc) goto out;
    libxl = libxl_node(c, "params");
    if (!libxl) {
        rc = fail_nomem(c->diag);
        goto out;
    }
    rc = change_node(c, backend, c->to->backend, &c->was.backend);
    if (!rc) rc = change_node(c, libxl, c->to->libxl, &c->was.libxl);
out:
    free(libxl);
    free(backend);
    return rc;
}

/* 0, 1 when somebody else was quicker, or a libxl error. */
static int try_once(struct params_change *c)
{
    int rc;

    disk_params_dispose(&c->was);
    c->t = xs_transaction_start(c->xs);
    if (c->t == XBT_NULL) {
        diag_set(c->diag, "cannot begin a transaction of xenstore: %s",
                 strerror(errno));
        return ERROR_FAIL;
    }
    rc = change_nodes(c);
    if (xs_transaction_end(c->xs, c->t, rc != 0) || rc) return rc;
    if (errno == EAGAIN) return 1;
    diag_set(c->diag, "cannot end a transaction of xenstore: %s",
             strerror(errno));
    return ERROR_FAIL;
}

int disk_params_set(uint32_t domid, uint32_t number,
                    const struct disk_params *to, deadline by,
                    struct disk_params *was_r, struct diag *diag)
{
    struct params_change c = {
        .domid = domid, .number = number, .to = to, .diag = diag,
    };
    int rc;

    disk_params_init(&c.was);
    c.xs = xs_open(0);
    if (!c.xs) {
        diag_set(diag, "cannot talk to xenstore: %s", strerror(errno));
        return ERROR_FAIL;
    }
    while ((rc = try_once(&c)) == 1) {
        if (!deadline_left_ms(by)) {
            diag_set(diag, "others change xenstore all the time; try again"
                     " later");
            rc = ERROR_TIMEDOUT;
            break;
        }
        deadline_sleep(by, RETRY_MS);
    }
    xs_close(c.xs);
    if (!rc && was_r) {
        disk_params_dispose(was_r);
        *was_r = c.was;
    } else {
        disk_params_dispose(&c.was);
    }
    return rc;
}

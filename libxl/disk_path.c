/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl's stored copies of a running domain's disk path. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "libxl/disk_params.h"
#include "libxl/domain_config.h"
#include "libxl/domain_lock.h"
#include "libxl/internal.h"
#include "libxl/vdev.h"

/* A guest may stand still meanwhile. libxl keeps its lock for some
 * milliseconds at a time. */
#define TIMEOUT_MS 10000

struct path_change {
    libxl_snapshot_ctx *sctx;
    uint32_t domid;
    char uuid[37];
    struct domain_config_disk disk;
    uint32_t number;
    deadline by;
    struct domain_config_file file;
    char *text;                 /* the new configuration, unless it is right */
    size_t len;
    struct disk_params params, were;
    struct diag why;
};

static int still_there(void *user)
{
    struct path_change *c = user;

    return libxl_domain_info(c->sctx->ctx, NULL, c->domid);
}

static int check_arguments(struct path_change *c)
{
    int rc;

    if (vdev_number(c->disk.vdev, &c->number)) {
        diag_set(&c->why, "not a virtual disk's name");
        return ERROR_INVAL;
    }
    /* What a daemon opens later has another working directory. */
    if (!c->disk.path || c->disk.path[0] != '/') {
        diag_set(&c->why, "the image needs an absolute path");
        return ERROR_INVAL;
    }
    rc = disk_params_format(c->disk.format, c->disk.path, &c->params.backend,
                            &c->why);
    if (rc) return rc;
    return disk_params_format(c->disk.format, c->disk.path, &c->params.libxl,
                              &c->why);
}

static int find_domain(struct path_change *c)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(c->sctx->ctx, &info, c->domid);
    if (!rc)
        snprintf(c->uuid, sizeof(c->uuid), LIBXL_UUID_FMT,
                 LIBXL_UUID_BYTES(info.uuid));
    else
        diag_set(&c->why, rc == ERROR_DOMAIN_NOTFOUND
                 ? "there is no domain %u" : "cannot ask Xen about domain %u",
                 c->domid);
    libxl_dominfo_dispose(&info);
    return rc;
}

/* All that may be refused, or fail for want of space. Nothing has changed. */
static int prepare(struct path_change *c)
{
    int rc;

    rc = domain_config_file_read(&c->file, c->sctx->lib_dir, c->domid, c->uuid,
                                 &c->why);
    if (rc) return rc;
    rc = domain_config_set_disk(c->file.text, c->file.len, &c->disk, &c->text,
                                &c->len, &c->why);
    if (rc || !c->text) return rc;
    return domain_config_file_prepare(&c->file, c->text, c->len, &c->why);
}

/* The configuration could not be replaced; xenstore follows it back. */
static void put_back(struct path_change *c)
{
    struct diag why = { "" };
    int rc;

    rc = disk_params_set(c->domid, c->number, &c->were,
                         deadline_after(TIMEOUT_MS), NULL, &why);
    if (rc)
        diag_prefix(&c->why, "xenstore names %s but the configuration does"
                    " not, and putting xenstore back failed (%s): ",
                    c->disk.path, why.text);
}

/* xenstore, which is what can still fail, before the rename, which hardly
 * can. */
static int change(struct path_change *c)
{
    int rc;

    rc = disk_params_set(c->domid, c->number, &c->params, c->by, &c->were,
                         &c->why);
    if (rc == ERROR_NOTFOUND || rc == ERROR_INVAL) return rc;
    if (rc) return ERROR_BADFAIL;
    if (!c->text) return 0;
    rc = domain_config_file_publish(&c->file, &c->why);
    if (!rc) return 0;
    put_back(c);
    return ERROR_BADFAIL;
}

static int change_locked(struct path_change *c)
{
    const struct domain_lock_params params = {
        .lib_dir = c->sctx->lib_dir,
        .domid = c->domid,
        .uuid = c->uuid,
        .name = DOMAIN_LOCK_USERDATA,
        .what = "libxl's configuration of the domain",
        .check = still_there,
        .check_user = c,
    };
    struct domain_lock *lock = NULL;
    int rc;

    rc = domain_lock_acquire(&params, c->by, &lock, &c->why);
    if (rc) return rc;
    rc = prepare(c);
    if (!rc) rc = change(c);
    /* While the lock still protects what it removes. */
    domain_config_file_dispose(&c->file);
    domain_lock_release(lock);
    return rc;
}

int libxl_disk_set_path(libxl_snapshot_ctx *sctx, uint32_t domid,
                        const char *vdev, const char *path,
                        libxl_disk_format format, libxl_snapshot_diag *diag)
{
    struct path_change c = {
        .sctx = sctx,
        .domid = domid,
        .disk = { .vdev = vdev, .path = path, .format = format },
        .by = deadline_after(TIMEOUT_MS),
    };
    int rc;

    domain_config_file_init(&c.file);
    disk_params_init(&c.params);
    disk_params_init(&c.were);
    rc = check_arguments(&c);
    if (!rc) rc = find_domain(&c);
    if (!rc) rc = change_locked(&c);
    if (rc)
        xls_diag(diag, rc, vdev, "disk %s: cannot have libxl name its image"
                 " %s: %s", vdev ? vdev : "?", path ? path : "?", c.why.text);
    disk_params_dispose(&c.were);
    disk_params_dispose(&c.params);
    free(c.text);
    return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/nbd_client.h"

static const char *const context_names[IMAGE_NUM_CONTEXTS] = {
    [IMAGE_ZEROES] = LIBNBD_CONTEXT_BASE_ALLOCATION,
    [IMAGE_DEPTH] = "qemu:allocation-depth",
};

void nbd_client_init(struct nbd_client *c)
{
    memset(c, 0, sizeof(*c));
}

void nbd_client_dispose(struct nbd_client *c)
{
    int i;

    nbd_close(c->handle);
    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++) free(c->extents[i].list);
    nbd_client_init(c);
}

static int broken(struct diag *diag)
{
    diag_set(diag, "the connection to qemu-nbd broke: %s", nbd_get_error());
    return ERROR_FAIL;
}

static int strange(struct diag *diag)
{
    diag_set(diag, "the answer of qemu-nbd is not understood");
    return ERROR_QEMU_API;
}

/* The next piece of what comes or goes. */
static int step(struct nbd_client *c, struct diag *diag)
{
    int r = nbd_poll(c->handle, c->timeout_ms);

    if (r < 0) return broken(diag);
    if (r) return 0;
    diag_set(diag, "qemu-nbd did not answer in time");
    return ERROR_TIMEDOUT;
}

/* ---- the handshake ---- */

static int prepare(struct nbd_handle *handle)
{
    int i;

    /* Then any byte can be asked for: what one side must be asked follows from
     * what the other said, and that may have smaller sectors. */
    if (nbd_set_request_block_size(handle, false)) return -1;
    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++)
        if (nbd_add_meta_context(handle, context_names[i])) return -1;
    return 0;
}

int nbd_client_start(struct nbd_client *c, int fd, int timeout_ms,
                     struct diag *diag)
{
    int64_t size;
    int i, rc;

    c->timeout_ms = timeout_ms;
    c->handle = nbd_create();
    if (!c->handle || prepare(c->handle)) {
        diag_set(diag, "cannot set libnbd up: %s", nbd_get_error());
        close(fd);
        return ERROR_FAIL;
    }
    if (nbd_aio_connect_socket(c->handle, fd)) return broken(diag);
    while (!nbd_aio_is_ready(c->handle)) {
        rc = step(c, diag);
        if (rc) return rc;
    }
    size = nbd_get_size(c->handle);
    if (size < 0) return strange(diag);
    c->size = (uint64_t)size;
    /* Without any, all is read, and nothing is left out wrongly. */
    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++)
        c->has[i] = nbd_can_meta_context(c->handle, context_names[i]) == 1;
    return 0;
}

/* ---- requests ---- */

int nbd_client_ask(struct nbd_client *c, uint64_t offset, void *buf,
                   uint32_t len, struct diag *diag)
{
    c->request = nbd_aio_pread(c->handle, buf, len, offset,
                               NBD_NULL_COMPLETION, 0);
    return c->request < 0 ? broken(diag) : 0;
}

int nbd_client_take(struct nbd_client *c, struct diag *diag)
{
    int done, rc;

    for (;;) {
        done = nbd_aio_command_completed(c->handle, (uint64_t)c->request);
        if (done > 0) return 0;
        if (done < 0) break;
        rc = step(c, diag);
        if (rc) return rc;
    }
    switch (nbd_get_errno()) {
    case EPROTO: return strange(diag);
    case ENOMEM: return ERROR_NOMEM;
    case ENOTCONN: return broken(diag);
    default:
        diag_set(diag, "qemu-nbd cannot read it: %s",
                 strerror(nbd_get_errno()));
        return ERROR_FAIL;
    }
}

/* ---- what is where ---- */

static int make_room(struct image_extents *extents, size_t num)
{
    struct image_extent *grown;

    if (num <= extents->room) return 0;
    grown = realloc(extents->list, num * sizeof(*grown));
    if (!grown) return ENOMEM;
    extents->list = grown;
    extents->room = num;
    return 0;
}

/* Pairs of a length and a state, which libnbd hands on as they came. */
static int set_extents(struct image_extents *extents, const uint32_t *entries,
                       size_t num)
{
    size_t i;
    int error = make_room(extents, num);

    for (i = 0; i < num && !error; i++) {
        extents->list[i].length = entries[2 * i];
        extents->list[i].state = entries[2 * i + 1];
        if (!extents->list[i].length) error = EPROTO;
    }
    if (!error) extents->num = num;
    return error;
}

static int take_extents(void *user, const char *context, uint64_t offset,
                        uint32_t *entries, size_t num, int *error)
{
    struct nbd_client *c = user;
    int i, wrong = 0;

    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++)
        if (!strcmp(context, context_names[i]))
            wrong = set_extents(&c->extents[i], entries, num / 2);
    if (!wrong) return 0;
    *error = wrong;
    return -1;
}

int nbd_client_status(struct nbd_client *c, uint64_t offset, uint32_t len,
                      struct diag *diag)
{
    const nbd_extent_callback callback = { take_extents, c, NULL };
    int i, rc;

    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++) c->extents[i].num = 0;
    if (!c->has[IMAGE_ZEROES] && !c->has[IMAGE_DEPTH]) return 0;
    c->request = nbd_aio_block_status(c->handle, len, offset, callback,
                                      NBD_NULL_COMPLETION, 0);
    if (c->request < 0) return broken(diag);
    rc = nbd_client_take(c, diag);
    if (rc) return rc;
    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++)
        if (c->has[i] && !c->extents[i].num) return strange(diag);
    return 0;
}

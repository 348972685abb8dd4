/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two states of a disk, compared. Each is a stack of layers: an image, or an
 * internal snapshot of it, and the backing images below. What both read from
 * a layer that they share, in the same state, is the same; where that state
 * is not the same, as of two internal snapshots, the layer's own tables tell.
 * All else that is not zeroes on both sides is read, and compared.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libxl/image_server.h"
#include "libxl/internal.h"
#include "libxl/qcow2_pair.h"
#include "libxl/qemu_img.h"

#define UNIT LIBXL_DISK_COMPARE_UNIT
#define MAX_LAYERS 256u
/* So much is asked about at a time; more than this QEMU does not tell. */
#define STATUS_BYTES (1u << 30)

struct layer {
    dev_t dev;
    ino_t ino;
};

/* What is known of the bytes from .. to - 1. */
struct known {
    uint64_t to;
    bool zero;
    uint32_t depth;             /* 1: its own image; 0: none has it */
};

struct side {
    char *id;                   /* of the internal snapshot; NULL */
    struct layer *layers;       /* the disk's image first */
    size_t num_layers;
    struct image_server server;
    uint8_t *buf;
    /* Where the last answer about what is where began, and how far in it we
     * are, for each context. */
    uint64_t asked, answered, at[IMAGE_NUM_CONTEXTS];
    size_t next[IMAGE_NUM_CONTEXTS];
};

struct libxl_disk_compare {
    char *vdev;
    struct side a, b;
    /* Of the first layer that both have: its place in each; none: no_layer. */
    bool shared;
    size_t shared_a, shared_b;
    bool same_state;
    struct qcow2_pair pair;     /* else */
    uint64_t last_unit;         /* the last that was found to differ, plus 1 */
    libxl_disk_comparison result;
};

/* ---- opening ---- */

static void side_dispose(struct side *side)
{
    image_server_dispose(&side->server);
    free(side->id);
    free(side->layers);
    free(side->buf);
}

void libxl_disk_compare_end(libxl_disk_compare *cmp)
{
    if (!cmp) return;
    side_dispose(&cmp->a);
    side_dispose(&cmp->b);
    qcow2_pair_dispose(&cmp->pair);
    libxl_disk_comparison_dispose(&cmp->result);
    free(cmp->vdev);
    free(cmp);
}

static const char *format_name(libxl_disk_format format)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_QCOW2: return "qcow2";
    case LIBXL_DISK_FORMAT_RAW: return "raw";
    case LIBXL_DISK_FORMAT_QED: return "qed";
    default: return NULL;
    }
}

static bool format_is_known(const char *format)
{
    return format && (!strcmp(format, "qcow2") || !strcmp(format, "raw") ||
                      !strcmp(format, "qed"));
}

static int add_layer(struct side *side, const char *path, struct diag *d)
{
    struct layer *grown;
    struct stat st;

    if (stat(path, &st)) {
        diag_set(d, "the image %s cannot be read", path);
        return ERROR_NOTFOUND;
    }
    grown = realloc(side->layers, (side->num_layers + 1) * sizeof(*grown));
    if (!grown) return ERROR_NOMEM;
    side->layers = grown;
    grown[side->num_layers++] = (struct layer){ st.st_dev, st.st_ino };
    return 0;
}

/* The layers below are as the images say, and end where one says that in a
 * way that is not a plain file: what is deeper is then shared with nothing. */
static int find_layers(struct side *side, const struct qemu_img *tool,
                       const char *path, const char *format, struct diag *d)
{
    char *at = strdup(path), *its = strdup(format);
    struct image_info info;
    int rc = at && its ? 0 : ERROR_NOMEM;

    while (!rc) {
        rc = add_layer(side, at, d);
        if (rc || side->num_layers == MAX_LAYERS) break;
        image_info_init(&info);
        rc = qemu_img_info(tool, at, its,
                           deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, d);
        free(at);
        free(its);
        at = info.full_backing_filename;
        its = info.backing_format;
        info.full_backing_filename = info.backing_format = NULL;
        image_info_dispose(&info);
        if (!at || at[0] != '/' || !format_is_known(its)) break;
    }
    free(at);
    free(its);
    return rc;
}

static int find_snapshot(struct side *side, const struct qemu_img *tool,
                         const char *path, const char *name, struct diag *d)
{
    const struct image_snapshot *snapshot;
    struct image_info info;
    int rc;

    image_info_init(&info);
    rc = qemu_img_info(tool, path, "qcow2",
                       deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, d);
    if (rc) goto out;
    rc = image_info_find_snapshot(&info, name, &snapshot);
    if (rc) {
        diag_set(d, "its image %s has %s snapshot '%s'", path,
                 rc == ERROR_NOTFOUND ? "no" : "more than one", name);
        goto out;
    }
    side->id = strdup(snapshot->id);
    if (!side->id) rc = ERROR_NOMEM;
out:
    image_info_dispose(&info);
    return rc;
}

/* The program beside qemu-img, of the same QEMU. */
static char *server_program(const char *qemu_img)
{
    const char *slash = strrchr(qemu_img, '/');
    char *program;

    if (asprintf(&program, "%.*sqemu-nbd",
                 slash ? (int)(slash - qemu_img) + 1 : 0, qemu_img) < 0)
        return NULL;
    return program;
}

static int side_open(struct side *side, libxl_snapshot_ctx *sctx,
                     const libxl_device_disk *disk,
                     const libxl_snapshot_handle *handle, struct diag *d)
{
    const struct qemu_img tool = { sctx->qemu_img, sctx->lg };
    const char *format = format_name(disk->format);
    char *program;
    int rc;

    if (!disk->pdev_path || disk->pdev_path[0] != '/' || !format ||
        (handle && (handle->format != LIBXL_DISK_FORMAT_QCOW2 ||
                    disk->format != LIBXL_DISK_FORMAT_QCOW2 ||
                    !handle->u.qcow2.name))) {
        diag_set(d, "it is no image that could be read");
        return ERROR_INVAL;
    }
    side->buf = malloc(IMAGE_MOST_BYTES);
    program = server_program(sctx->qemu_img);
    rc = side->buf && program ? 0 : ERROR_NOMEM;
    if (!rc && handle)
        rc = find_snapshot(side, &tool, disk->pdev_path,
                           handle->u.qcow2.name, d);
    if (!rc) rc = find_layers(side, &tool, disk->pdev_path, format, d);
    if (!rc) {
        rc = image_server_start(&side->server, program, disk->pdev_path,
                                format, side->id, d);
        if (rc) diag_prefix(d, "%s: ", disk->pdev_path);
    }
    free(program);
    return rc;
}

/* Only the disk's own image can be in the state of a snapshot. */
static const char *layer_state(const struct side *side, size_t i)
{
    return i ? NULL : side->id;
}

static bool find_shared(libxl_disk_compare *cmp)
{
    size_t i, k;

    for (i = 0; i < cmp->a.num_layers; i++)
        for (k = 0; k < cmp->b.num_layers; k++) {
            if (cmp->a.layers[i].dev != cmp->b.layers[k].dev ||
                cmp->a.layers[i].ino != cmp->b.layers[k].ino)
                continue;
            cmp->shared_a = i;
            cmp->shared_b = k;
            return true;
        }
    return false;
}

static int find_common(libxl_disk_compare *cmp, const char *path_a,
                       const char *path_b)
{
    const char *a, *b;

    cmp->shared = find_shared(cmp);
    if (!cmp->shared) return 0;
    a = layer_state(&cmp->a, cmp->shared_a);
    b = layer_state(&cmp->b, cmp->shared_b);
    cmp->same_state = a && b ? !strcmp(a, b) : a == b;
    if (cmp->same_state) return 0;
    /* With a snapshot it is the disk's own image. */
    return qcow2_pair_open(&cmp->pair, a ? path_a : path_b, a, b);
}

int libxl_disk_compare_begin(libxl_snapshot_ctx *sctx,
                             const libxl_device_disk *a,
                             const libxl_snapshot_handle *handle_a,
                             const libxl_device_disk *b,
                             const libxl_snapshot_handle *handle_b,
                             libxl_disk_compare **cmp_r,
                             libxl_snapshot_diag *diag)
{
    libxl_disk_compare *cmp = calloc(1, sizeof(*cmp));
    struct diag d = { "" };
    int rc = ERROR_NOMEM;

    if (!cmp) goto out;
    libxl_disk_comparison_init(&cmp->result);
    qcow2_pair_init(&cmp->pair);
    image_server_init(&cmp->a.server);
    image_server_init(&cmp->b.server);
    cmp->vdev = strdup(a->vdev ? a->vdev : "?");
    if (!cmp->vdev) goto out;
    rc = side_open(&cmp->a, sctx, a, handle_a, &d);
    if (!rc) rc = side_open(&cmp->b, sctx, b, handle_b, &d);
    if (!rc) rc = find_common(cmp, a->pdev_path, b->pdev_path);
    if (rc) goto out;
    *cmp_r = cmp;
    cmp = NULL;
out:
    if (rc)
        xls_diag(diag, rc, a->vdev, "disk %s: %s", a->vdev ? a->vdev : "?",
                 d.text[0] ? d.text : libxl_error_to_string(rc));
    libxl_disk_compare_end(cmp);
    return rc;
}

/* ---- what is where ---- */

static int ask_status(struct side *side, uint64_t offset, struct diag *d)
{
    uint64_t left = side->server.nbd.size - offset, told;
    const struct image_extents *extents;
    size_t k;
    int i, rc;

    rc = nbd_client_status(&side->server.nbd, offset, left < STATUS_BYTES
                           ? (uint32_t)left : STATUS_BYTES, d);
    if (rc) return rc;
    side->answered = offset + (left < STATUS_BYTES ? left : STATUS_BYTES);
    for (i = 0; i < IMAGE_NUM_CONTEXTS; i++) {
        if (!side->server.nbd.has[i]) continue;
        extents = &side->server.nbd.extents[i];
        told = offset;
        for (k = 0; k < extents->num; k++) told += extents->list[k].length;
        /* What all contexts tell of. */
        if (told < side->answered) side->answered = told;
        side->at[i] = offset;
        side->next[i] = 0;
    }
    side->asked = offset;
    return 0;
}

/* The state of a context at offset, which only grows; and until where. */
static uint32_t state_at(struct side *side, enum image_context context,
                         uint64_t offset, uint64_t *to)
{
    const struct image_extents *extents = &side->server.nbd.extents[context];
    uint64_t end;

    for (;;) {
        end = side->at[context] + extents->list[side->next[context]].length;
        if (end > offset) break;
        side->at[context] = end;
        side->next[context]++;
    }
    if (end < *to) *to = end;
    return extents->list[side->next[context]].state;
}

/* Past the end of the image there are zeroes, in no layer. */
static int look(struct side *side, uint64_t offset, struct known *known,
                struct diag *d)
{
    const struct nbd_client *nbd = &side->server.nbd;
    int rc;

    *known = (struct known){ UINT64_MAX, true, 0 };
    if (offset >= nbd->size) return 0;
    if (offset >= side->answered) {
        rc = ask_status(side, offset, d);
        if (rc) return rc;
    }
    *known = (struct known){ side->answered, false, 1 };
    if (nbd->has[IMAGE_ZEROES])
        known->zero = state_at(side, IMAGE_ZEROES, offset, &known->to) &
                      LIBNBD_STATE_ZERO;
    if (nbd->has[IMAGE_DEPTH])
        known->depth = state_at(side, IMAGE_DEPTH, offset, &known->to);
    return 0;
}

/* Does this come from the layer that both have, or from below it? */
static bool is_below(const struct known *known, size_t layer)
{
    return !known->depth || known->depth > layer;
}

/* Without reading it; *to is brought down to where that may change. */
static bool is_same(libxl_disk_compare *cmp, uint64_t offset,
                    const struct known *a, const struct known *b, uint64_t *to)
{
    uint64_t length;
    bool same;

    if (a->zero && b->zero) return true;
    if (!cmp->shared || !is_below(a, cmp->shared_a) ||
        !is_below(b, cmp->shared_b))
        return false;
    /* One ends here, and the layer goes on. */
    if (offset >= cmp->a.server.nbd.size || offset >= cmp->b.server.nbd.size)
        return false;
    if (cmp->same_state) return true;
    same = qcow2_pair_same(&cmp->pair, offset, &length);
    if (length < *to - offset) *to = offset + length;
    return same;
}

/* ---- reading ---- */

/* Both servers are at work at a time. A side that is all zeroes is not read. */
static int read_both(libxl_disk_compare *cmp, uint64_t offset, uint32_t len,
                     const struct known *a, const struct known *b,
                     struct diag *d)
{
    struct nbd_client *nbd_a = &cmp->a.server.nbd, *nbd_b = &cmp->b.server.nbd;
    int rc = 0;

    if (a->zero)
        memset(cmp->a.buf, 0, len);
    else
        rc = nbd_client_ask(nbd_a, offset, cmp->a.buf, len, d);
    if (rc) return rc;
    if (b->zero)
        memset(cmp->b.buf, 0, len);
    else
        rc = nbd_client_ask(nbd_b, offset, cmp->b.buf, len, d);
    if (!rc && !a->zero) rc = nbd_client_take(nbd_a, d);
    if (!rc && !b->zero) rc = nbd_client_take(nbd_b, d);
    cmp->result.read_bytes += (a->zero ? 0 : len) + (b->zero ? 0 : len);
    return rc;
}

/* Whole units are what is counted, the last one as far as the disk goes. */
static void count(libxl_disk_compare *cmp, uint64_t offset, uint32_t len,
                  uint64_t size)
{
    uint32_t i, part;
    uint64_t unit, from;

    for (i = 0; i < len; i += part) {
        unit = (offset + i) / UNIT;
        part = (uint32_t)((unit + 1) * UNIT - (offset + i));
        if (part > len - i) part = len - i;
        if (unit + 1 == cmp->last_unit ||
            !memcmp(cmp->a.buf + i, cmp->b.buf + i, part))
            continue;
        from = unit * UNIT;
        cmp->result.changed_bytes += size - from < UNIT ? size - from : UNIT;
        cmp->last_unit = unit + 1;
    }
}

static int compare(libxl_disk_compare *cmp,
                   const libxl_snapshot_callbacks *callbacks, struct diag *d)
{
    uint64_t size_a = cmp->a.server.nbd.size, size_b = cmp->b.server.nbd.size;
    uint64_t size = size_a > size_b ? size_a : size_b, offset = 0, to;
    struct known a, b;
    bool same;
    int rc;

    while (offset < size) {
        if (callbacks && callbacks->cancelled &&
            callbacks->cancelled(callbacks->user)) {
            diag_set(d, "stopped, as asked");
            return ERROR_ABORTED;
        }
        rc = look(&cmp->a, offset, &a, d);
        if (!rc) rc = look(&cmp->b, offset, &b, d);
        if (rc) return rc;
        to = a.to < b.to ? a.to : b.to;
        if (to > size) to = size;
        same = is_same(cmp, offset, &a, &b, &to);
        if (!same) {
            if (to - offset > IMAGE_MOST_BYTES) to = offset + IMAGE_MOST_BYTES;
            rc = read_both(cmp, offset, (uint32_t)(to - offset), &a, &b, d);
            if (rc) return rc;
            count(cmp, offset, (uint32_t)(to - offset), size);
        }
        offset = to;
        if (callbacks && callbacks->progress)
            callbacks->progress(callbacks->user, offset, size);
    }
    cmp->result.bytes_a = size_a;
    cmp->result.bytes_b = size_b;
    return 0;
}

int libxl_disk_compare_run(libxl_disk_compare *cmp,
                           const libxl_snapshot_callbacks *callbacks,
                           libxl_disk_comparison *result_r,
                           libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    int rc;

    rc = compare(cmp, callbacks, &d);
    if (rc)
        return xls_diag(diag, rc, cmp->vdev, "disk %s: %s", cmp->vdev,
                        d.text[0] ? d.text : libxl_error_to_string(rc));
    *result_r = cmp->result;
    return 0;
}

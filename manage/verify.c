/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read what is stored, and say whom it hits when it is not what it was. Each
 * memory image is read once, however many others build on it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain/memories.h"
#include "manage/digest.h"
#include "manage/internal.h"
#include "manage/memory.h"

/* One memory image's file. */
struct image {
    uint64_t serial, bytes;
    char *problem;              /* NULL: it is sound */
};

struct verify {
    struct operation op;
    struct image *images;
    int num_images;
    struct manage_verified *list;
    int num;
};

void manage_verified_free(struct manage_verified *list, int num)
{
    int i;

    for (i = 0; i < num; i++) {
        free(list[i].name);
        free(list[i].problem);
    }
    free(list);
}

static void verify_dispose(struct verify *v)
{
    int i;

    for (i = 0; i < v->num_images; i++) free(v->images[i].problem);
    free(v->images);
    manage_verified_free(v->list, v->num);
    operation_dispose(&v->op);
}

/* NULL: of an image that no snapshot has any more, or where nobody asked for it. */
static const char *noted_sha256(const struct operation *op, uint64_t serial)
{
    const chain_snapshot *s = chain_model_by_serial(&op->chain, serial);

    return s ? s->memory_sha256 : NULL;
}

/* Its problem is no failure of ours; being out of memory is. */
static int read_image(struct verify *v, uint64_t serial, struct image **image_r)
{
    struct operation *op = &v->op;
    struct manage_error *err = op->err, mine = { MANAGE_OK, "" };
    struct memory_files memory;
    struct image *image;
    struct stat st;
    int i, rc;

    for (i = 0; i < v->num_images; i++) {
        if (v->images[i].serial != serial) continue;
        *image_r = &v->images[i];
        return 0;
    }
    image = &v->images[v->num_images++];
    *image = (struct image){ .serial = serial };
    memory_files_init(&memory);
    op->err = &mine;
    rc = memory_files_open_alone(op, serial, &memory);
    if (!rc) rc = memory_files_verify(op, &memory);
    if (!rc)
        rc = digest_check(memory.files[0].fd, memory.paths[0],
                          noted_sha256(op, serial), &mine);
    op->err = err;
    if (memory.num && !fstat(memory.files[0].fd, &st))
        image->bytes = (uint64_t)st.st_size;
    memory_files_dispose(&memory);
    if (rc) image->problem = strdup(mine.text);
    if (rc && !image->problem) return manage_fail_nomem(err);
    *image_r = image;
    return 0;
}

/* Its own image, and those that it builds on; that they fit together. */
static int verify_memory(struct verify *v, const chain_snapshot *s,
                         struct manage_verified *result)
{
    struct operation *op = &v->op;
    struct manage_error *err = op->err, mine = { MANAGE_OK, "" };
    struct image *image = NULL;
    struct memory_files memory;
    uint64_t serial;
    int rc;

    for (serial = s->serial; serial;
         serial = chain_memory_base(&op->chain, serial)) {
        rc = read_image(v, serial, &image);
        if (rc) return rc;
        result->bytes += image->bytes;
        if (!image->problem || result->problem) continue;
        result->problem = strdup(image->problem);
        if (!result->problem) return manage_fail_nomem(err);
    }
    if (result->problem) return 0;
    memory_files_init(&memory);
    op->err = &mine;
    rc = memory_files_open(op, s->serial, &memory);
    op->err = err;
    memory_files_dispose(&memory);
    if (!rc) return 0;
    result->problem = strdup(mine.text);
    return result->problem ? 0 : manage_fail_nomem(err);
}

static int verify_config(struct verify *v, const chain_snapshot *s,
                         struct manage_verified *result)
{
    struct chain_error why;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_store_payload_read(v->op.store, s->serial, CHAIN_PAYLOAD_CONFIG,
                                  &text, &len, &why);
    free(text);
    if (!rc) return 0;
    result->problem = strdup(why.text);
    return result->problem ? 0 : manage_fail_nomem(v->op.err);
}

static int verify_one(struct verify *v, const chain_snapshot *s)
{
    struct manage_verified *result = &v->list[v->num++];
    int rc;

    *result = (struct manage_verified){ .name = strdup(s->name),
                                        .memory = s->memory };
    if (!result->name) return manage_fail_nomem(v->op.err);
    rc = verify_config(v, s, result);
    if (rc || result->problem || !s->memory) return rc;
    return verify_memory(v, s, result);
}

static int verify(struct verify *v, const char *name)
{
    const chain_tree *tree = &v->op.chain.tree;
    int i, rc = 0;

    v->list = calloc((size_t)tree->num_snapshots + 1, sizeof(*v->list));
    v->images = calloc((size_t)tree->num_snapshots +
                       (size_t)tree->num_memories + 1, sizeof(*v->images));
    if (!v->list || !v->images) return manage_fail_nomem(v->op.err);
    if (name && !operation_find(&v->op, name)) return ERROR_NOTFOUND;
    for (i = 0; i < tree->num_snapshots && !rc; i++)
        if (!name || !strcmp(tree->snapshots[i].name, name))
            rc = verify_one(v, &tree->snapshots[i]);
    return rc;
}

int manage_verify(struct manage *m, const char *domain, const char *name,
                  struct manage_verified **list_r, int *num_r,
                  struct manage_error *err)
{
    struct verify v = { .num = 0 };
    int rc;

    operation_init(&v.op);
    rc = operation_begin(&v.op, m, "snapshot-verify", domain, true, false, err);
    if (!rc) rc = verify(&v, name);
    if (!rc) {
        *list_r = v.list;
        *num_r = v.num;
        v.list = NULL;
        v.num = 0;
    }
    verify_dispose(&v);
    return rc;
}

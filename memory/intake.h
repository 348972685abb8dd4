/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's memory on its way to the image.
 *
 * libxl writes its stream into a pipe; a thread takes it apart as fast as it
 * comes, and keeps of each page frame what came last. So the guest stands still
 * for as long as copying RAM takes. What takes longer, to compare, pack and write,
 * is for afterwards: intake_image.
 */
#ifndef MEMORY_INTAKE_H
#define MEMORY_INTAKE_H

#include "memory/chain.h"
#include "memory/pages.h"
#include "memory/work.h"

struct intake;

struct intake_args {
    int fd;                     /* the image, an empty file; stays the caller's */
    uint64_t memory_bytes;      /* of the guest, about */
    uint64_t limit, ready;      /* see struct memory_pages_args */
    void (*progress)(void *user, uint64_t bytes, uint64_t estimate);
    void *user;
};

/* *pipe_r, the pipe's writing end, belongs to the intake; it is close-on-exec and
 * blocking. */
int intake_start(const struct intake_args *args, struct intake **intake_r,
                 int *pipe_r);

/* No more comes. What went wrong with what came. */
int intake_end(struct intake *intake, struct diag *diag);

struct intake_image_args {
    int level;                          /* zstd's; 0: not packed */
    struct memory_chain *parent;        /* store differences to it, or NULL */
    uint8_t uuid[16];                   /* of the new image */
    struct work_pool *pool;
    void (*progress)(void *user, uint64_t pages, uint64_t all);
    void *user;
};

struct intake_result {
    uint64_t bytes;             /* of the image */
    /* Page frames that have content: an HVM guest's stream names others, too. */
    uint64_t pages, zero, same, repeated;
    bool whole;                 /* see struct stream_result */
    bool has_parent;            /* never of a stream that was not understood */
};

/*
 * Write the image, after intake_end has succeeded: once, or before that with a
 * parent and without success. The file is neither synced nor
 * closed. Whatever else it may have been used for is cut off.
 */
int intake_image(struct intake *intake, const struct intake_image_args *args,
                 struct intake_result *result_r, struct diag *diag);

/* At any time; what has not come is thrown away. NULL is fine. */
void intake_free(struct intake *intake);

#endif

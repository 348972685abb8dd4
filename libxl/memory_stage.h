/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory on its way to the image.
 *
 * libxl writes a domain's memory into a pipe; one thread takes it out as fast
 * as it comes, another writes it to the image. So the guest stands still for
 * as long as copying RAM takes, not for as long as the disk takes, as far as
 * the buffer reaches. When the buffer is full the guest waits for the disk.
 *
 * To be given memory, page by page, and to copy it once more for the disk are
 * work that competes with taking it. Where all of it fits, and the guest
 * stands still meanwhile, both can be left out of that time: ready and hold.
 */
#ifndef XLS_MEMORY_STAGE_H
#define XLS_MEMORY_STAGE_H

#include <stdbool.h>
#include <stdint.h>

struct memory_stage;

struct memory_stage_args {
    int out_fd;                 /* stays the caller's */
    uint64_t buffer;            /* bytes at most between the two threads */
    uint64_t ready;             /* how much of it to have at hand beforehand */
    bool hold;                  /* write once all has come, or buffer is full */
    uint64_t estimate;          /* for progress */
    void (*progress)(void *user, uint64_t bytes, uint64_t estimate);
    void *user;
};

/*
 * Returns 0 or a libxl error. *fd_r, the pipe's writing end, belongs to the
 * stage; it is close-on-exec and blocking.
 */
int memory_stage_start(const struct memory_stage_args *args,
                       struct memory_stage **stage_r, int *fd_r);

/*
 * No more comes: wait until all of it has been written. Frees the stage in
 * any case. On failure *errnoval_r is why out_fd could not be written.
 */
int memory_stage_finish(struct memory_stage *stage, uint64_t *bytes_r,
                        int *errnoval_r);

/* Give up: whatever has not been written is thrown away. Frees the stage. */
void memory_stage_abort(struct memory_stage *stage);

#endif

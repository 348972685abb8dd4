/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A recorded stream of a guest, and what the benches do with it. */
#ifndef XLS_BENCH_STREAM_H
#define XLS_BENCH_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "memory/chain.h"
#include "memory/intake.h"

#define GIB         (1024.0 * 1024 * 1024)
#define ROUNDS      5

struct stream {
    char *data;
    size_t size;
    const char *scratch;        /* where files go */
};

void die(const char *what);
double now(void);
double least(double a, double b);

/* FILE [SCRATCH-DIR] */
void stream_load(struct stream *stream, int argc, char **argv);
void stream_free(struct stream *stream);

/* An empty file in the scratch directory. */
int scratch_file(const struct stream *stream, const char *name);

/* Seconds: through a pipe alone, which nothing that uses one can beat; into the
 * filter; out of images into a pipe that somebody empties. */
double through_a_pipe(const struct stream *stream);
double take(const struct stream *stream, int fd, struct intake **intake_r);
double feed(struct memory_chain *chain, uint64_t *bytes_r);

#endif

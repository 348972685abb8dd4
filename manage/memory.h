/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory images of snapshots, as files of the domain's directory. */
#ifndef MANAGE_MEMORY_H
#define MANAGE_MEMORY_H

#include "manage/internal.h"

/* An image that has been opened, and those that it builds on. */
struct memory_files {
    libxl_memory_file *files;
    char **paths;
    int num;
};

void memory_files_init(struct memory_files *m);
void memory_files_dispose(struct memory_files *m);

int memory_files_open(struct operation *op, uint64_t serial,
                      struct memory_files *m);
/* Without those that it builds on. */
int memory_files_open_alone(struct operation *op, uint64_t serial,
                            struct memory_files *m);

/* Read every byte: MANAGE_DAMAGED when one is not what it was. */
int memory_files_verify(struct operation *op, const struct memory_files *m);

/* A new image of a snapshot, empty; *fd_r is the caller's. */
int memory_create(struct operation *op, uint64_t serial, int *fd_r);

/* The serial of what a new snapshot's image is to build on; 0: on nothing. */
uint64_t memory_choose_base(const struct operation *op);

/*
 * Make hidden images one with what builds on them, and remove those that nobody
 * needs. What cannot be done now is noted, and tried again the next time.
 */
int memory_settle(struct operation *op, char **note);

/* What the library says of an image, as an error of ours. */
int memory_fail(struct manage_error *err, int rc, const libxl_snapshot_diag *diag);

#endif

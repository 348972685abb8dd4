/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the chain share. */
#ifndef TESTS_CHAIN_UTIL_H
#define TESTS_CHAIN_UTIL_H

/* cmocka needs these before it, in this order */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain/model.h"
#include "chain/store.h"

/* A new directory, on a file system in memory when there is one. Absolute;
 * malloc'd. */
char *util_make_dir(void);
/* Removes it and all in it, and frees the string. */
void util_remove_dir(char *dir);
/* Removes all in a directory. */
void util_empty_dir(const char *dir);

/* "<dir>/<name>", malloc'd. */
char *util_path(const char *dir, const char *name);
void util_write_file(const char *path, const void *data, size_t len);
/* NULL when there is none; malloc'd, with a NUL after its end. */
char *util_read_file(const char *path, size_t *len_r);
bool util_exists(const char *path);

/* A valid snapshot, of two disks: one with a handle, one skipped. To be
 * disposed of. */
void util_snapshot(chain_snapshot *snapshot, uint64_t serial, uint64_t parent,
                   const char *name);

/* Makes disk number at, which the snapshot has, an external one of path. */
void util_external(chain_snapshot *snapshot, int at, const char *path,
                   libxl_disk_format format);

/* Another disk at the end: vdev only. */
chain_disk *util_more_disk(chain_snapshot *snapshot, const char *vdev);

/* Adds such a snapshot with the next serial, and returns that. */
uint64_t util_add(struct chain_model *model, uint64_t parent,
                  const char *name);

/* The tree as JSON, malloc'd: trees are equal when these are. */
char *util_tree_text(const chain_tree *tree);

void util_assert_sound(const struct chain_model *model);

/* A generator of our own: what it yields depends on the seed alone. */
uint32_t util_random(uint64_t *state);

/* Of a number of rounds, or a size, what there is time for: under valgrind
 * (tests/valgrind.mk) a tenth. */
int util_so_many(int number);

#endif

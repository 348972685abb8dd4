/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes to files that are on the disk when the call returns 0, and that a
 * crash or a pulled plug leaves either undone or done. Of this room only.
 *
 * Errors are ERROR_FAIL with errnum and one line that names the path. After a
 * failure the change may have been made or not.
 */
#ifndef CHAIN_DURABLE_H
#define CHAIN_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/error.h"

/*
 * The file at path (0600) becomes these bytes, by way of a temporary file in
 * the same directory and rename. What was at path before is kept at keep,
 * unless keep is NULL or there was nothing.
 */
int chain_durable_replace(const char *path, const char *keep,
                          const void *data, size_t len,
                          struct chain_error *err);

/* Whether a name is one that chain_durable_replace gives to a temporary file
 * for the file called base (or for what it keeps). */
bool chain_durable_is_temporary(const char *name, const char *base);

/* A new file, 0600; EEXIST when there is one. Its entry in the directory is
 * not durable until the directory is synced. */
int chain_durable_create(const char *path, const void *data, size_t len,
                         struct chain_error *err);

/* Removes a file; none is fine. */
int chain_durable_remove(const char *path, struct chain_error *err);

/* Makes a directory, 0700; EEXIST when there is anything, and then the entry
 * is made durable all the same: who made it may not have come to that. */
int chain_durable_mkdir(const char *path, struct chain_error *err);

/* Removes a directory, the files in it, and directories a few levels deep,
 * without following a symbolic link; none is fine. */
int chain_durable_remove_dir(const char *path, struct chain_error *err);

/* Makes durable what names a directory has. */
int chain_durable_sync_dir(const char *path, struct chain_error *err);

/* Brings the files in a directory, the directory, and its entry to the disk. */
int chain_durable_sync_files(const char *path, struct chain_error *err);

#endif

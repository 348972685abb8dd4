/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image with another configuration, as a pipe that "xl restore"
 * reads: the disks' images may have changed since it was written.
 */
#ifndef XL_RESTORE_FEED_H
#define XL_RESTORE_FEED_H

#include "manage/manage.h"

struct restore_feed;

/* Begins to write; *fd_r is the end to be read, the caller's to close. */
int restore_feed_start(const char *memory_path, const char *config_json,
                       struct restore_feed **feed_r, int *fd_r,
                       struct manage_error *err);

/* Waits for the writer, whom a reader that is gone ends. A failure to read
 * the image is told in err; that the reader did not want all is none. */
int restore_feed_finish(struct restore_feed *feed, struct manage_error *err);

#endif

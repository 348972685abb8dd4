/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image with a configuration, as a pipe that "xl restore" reads.
 */
#ifndef XL_RESTORE_FEED_H
#define XL_RESTORE_FEED_H

#include "manage/manage.h"

struct restore_feed;

/* Begins to write; *fd_r is the end to be read, the caller's to close. What
 * memory names must stay open until it has finished. */
int restore_feed_start(const struct manage_memory *memory,
                       const char *config_json, struct restore_feed **feed_r,
                       int *fd_r, struct manage_error *err);

/* Waits for the writer, whom a reader that is gone ends. A failure to read
 * the image is told in err; that the reader did not want all is none. */
int restore_feed_finish(struct restore_feed *feed, struct manage_error *err);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line on the terminal that says how a long command is getting on, and is
 * gone when the command ends. Not shown, nothing is written.
 *
 * Any thread may report. Nothing here waits for the terminal: a person who
 * pressed Ctrl-S must not keep a guest standing still.
 */
#ifndef XL_PROGRESS_H
#define XL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct xl_progress;

/* NULL when out of memory. */
struct xl_progress *progress_create(bool shown);
/* Clears the line. NULL is fine. */
void progress_free(struct xl_progress *progress);

/* A named point ("create:suspending") was reached. */
void progress_reached(struct xl_progress *progress, const char *point);

/* Memory written, of about so much. */
void progress_memory(struct xl_progress *progress, uint64_t bytes,
                     uint64_t estimate);

/* Something else wants to write to the terminal. */
void progress_clear(struct xl_progress *progress);

#endif

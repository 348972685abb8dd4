/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of JSON documents; for the files that write them. A writer
 * remembers its first failure, so nobody but write_end need look for one; out
 * of memory at the beginning, it is NULL.
 */
#ifndef XL_OUTPUT_JSON_WRITE_H
#define XL_OUTPUT_JSON_WRITE_H

#include "libxl/json.h"
#include "xl/output.h"

/* An object is open. NULL when out of memory. */
xjson_writer *write_begin(void);

/* Close the object, print, and free, also NULL. 0, or a libxl error with err
 * filled in. */
int write_end(xjson_writer *w, struct manage_error *err);

/* The same for what has been done already, and is told all the same when
 * memory runs out: as {}. */
void write_end_anyhow(xjson_writer *w);

/* A member with foreign text: the writer refuses what is not UTF-8. */
void write_text(xjson_writer *w, const char *name, const char *text);

/* The member "error". */
void write_error(xjson_writer *w, const struct manage_error *err);

/* The members that a snapshot has whatever stands around it. */
void write_snapshot_members(xjson_writer *w, const chain_snapshot *snapshot);

/* The member "clock"; output_clock.c. */
void write_clock(xjson_writer *w, const struct manage_clock *clock);

/* The member "in_flight". */
void write_in_flight(xjson_writer *w, const struct manage_view *view);

#endif

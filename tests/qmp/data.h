/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What real QEMUs answered: tests/data/qmp/VERSION/NAME, by record.py. */
#ifndef TESTS_QMP_DATA_H
#define TESTS_QMP_DATA_H

#include "libxl/qmp_block.h"

/* The releases that were recorded; NULL ends the list. */
extern const char *const data_versions[];

/* A whole file, terminated; the caller's. Fails the test if it is not there. */
char *data_read(const char *version, const char *name);

/* A recorded state, as the monitor's client would have collected it. */
void data_load_replies(const char *version, const char *name,
                       struct block_replies *replies);

/* The same from text. False if the text is no such state at all. */
bool data_parse_replies(const char *text, size_t len,
                        struct block_replies *replies);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of snapshots for the targets to begin with. */
#ifndef TESTS_FUZZ_SAMPLES_H
#define TESTS_FUZZ_SAMPLES_H

#include "chain/model.h"
#include "libxl/json.h"

#define SAMPLE_DOMAIN "guest"

/* One that the rules allow, of one to three disks. */
void sample_snapshot(chain_snapshot *snapshot, uint64_t serial, uint64_t parent,
                     unsigned *seed);
/* One of a disk that is frozen, at path. */
void sample_external(chain_snapshot *snapshot, uint64_t serial, uint64_t parent,
                     const char *path);
char *sample_copy(const char *text);
/* Frees the writer. */
char *sample_text(xjson_writer *w, size_t *len_r);

#endif

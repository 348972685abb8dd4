/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two states of one qcow2 image: two internal snapshots of it, or one and the
 * image itself. Where the tables of both name the same clusters, or none, both
 * hold the same, and nothing of it has to be read.
 *
 * An internal snapshot's tables do not change as long as it is there, but for
 * a flag that is passed over here, also while a guest writes to the image. Of
 * the image itself nobody may write meanwhile. What is not understood is no
 * error: then nothing is known to be the same.
 */
#ifndef XLS_QCOW2_PAIR_H
#define XLS_QCOW2_PAIR_H

#include <stdbool.h>
#include <stdint.h>

struct qcow2_table {
    uint64_t *l1;               /* as stored, but in the host's order */
    uint32_t l1_entries;
    uint64_t l2_index;          /* of the one that l2 holds; UINT64_MAX: none */
    uint64_t *l2;
};

struct qcow2_pair {
    int fd;
    bool known;                 /* false: it cannot be told of any place */
    uint32_t cluster_bits, entry_words;     /* a L2 entry's words of 64 bits */
    struct qcow2_table a, b;
};

void qcow2_pair_init(struct qcow2_pair *pair);
void qcow2_pair_dispose(struct qcow2_pair *pair);

/* The snapshots' ids; NULL: the image itself. 0, or ERROR_NOMEM. */
int qcow2_pair_open(struct qcow2_pair *pair, const char *path, const char *a,
                    const char *b);

/* Are both the same from offset on? *length_r: for so many bytes at least. */
bool qcow2_pair_same(struct qcow2_pair *pair, uint64_t offset,
                     uint64_t *length_r);

#endif

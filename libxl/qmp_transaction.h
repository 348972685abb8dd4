/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's "transaction": all disks at one instant, or none of them.
 */
#ifndef XLS_QMP_TRANSACTION_H
#define XLS_QMP_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxl/qmp_client.h"

enum qmp_transaction_type {
    QMP_TRANSACTION_SNAPSHOT,   /* internal: node, name */
    QMP_TRANSACTION_OVERLAY,    /* node gets overlay on top */
    QMP_TRANSACTION_BITMAP_ADD, /* persistent, recording: node, name, granularity */
};

struct qmp_transaction_action {
    enum qmp_transaction_type type;
    const char *node;
    const char *name;
    const char *overlay;        /* its node */
    uint64_t granularity;       /* bytes */
};

/*
 * QEMU's main loop and the disks' I/O stand still meanwhile: 4 to 100 ms
 * usually, 7 s for an internal snapshot of a full 1 TiB image, and each disk
 * waits for the sum.
 *
 * ERROR_INVAL: a snapshot's name is none; nothing was sent. On ERROR_TIMEDOUT
 * and the protocol errors the outcome is not known: look before doing
 * anything else. A refusal (qmp_error_is_refusal) has left nothing behind.
 */
int qmp_transaction(struct qmp_client *client,
                    const struct qmp_transaction_action *actions,
                    size_t num_actions, deadline by, struct diag *diag);

#endif

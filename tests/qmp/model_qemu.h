/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of a QEMU as a merge sees of it, in this process: put in the place
 * of qmp_client_execute by the linker (--wrap). Any one exchange can go wrong,
 * and what was asked for in it be done or not.
 */
#ifndef TESTS_QMP_MODEL_QEMU_H
#define TESTS_QMP_MODEL_QEMU_H

#include <stdbool.h>

#include "libxl/qmp_job.h"

enum model_fault {
    MODEL_REFUSES,          /* an error reply; nothing is done */
    MODEL_HANGS,            /* no reply, nothing is done */
    MODEL_HANGS_AFTER,      /* done, but no reply */
    MODEL_DIES,             /* the connection ends, nothing is done */
    MODEL_DIES_AFTER,       /* done, then the connection ends */
    MODEL_BABBLES,          /* done, and the reply makes no sense */
    MODEL_NUM_FAULTS,
};

struct model_node {
    const char *name;
    char path[128];
    int backing;            /* index; -1: none */
    bool open;
};

struct model_qemu {
    struct model_node nodes[4];
    int num_nodes;
    int root;
    /* the job */
    char job[48];           /* "": none */
    const char *status;
    char error[64];
    bool active;            /* commit of the root */
    int top, base;          /* what it merges: COMMIT drops top, STREAM base */
    bool stream;
    int queries;            /* until it is ready or pending */
    bool ending;            /* complete or finalize was said */
    bool by_itself;         /* its end is nobody's doing */
    const char *foreign;    /* another job's id */
    /* what goes wrong */
    int exchange, fault_at;
    enum model_fault fault;
    /* what was seen */
    bool paused;            /* the test's host says so */
    bool changed_running;   /* the graph changed under a running guest */
};

extern struct model_qemu model;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a block job: what block-pull and block-job have in common. */
#ifndef XL_BLOCK_WAIT_H
#define XL_BLOCK_WAIT_H

#include "xl/app.h"
#include "xl/options.h"

enum { OPT_WAIT = OPT_OWN, OPT_WAIT_TIMEOUT, OPT_DETACH, OPT_BYTES,
       OPT_WAIT_OWN };

#define BLOCK_WAIT_OPTIONS \
    { "wait", no_argument, NULL, OPT_WAIT }, \
    { "timeout", required_argument, NULL, OPT_WAIT_TIMEOUT }, \
    { "detach", no_argument, NULL, OPT_DETACH }, \
    { "bytes", no_argument, NULL, OPT_BYTES }

struct block_wait {
    bool wait, detach, bytes;
    unsigned int timeout_ms;
    const char *speed;          /* the argument of an option; NULL: none */
    uint64_t bandwidth;
};

void block_wait_option(struct xl_app *app, struct block_wait *wait, int opt);
/* After the last option. */
void block_wait_check(struct xl_app *app, struct block_wait *wait);

/* Wait and tell how it ends. 0, or a libxl error with err filled in. */
int block_wait_run(struct xl_app *app, const struct block_wait *wait,
                   const char *domain, const char *vdev,
                   struct manage_error *err);

#endif

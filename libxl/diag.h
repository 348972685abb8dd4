/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why something failed, in one line for a person: what happened, why, and
 * what to do. It travels beside the libxl error code.
 *
 * Every function that takes a struct diag accepts NULL, and writes it on
 * failure only. Text that came from elsewhere (QEMU, file names) may be put
 * in: control characters and broken UTF-8 are replaced on the way.
 */
#ifndef XLS_DIAG_H
#define XLS_DIAG_H

#include <stddef.h>

struct diag {
    char text[512];
};

void diag_set(struct diag *diag, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put the noun of the layer above in front: "xvda: " + what there is. */
void diag_prefix(struct diag *diag, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make one printable line of whatever is in text, in place. */
void diag_sanitize(char *text);

#endif

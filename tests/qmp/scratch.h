/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder of its own for one test, and what is needed in it. */
#ifndef TESTS_QMP_SCRATCH_H
#define TESTS_QMP_SCRATCH_H

#include <stdbool.h>
#include <sys/types.h>

struct scratch {
    char path[64];
};

/* These fail the test if they fail. */
void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);   /* with all that is in it */

/* A path in it, in a buffer that the next eight calls do not touch. */
const char *scratch_path(const struct scratch *scratch, const char *name);

void scratch_write(const struct scratch *scratch, const char *name,
                   const char *content, mode_t mode);
void scratch_mkdir(const struct scratch *scratch, const char *name);
bool scratch_exists(const struct scratch *scratch, const char *name);

#endif

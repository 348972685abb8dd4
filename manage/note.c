/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "manage/note.h"

void note_add(char **note, const char *fmt, ...)
{
    char *line, *all;
    va_list ap;
    int r;

    if (!note) return;
    va_start(ap, fmt);
    r = vasprintf(&line, fmt, ap);
    va_end(ap);
    if (r < 0) return;
    if (asprintf(&all, "%s%s\n", *note ? *note : "", line) >= 0) {
        free(*note);
        *note = all;
    }
    free(line);
}

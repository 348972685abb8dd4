/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines for people, gathered while something is done. */
#ifndef MANAGE_NOTE_H
#define MANAGE_NOTE_H

/* A line more to *note (NULL: none yet). note may be NULL; without memory for
 * the line, it is left out. */
void note_add(char **note, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

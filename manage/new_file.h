/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file that is there, whole, or not at all: it has no name until it is
 * published, and is gone when we are killed before. (On a file system that
 * knows no files without a name it is called .NAME.XXXXXX until then.)
 */
#ifndef MANAGE_NEW_FILE_H
#define MANAGE_NEW_FILE_H

#include "manage/manage.h"

struct new_file {
    int fd;                     /* to read and write; -1: none */
    char *path;
    char *dir;
    char *temporary;            /* its name meanwhile; NULL: it has none */
};

void new_file_init(struct new_file *file);
/* What has not been published goes. */
void new_file_dispose(struct new_file *file);

/* 0600. MANAGE_REFUSED when something has the name already. */
int new_file_open(struct new_file *file, const char *path,
                  struct manage_error *err);

/* A scratch file on the volume of a directory: it never gets a name. */
int new_file_scratch(struct new_file *file, const char *dir,
                     struct manage_error *err);

/* Durable, under its name, when it returns 0. Replaces nothing. */
int new_file_publish(struct new_file *file, struct manage_error *err);

#endif

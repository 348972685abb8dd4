/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of an import, in their order. */
#ifndef XLS_MANAGE_IMPORT_PARTS_H
#define XLS_MANAGE_IMPORT_PARTS_H

#include "manage/config_json.h"
#include "manage/import_check.h"
#include "manage/internal.h"
#include "manage/new_file.h"
#include "manage/preflight.h"
#include "manage/tar.h"

#define IMPORT_CHUNK (1u << 20)

struct import {
    const struct manage_import *args;
    struct operation op;
    struct tar_reader *tar;
    struct manifest manifest;   /* its snapshot becomes the chain's */
    const char *domain;
    char uuid[37];
    char *config;               /* as it is to be here */
    struct config_disk *where;  /* the disks in the archive */
    int *index;                 /* of each, in the snapshot's */
    struct new_file *files;     /* likewise */
    int num;
    struct prediction predicted;
    char *chunk;
};

/* import_receive.c: what is large, into files without names and the payload. */
int import_receive(struct import *in);

/* import_publish.c. Their names, before they get them. */
int import_journal_names(struct import *in);

/* When one cannot have its name, somebody else may: only those that were
 * given theirs here lose it again, and none on the way back. */
int import_name_files(struct import *in);

/* What came in is both the present of the disk and its first snapshot. */
int import_snapshot_disk(struct import *in, int i);

/* The commit point. */
int import_publish(struct import *in);

#endif

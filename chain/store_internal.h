/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the store share. Of this room only. */
#ifndef CHAIN_STORE_INTERNAL_H
#define CHAIN_STORE_INTERNAL_H

#include "chain/lock.h"
#include "chain/store.h"
#include "libxl/json.h"

#define CHAIN_FILE_TREE "chain.json"
#define CHAIN_FILE_PREVIOUS "chain.json.prev"
#define CHAIN_FILE_BAD "chain.json.bad"
#define CHAIN_FILE_JOURNAL "journal.json"
#define CHAIN_FILE_LOCK "lock"
#define CHAIN_PAYLOAD_PREFIX "snap-"

struct chain_store {
    char *statedir;
    char *domain;
    char *dir;
    char *tree;                 /* the paths of the files */
    char *previous;
    char *bad;
    char *journal;
    char *lock_path;
    struct chain_lock *lock;    /* NULL: not ours */
};

int chain_store_need_lock(const chain_store *store, struct chain_error *err);

/*
 * The JSON of a file of ours, of a version that we know. ERROR_NOTFOUND when
 * there is no file.
 */
int chain_file_read_json(const char *path, xjson **value_r,
                         struct chain_error *err);

/* Replaces a file by what was written to w, durably; keep as in
 * chain_durable_replace. rc is what writing to w came to. */
int chain_file_write_json(const char *path, const char *keep, xjson_writer *w,
                          int rc, struct chain_error *err);

/* A file of at most XJSON_MAX_BYTES, with a NUL after its end. */
int chain_file_read(const char *path, char **data_r, size_t *len_r,
                    struct chain_error *err);

int chain_file_present(const char *path, bool *present_r,
                       struct chain_error *err);

/* The serial in a payload's directory name, or 0 when it is none. */
uint64_t chain_payload_serial(const char *name);

/* A growing array of copies. */
struct chain_strings {
    char **strings;
    size_t num;
};
int chain_strings_add(struct chain_strings *list, const char *string);
void chain_strings_sort(struct chain_strings *list);

#endif

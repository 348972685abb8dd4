/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directories of single snapshots, and what a crash may leave of them. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/durable.h"
#include "chain/index.h"
#include "chain/memories.h"
#include "chain/store_internal.h"

/* ---- one payload ---- */

int chain_store_payload_path(const chain_store *store, uint64_t serial,
                             const char *file, char **path_r,
                             struct chain_error *err)
{
    char *path;

    if (!serial || (file && (!file[0] || file[0] == '.' || strchr(file, '/'))))
        return chain_error_set(err, ERROR_INVAL,
                               "'%s' of snapshot %" PRIu64 " cannot be a file",
                               file ? file : "", serial);
    if (asprintf(&path, "%s/" CHAIN_PAYLOAD_PREFIX "%" PRIu64 "%s%s",
                 store->dir, serial, file ? "/" : "", file ? file : "") < 0)
        return chain_error_set_nomem(err);
    *path_r = path;
    return 0;
}

/* The path of something that is about to be changed. */
static int path_to_change(const chain_store *store, uint64_t serial,
                          const char *file, char **path_r,
                          struct chain_error *err)
{
    int rc;

    rc = chain_store_need_lock(store, err);
    if (rc) return rc;
    return chain_store_payload_path(store, serial, file, path_r, err);
}

int chain_store_payload_create(chain_store *store, uint64_t serial,
                               struct chain_error *err)
{
    char *path;
    int rc;

    rc = path_to_change(store, serial, NULL, &path, err);
    if (rc) return rc;
    rc = chain_durable_mkdir(path, err);
    free(path);
    return rc;
}

int chain_store_payload_write(chain_store *store, uint64_t serial,
                              const char *file, const void *data, size_t len,
                              struct chain_error *err)
{
    char *path;
    int rc;

    rc = path_to_change(store, serial, file, &path, err);
    if (rc) return rc;
    rc = chain_durable_create(path, data, len, err);
    free(path);
    return rc;
}

int chain_store_payload_read(const chain_store *store, uint64_t serial,
                             const char *file, char **data_r, size_t *len_r,
                             struct chain_error *err)
{
    char *path;
    int rc;

    rc = chain_store_payload_path(store, serial, file, &path, err);
    if (rc) return rc;
    rc = chain_file_read(path, data_r, len_r, err);
    free(path);
    return rc;
}

int chain_store_payload_seal(chain_store *store, uint64_t serial,
                             struct chain_error *err)
{
    char *path;
    int rc;

    rc = path_to_change(store, serial, NULL, &path, err);
    if (rc) return rc;
    rc = chain_durable_sync_files(path, err);
    free(path);
    return rc;
}

int chain_store_payload_remove(chain_store *store, uint64_t serial,
                               struct chain_error *err)
{
    char *path;
    int rc;

    rc = path_to_change(store, serial, NULL, &path, err);
    if (rc) return rc;
    rc = chain_durable_remove_dir(path, err);
    free(path);
    return rc;
}

/* ---- orphans ---- */

/* Only as we write it ourselves: no sign, no zero in front. */
uint64_t chain_payload_serial(const char *name)
{
    const size_t prefix = strlen(CHAIN_PAYLOAD_PREFIX);
    const char *digits = name + prefix;
    char *end;
    uint64_t serial;

    if (strncmp(name, CHAIN_PAYLOAD_PREFIX, prefix)) return 0;
    if (digits[0] < '1' || digits[0] > '9') return 0;
    errno = 0;
    serial = strtoull(digits, &end, 10);
    return errno || *end ? 0 : serial;
}

static bool is_temporary(const char *name)
{
    return chain_durable_is_temporary(name, CHAIN_FILE_TREE) ||
           chain_durable_is_temporary(name, CHAIN_FILE_PREVIOUS) ||
           chain_durable_is_temporary(name, CHAIN_FILE_BAD) ||
           chain_durable_is_temporary(name, CHAIN_FILE_JOURNAL);
}

static bool is_orphan(const struct chain_model *model,
                      const struct chain_index *index, const char *name)
{
    uint64_t serial = chain_payload_serial(name);

    if (serial)
        return chain_index_find(index, serial) == CHAIN_LOST &&
               !chain_memory_is_hidden(model, serial);
    return is_temporary(name);
}

/* No directory: no orphans. */
static int scan(const chain_store *store, const struct chain_model *model,
                const struct chain_index *index,
                struct chain_strings *orphans, struct chain_error *err)
{
    struct dirent *entry;
    DIR *dir;
    int rc = 0;

    dir = opendir(store->dir);
    if (!dir && errno == ENOENT) return 0;
    if (!dir)
        return chain_error_set_errno(err, errno, "cannot read %s", store->dir);
    while (!rc) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = chain_error_set_errno(err, errno, "cannot read %s",
                                           store->dir);
            break;
        }
        if (is_orphan(model, index, entry->d_name) &&
            chain_strings_add(orphans, entry->d_name))
            rc = chain_error_set_nomem(err);
    }
    closedir(dir);
    return rc;
}

int chain_store_orphans(const chain_store *store,
                        const struct chain_model *model,
                        char ***names_r, size_t *num_r,
                        struct chain_error *err)
{
    struct chain_strings orphans = { 0 };
    struct chain_index index = { 0 };
    int rc;

    rc = chain_index_build(&index, &model->tree);
    if (rc) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    rc = scan(store, model, &index, &orphans, err);
    if (rc) goto out;
    chain_strings_sort(&orphans);
    *names_r = orphans.strings;
    *num_r = orphans.num;
    orphans = (struct chain_strings){ 0 };

out:
    chain_strings_free(orphans.strings, orphans.num);
    chain_index_dispose(&index);
    return rc;
}

static int remove_orphan(const chain_store *store, const char *name,
                         struct chain_error *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", store->dir, name) < 0)
        return chain_error_set_nomem(err);
    rc = chain_payload_serial(name) ? chain_durable_remove_dir(path, err)
                                    : chain_durable_remove(path, err);
    free(path);
    return rc;
}

int chain_store_orphans_remove(chain_store *store,
                               const struct chain_model *model,
                               struct chain_error *err)
{
    char **names = NULL;
    size_t num = 0, i;
    int rc;

    rc = chain_store_need_lock(store, err);
    if (rc) goto out;
    if (model->damaged) {
        rc = chain_error_set(err, ERROR_BADFAIL,
            "the chain is damaged, so nothing is known to be an orphan: %s",
            model->damaged);
        goto out;
    }
    rc = chain_store_orphans(store, model, &names, &num, err);
    if (rc) goto out;
    for (i = 0; i < num; i++) {
        rc = remove_orphan(store, names[i], err);
        if (rc) goto out;
    }

out:
    chain_strings_free(names, num);
    return rc;
}

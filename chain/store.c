/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/durable.h"
#include "chain/name.h"
#include "chain/store_internal.h"

/* ---- the handle ---- */

static char *join(const char *dir, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int chain_store_open(const char *statedir, const char *domain,
                     chain_store **store_r, struct chain_error *err)
{
    chain_store *store = NULL;
    int rc;

    rc = chain_domain_name_check(domain, err);
    if (rc) goto out;
    store = calloc(1, sizeof(*store));
    if (!store) goto nomem;
    store->statedir = strdup(statedir);
    store->domain = strdup(domain);
    store->dir = join(statedir, domain);
    if (!store->statedir || !store->domain || !store->dir) goto nomem;
    store->tree = join(store->dir, CHAIN_FILE_TREE);
    store->previous = join(store->dir, CHAIN_FILE_PREVIOUS);
    store->bad = join(store->dir, CHAIN_FILE_BAD);
    store->journal = join(store->dir, CHAIN_FILE_JOURNAL);
    store->lock_path = join(store->dir, CHAIN_FILE_LOCK);
    if (!store->tree || !store->previous || !store->bad || !store->journal ||
        !store->lock_path)
        goto nomem;
    *store_r = store;
    store = NULL;
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    chain_store_close(store);
    return rc;
}

void chain_store_close(chain_store *store)
{
    if (!store) return;
    chain_store_unlock(store);
    free(store->statedir);
    free(store->domain);
    free(store->dir);
    free(store->tree);
    free(store->previous);
    free(store->bad);
    free(store->journal);
    free(store->lock_path);
    free(store);
}

const char *chain_store_domain(const chain_store *store)
{
    return store->domain;
}

const char *chain_store_dir(const chain_store *store)
{
    return store->dir;
}

/* ---- which domains there are ---- */

int chain_store_exists(const chain_store *store, bool *exists_r,
                       struct chain_error *err)
{
    bool exists;
    int rc;

    rc = chain_file_present(store->tree, &exists, err);
    if (!rc && !exists) rc = chain_file_present(store->journal, &exists, err);
    if (rc) return rc;
    *exists_r = exists;
    return 0;
}

static int list_one(const char *statedir, const char *name,
                    struct chain_strings *domains, struct chain_error *err)
{
    chain_store *store = NULL;
    bool exists = false;
    int rc;

    /* what cannot be a domain is not ours */
    if (chain_domain_name_check(name, NULL)) return 0;
    rc = chain_store_open(statedir, name, &store, err);
    if (!rc) rc = chain_store_exists(store, &exists, err);
    if (!rc && exists && chain_strings_add(domains, name))
        rc = chain_error_set_nomem(err);
    chain_store_close(store);
    return rc;
}

int chain_store_list_domains(const char *statedir, char ***domains_r,
                             size_t *num_r, struct chain_error *err)
{
    struct chain_strings domains = { 0 };
    struct dirent *entry;
    DIR *dir = NULL;
    int rc = 0;

    dir = opendir(statedir);
    if (!dir && errno != ENOENT) {
        rc = chain_error_set_errno(err, errno, "cannot read %s", statedir);
        goto out;
    }
    while (dir) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = chain_error_set_errno(err, errno, "cannot read %s",
                                           statedir);
            break;
        }
        rc = list_one(statedir, entry->d_name, &domains, err);
        if (rc) break;
    }
    if (rc) goto out;
    chain_strings_sort(&domains);
    *domains_r = domains.strings;
    *num_r = domains.num;
    domains = (struct chain_strings){ 0 };

out:
    if (dir) closedir(dir);
    chain_strings_free(domains.strings, domains.num);
    return rc;
}

/* ---- the lock ---- */

static int need_dir(const char *path, struct chain_error *err)
{
    struct chain_error mine;
    int rc;

    rc = chain_durable_mkdir(path, &mine);
    if (rc && mine.errnum == EEXIST) return 0;
    if (rc && err) *err = mine;
    return rc;
}

int chain_store_lock(chain_store *store, const char *verb,
                     unsigned int wait_ms, struct chain_error *err)
{
    int rc;

    if (store->lock)
        return chain_error_set(err, ERROR_INVAL, "%s is locked by us already",
                               store->lock_path);
    rc = need_dir(store->statedir, err);
    if (rc) return rc;
    rc = need_dir(store->dir, err);
    if (rc) return rc;
    rc = chain_lock_take(store->lock_path, verb, wait_ms, &store->lock, err);
    if (rc) return rc;
    /* Whoever was here before may have been killed between a rename and its
     * fsync. What we read now we shall act upon, so it must not be what only
     * the page cache has. */
    rc = chain_durable_sync_dir(store->dir, err);
    if (rc) chain_store_unlock(store);
    return rc;
}

void chain_store_unlock(chain_store *store)
{
    chain_lock_release(store->lock);
    store->lock = NULL;
}

bool chain_store_is_locked(const chain_store *store)
{
    return store->lock != NULL;
}

int chain_store_need_lock(const chain_store *store, struct chain_error *err)
{
    if (store->lock) return 0;
    return chain_error_set(err, ERROR_LOCK_FAIL,
                           "%s is written only by who has locked it",
                           store->dir);
}

/* ---- lists of strings ---- */

int chain_strings_add(struct chain_strings *list, const char *string)
{
    char **grown;

    grown = realloc(list->strings, (list->num + 1) * sizeof(*grown));
    if (!grown) return ERROR_NOMEM;
    list->strings = grown;
    grown[list->num] = strdup(string);
    if (!grown[list->num]) return ERROR_NOMEM;
    list->num++;
    return 0;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void chain_strings_sort(struct chain_strings *list)
{
    if (list->num)
        qsort(list->strings, list->num, sizeof(*list->strings),
              compare_strings);
}

void chain_strings_free(char **strings, size_t num)
{
    while (num) free(strings[--num]);
    free(strings);
}

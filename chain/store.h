/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The chain of one domain as files; docs/format/chain.md specifies them.
 *
 *   <statedir>/<domain>/chain.json         the whole tree
 *   <statedir>/<domain>/chain.json.prev    the tree before the last save
 *   <statedir>/<domain>/journal.json       what is in flight
 *   <statedir>/<domain>/lock               who may change all this
 *   <statedir>/<domain>/snap-<serial>/     a snapshot's payload
 *
 * chain_store_save is the one commit point. The order of a change is always
 *
 *   create: journal_write, payload_create, ..., payload_seal, save,
 *           journal_clear
 *   delete: journal_write, save (without them), payload_remove, journal_clear
 *   undone create: payload_remove, journal_clear
 *
 * and each of these is on the disk when it returns 0. So a journal is there
 * whenever something is half done, a payload is complete whenever the chain
 * names it, and chain.json is the tree of before or of after, whole.
 *
 * When a call that writes fails, what it should have written may be there,
 * not there, or there until the power fails: before relying on either, unlock,
 * lock (which makes durable what is found) and load again.
 *
 * Reading needs no lock. Whatever writes returns ERROR_LOCK_FAIL unless the
 * store is locked. A store is for one thread.
 */
#ifndef CHAIN_STORE_H
#define CHAIN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/error.h"
#include "chain/model.h"

typedef struct chain_store chain_store;

/* Checks the domain's name; touches no file. */
int chain_store_open(const char *statedir, const char *domain,
                     chain_store **store_r, struct chain_error *err);
/* Unlocks as well. NULL is fine. */
void chain_store_close(chain_store *store);

/* The store's own strings. */
const char *chain_store_domain(const chain_store *store);
const char *chain_store_dir(const chain_store *store);

/* Whether the domain has a chain or a journal. */
int chain_store_exists(const chain_store *store, bool *exists_r,
                       struct chain_error *err);

/* The domains that have a chain or a journal, sorted. Free with
 * chain_strings_free. No statedir: none. */
int chain_store_list_domains(const char *statedir, char ***domains_r,
                             size_t *num_r, struct chain_error *err);
void chain_strings_free(char **strings, size_t num);

/* ---- the lock ---- */

/*
 * Makes the directories when they are missing. verb ("snapshot-create") is
 * what others are told while we hold the lock. Waits up to wait_ms for
 * another holder: 0 tries once. ERROR_LOCK_FAIL names the holder. The kernel
 * releases the lock of a process that dies; a program started by exec does
 * not inherit it.
 */
int chain_store_lock(chain_store *store, const char *verb,
                     unsigned int wait_ms, struct chain_error *err);
void chain_store_unlock(chain_store *store);
bool chain_store_is_locked(const chain_store *store);

/* ---- the tree ---- */

/*
 * Into an initialised, empty model. No chain.json: the empty chain of the
 * domain. A tree that breaks a rule is loaded and marked as damaged; so is
 * the previous tree, in the place of a chain.json that cannot be read at all.
 * ERROR_BADFAIL when there is nothing to show, ERROR_VERSION when it is of a
 * later format.
 */
int chain_store_load(const chain_store *store, struct chain_model *model,
                     struct chain_error *err);

/* The commit point. Validates first, and refuses a damaged model; keeps the
 * tree it replaces as chain.json.prev. */
int chain_store_save(chain_store *store, const struct chain_model *model,
                     struct chain_error *err);

/*
 * Makes chain.json.prev, which must be valid, the chain again; what was there
 * is kept as chain.json.bad. For a person who was told that the chain is
 * damaged: the last change is lost from the chain, not from the images.
 */
int chain_store_restore_previous(chain_store *store, struct chain_error *err);

/* ---- the journal ---- */

int chain_store_journal_write(chain_store *store, const chain_journal *journal,
                              struct chain_error *err);
/* Into an initialised journal. ERROR_BADFAIL when it cannot be understood,
 * ERROR_VERSION when it is of a later format. */
int chain_store_journal_read(const chain_store *store, chain_journal *journal,
                             bool *present_r, struct chain_error *err);
/* No journal is fine. */
int chain_store_journal_clear(chain_store *store, struct chain_error *err);

/* ---- payloads ---- */

#define CHAIN_PAYLOAD_CONFIG "config.json"  /* the domain's libxl_domain_config */
#define CHAIN_PAYLOAD_MEMORY "memory"       /* docs/format/memory.md */

/* Makes the empty directory, 0700. One that is there already is ERROR_FAIL
 * with EEXIST: it is an orphan, or its snapshot is in the chain. */
int chain_store_payload_create(chain_store *store, uint64_t serial,
                               struct chain_error *err);

/* <dir>/snap-<serial>[/<file>], malloc'd; file may be NULL. Needs no lock and
 * does not look whether it exists. */
int chain_store_payload_path(const chain_store *store, uint64_t serial,
                             const char *file, char **path_r,
                             struct chain_error *err);

/* Writes a new file (0600) into a payload; one that exists is an error. */
int chain_store_payload_write(chain_store *store, uint64_t serial,
                              const char *file, const void *data, size_t len,
                              struct chain_error *err);

/* Reads a file of a payload, whole; *data_r is malloc'd and has a NUL after
 * its end. ERROR_NOTFOUND when it is not there. */
int chain_store_payload_read(const chain_store *store, uint64_t serial,
                             const char *file, char **data_r, size_t *len_r,
                             struct chain_error *err);

/* Brings all files of a payload to the disk, whoever wrote them. To be called
 * before the tree that names the payload is saved. */
int chain_store_payload_seal(chain_store *store, uint64_t serial,
                             struct chain_error *err);

/* Removes a payload and all in it. None is fine. */
int chain_store_payload_remove(chain_store *store, uint64_t serial,
                               struct chain_error *err);

/* ---- what a crash may leave behind ---- */

/*
 * Names, within the domain's directory and sorted, of payloads that no
 * snapshot of the model has and of our temporary files. Files that are not
 * ours are not listed. A journal tells whose payload it may be: with one
 * present, what is listed may belong to the change in flight. Without the
 * lock, it may belong to a change that is being made now.
 */
int chain_store_orphans(const chain_store *store,
                        const struct chain_model *model,
                        char ***names_r, size_t *num_r,
                        struct chain_error *err);

/* Removes what chain_store_orphans lists. Refuses a damaged model. */
int chain_store_orphans_remove(chain_store *store,
                               const struct chain_model *model,
                               struct chain_error *err);

#endif

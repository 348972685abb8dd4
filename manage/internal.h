/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share. */
#ifndef MANAGE_INTERNAL_H
#define MANAGE_INTERNAL_H

#include "chain/store.h"
#include "libxl/json.h"
#include "manage/manage.h"

/* How long a domain may take to disappear, and a lock to become free. */
#define MANAGE_GONE_TIMEOUT_MS 30000
#define MANAGE_LOCK_TIMEOUT_MS 2000
/* A recovery waits for one that is under way: it may have to restore memory. */
#define MANAGE_RECOVER_WAIT_MS 120000

struct manage {
    libxl_ctx *ctx;             /* NULL: not on Xen, only files can be read */
    xentoollog_logger *lg;
    libxl_snapshot_ctx *sctx;
    char *snapshot_dir;
    struct manage_application app;
};

/* All of these return a libxl error, for "return manage_fail(...)". The first
 * failure is the one that is reported. */
int manage_fail(struct manage_error *err, enum manage_outcome outcome,
                const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int manage_fail_nomem(struct manage_error *err);
/* A failure of the chain room, of the library, told as an outcome. */
int manage_fail_chain(struct manage_error *err, const struct chain_error *why);
int manage_fail_library(struct manage_error *err, int rc,
                        const libxl_snapshot_diag *diag);

void manage_reached(struct manage *m, const char *point);

/*
 * One change of one domain and its chain. From begin to end the chain is
 * locked, and what an earlier operation left in flight has been dealt with.
 */
struct operation {
    struct manage *m;
    struct manage_error *err;
    char *domain;               /* its name */
    bool running;
    uint32_t domid;             /* when it runs */
    libxl_dominfo info;         /* likewise */
    chain_store *store;
    struct chain_model chain;
    chain_journal journal;      /* what we have written, or found */
    bool journaled;             /* it is on the disk */
    char *configuration;        /* of a domain that is off and has no chain */
};

void operation_init(struct operation *op);
void operation_dispose(struct operation *op);

/*
 * Resolve the domain, lock its chain, recover, load. dry_run: neither lock
 * nor recover. must_exist: without a chain the domain is not found; else one
 * that is off is asked of the application, before anything is made for it.
 */
int operation_begin(struct operation *op, struct manage *m, const char *verb,
                    const char *domain, bool must_exist, bool dry_run,
                    struct manage_error *err);

/* The same for a domain that nobody need have heard of: what is known of it
 * is in a file that the user gives. */
int operation_begin_any(struct operation *op, struct manage *m,
                        const char *verb, const char *domain, bool dry_run,
                        struct manage_error *err);

/* The same for a recovery, which deals with the journal and the damage
 * itself. */
int operation_begin_recovery(struct operation *op, struct manage *m,
                             const char *domain, struct manage_error *err);

/* Look again whether the domain runs, and as what. */
int operation_look(struct operation *op);

const chain_snapshot *operation_find(struct operation *op, const char *name);

/* The journal, with op->journal's contents and this step. */
int operation_journal(struct operation *op, chain_step step);
/*
 * The intent to make a snapshot's payload, and nothing else: what is noted of
 * it has no disks, so that on the way back nothing is done to any.
 */
int operation_journal_payload(struct operation *op,
                              const chain_snapshot *snapshot);
int operation_journal_clear(struct operation *op);

/* The commit point. */
int operation_save(struct operation *op);

/* Somebody acted on the domain's end before; see to it that somebody does
 * now. A failure is logged: it is no reason to give up what was done. */
void operation_keep_watched(struct operation *op, uint32_t domid);

/* ---- domain.c: a domain's configuration ---- */

/*
 * The running domain's own, or else that of the current snapshot, or else
 * the application's. config is initialised by the caller.
 */
int domain_configuration(struct operation *op, libxl_domain_config *config);

/* Destroy it and wait until it is gone. */
int domain_destroy(struct operation *op);

/* ---- disks.c: a chain's disks as libxl's ---- */

/* What is to be done with each disk of a configuration; every one of them
 * is recorded, only some are snapshotted. */
int disks_of_configuration(const libxl_domain_config *config,
                           chain_snapshot *snapshot, struct manage_error *err);

/* A libxl_device_disk (initialised here) as far as the library needs one. */
int disk_to_libxl(const chain_disk *disk, libxl_device_disk *disk_r,
                  struct manage_error *err);

/* The chain's snapshot that has this internal snapshot of the image; NULL:
 * none. With two of them, deleting one would empty the other. */
const chain_snapshot *disk_snapshot_owner(const struct operation *op,
                                          const chain_disk *disk);

/* The domid to name when working on this disk: the running domain's, if it
 * has the disk, else LIBXL_SNAPSHOT_NO_DOMAIN. */
uint32_t disk_domid(struct operation *op, const chain_disk *disk);

/*
 * Does the image still hold the snapshot that the chain says it holds?
 * *present_r is false when it, or the image, is gone. A snapshot of that name
 * that was made at another time counts as gone, and *other_r is then true.
 */
int disk_has_snapshot(struct operation *op, const chain_disk *disk,
                      bool *present_r, bool *other_r);

/* Delete a disk's snapshot; one that is gone already is fine. */
int disk_delete_snapshot(struct operation *op, const chain_disk *disk);

/* ---- recover.c ---- */

/*
 * Deal with op->journal, which was found or is our own after a failure:
 * finish it, or undo it. Adds a line for people to report (may be NULL).
 * On success the journal is gone.
 */
int recover_in_flight(struct operation *op, char **report);

/*
 * After a failure in the middle: undo, and say in err whether that worked.
 * Returns 0 if what failed turns out to have been done all the same, as when
 * a rename took place but was reported as failed.
 */
int roll_back(struct operation *op);

/* revert.c: from wherever the journal says that it stopped, to its end. */
int revert_continue(struct operation *op, uint32_t *domid_r);

/* delete.c: likewise. */
int delete_continue(struct operation *op);

/* ---- save_image.c: a file that "xl restore" takes ---- */

/* Write its header with the configuration, up to where the stream begins. */
int save_image_write_header(int fd, const char *config_json,
                            struct manage_error *err);

/*
 * Read a header, up to where the stream begins; *config_json_r is malloc'd.
 * The file may be anybody's: MANAGE_REFUSED when it is none of xl's, or of
 * a kind that is not known here. path is for messages.
 */
int save_image_read_header(int fd, const char *path, char **config_json_r,
                           struct manage_error *err);

/* The same from anywhere: read() gets all of len, or does not return 0. */
int save_image_parse_header(int (*read)(void *user, void *data, size_t len),
                            void *user, const char *path,
                            char **config_json_r, struct manage_error *err);

/* Write all of it, or say why not. */
int save_image_write(int fd, const void *data, size_t len,
                     struct manage_error *err);

/* Copy what is left of one file to another, without a copy where the file
 * system can share; *bytes_r may be NULL. */
int save_image_copy_rest(int from, int to, const char *path,
                         uint64_t *bytes_r, struct manage_error *err);

/* ---- plan_json.c: what a dry run answers ---- */

struct plan_writer {
    xjson_writer *w;
};

int plan_begin(struct plan_writer *plan, const char *command,
               struct operation *op);
/* One step; every argument but the action may be NULL. */
void plan_step(struct plan_writer *plan, const char *action,
               const char *vdev, const char *target);
void plan_library_steps(struct plan_writer *plan,
                        const libxl_snapshot_plan *steps);
int plan_end(struct plan_writer *plan, char **text_r,
             struct manage_error *err);

#endif

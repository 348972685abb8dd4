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

/* To the application, for the user; see manage_application. */
void manage_warn(struct manage *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

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
    bool unsound;               /* an image was found damaged */
    char *configuration;        /* of a domain that is off and has no chain */
    /* The snapshot whose configuration is the domain's when it is off and
     * nothing else tells of one; NULL: none. Borrowed. */
    const char *like;
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
 * the application's, or else that of the snapshot op->like. config is
 * initialised by the caller.
 */
int domain_configuration(struct operation *op, libxl_domain_config *config);

/* The JSON of the configuration with which a revert to target brings the
 * domain up: its own, with the disks as op->journal has them. */
int start_configuration(struct operation *op, const chain_snapshot *target,
                        char **json_r);

/* Have the configuration's disks use these images. */
int domain_follow_images(struct operation *op, const chain_active_disk *active,
                         int num_active, libxl_domain_config *config);

/*
 * Is the running domain on the images that the chain says? One that was
 * started on a frozen image is refused: what it writes damages snapshots.
 */
int domain_check_images(struct operation *op,
                        const libxl_domain_config *config);

/* The configuration with which the snapshot's memory and disks can be used, the
 * disks as op->journal has them; config is initialised by the caller. */
int domain_configuration_of(struct operation *op,
                            const chain_snapshot *snapshot,
                            libxl_domain_config *config);

/* Destroy it and wait until it is gone. */
int domain_destroy(struct operation *op);
/* Another domain, called name. */
int domain_destroy_other(struct operation *op, uint32_t domid,
                         const char *name);

/* ---- disks.c: a chain's disks as libxl's ---- */

/* What is to be done with each disk of a configuration; every one of them
 * is recorded, only some are snapshotted. */
int disks_of_configuration(const libxl_domain_config *config,
                           const struct manage_create *args,
                           chain_snapshot *snapshot, struct manage_error *err);

/* A libxl_device_disk (initialised here) as far as the library needs one. */
int disk_to_libxl(const chain_disk *disk, libxl_device_disk *disk_r,
                  struct manage_error *err);

/* The chain's snapshot that has this internal snapshot of the image; NULL:
 * none. With two of them, deleting one would empty the other. */
const chain_snapshot *disk_snapshot_owner(const struct operation *op,
                                          const chain_disk *disk);

/* Any image, for calls that take a disk. */
int image_to_libxl(const char *vdev, const char *path,
                   libxl_disk_format format, libxl_device_disk *disk_r,
                   struct manage_error *err);

/* Which of these does the running domain have, with just this image? */
void disks_served(struct operation *op, const chain_disk *const *disks,
                  int num, bool *served_r);

/* The domid to name when working on this disk: the running domain's, if it
 * has the disk, else LIBXL_SNAPSHOT_NO_DOMAIN. */
uint32_t disk_domid(struct operation *op, const chain_disk *disk);

/* ---- disk_snapshots.c ---- */

/*
 * Does the image still hold the snapshot that the chain says it holds?
 * present is false when it, or the image, is gone. A snapshot of that name
 * that was made at another time counts as gone, and other is then true.
 */
struct disk_presence {
    bool present, other;
};

/* Of several disks of one snapshot, into found_r[num]; or of one. */
int disks_have_snapshots(struct operation *op, const chain_disk *const *disks,
                         int num, struct disk_presence *found_r);
int disk_has_snapshot(struct operation *op, const chain_disk *disk,
                      bool *present_r, bool *other_r);

/* Delete the snapshots of several disks of one snapshot, or of one; those that
 * are gone already are fine. After a failure some may be deleted. */
int disks_delete_snapshots(struct operation *op,
                           const chain_disk *const *disks, int num);
int disk_delete_snapshot(struct operation *op, const chain_disk *disk);

/* Is this disk wanted? NULL: all are. */
typedef bool disk_filter(void *user, const chain_disk *disk);

/* The internal disks of a snapshot. *disks_r is malloc'd; what it points to is
 * the snapshot's. */
int disks_internal(const chain_snapshot *snapshot, disk_filter *wanted,
                   void *user, const chain_disk ***disks_r, int *num_r,
                   struct manage_error *err);

/* Each of these, with what was found of it; ends at the first that is an
 * error. */
typedef int disk_visitor(struct operation *op, const chain_snapshot *snapshot,
                         const chain_disk *disk,
                         const struct disk_presence *found);
int disks_visit(struct operation *op, const chain_snapshot *snapshot,
                disk_filter *wanted, disk_visitor *visit, void *user);

/* ---- mend.c ---- */

/* Mend the images with internal snapshots that the journal is about, those
 * that nobody has open. */
int mend_images(struct operation *op);

/* ---- parent.c ---- */

/* Give a new snapshot its serial and its parent, and check that the images
 * still hold what it descends from. */
int parent_place(struct operation *op, chain_snapshot *snapshot);

/* ---- undo.c ---- */

/* Take a snapshot of the present, before going back to target. Unlocks op's
 * chain, which has to be begun anew after this. */
int undo_take(struct operation *op, const chain_snapshot *target,
              char **name_r);

/* ---- images.c: images that we make, and those that nobody needs ---- */

/* Is there no such file any more? One that cannot be looked at is not one
 * that is gone: what follows from it being gone cannot be taken back. */
int image_is_gone(struct operation *op, const char *path, bool *gone_r);

/*
 * A path for a new image in the folder of image, which the chain or the
 * configuration has: the name of the image that all began with, and tag. No
 * file has it, no image of the chain, and none of the journal's.
 */
int image_choose_path(struct operation *op, const char *image,
                      const char *tag, char **path_r);
/* Likewise, FOLDER/STEM.qcow2; folder_len bytes of folder count. */
int image_choose_name(struct operation *op, const char *folder,
                      int folder_len, const char *stem, char **path_r);

/*
 * Add to op->journal: an image that we make, or that was made for us (reused:
 * an undone operation leaves it), and the disk that is to have it;
 * the disk alone; the image below a new one, before that, unless the chain
 * knows it.
 */
int image_note_active(struct operation *op, const char *vdev,
                      const char *path, libxl_disk_format format);
int image_note(struct operation *op, const char *vdev, const char *path,
               libxl_disk_format format, const char *backing, bool reused);
int image_note_base(struct operation *op, const char *path,
                    libxl_disk_format format);

/* Add the images and active disks of op->journal to the chain in memory. */
int images_adopt(struct operation *op);

/* The image that path began with: itself, or the last one below it. */
const char *image_root(const struct chain_model *model, const char *path);

/* For chain_images_next: what a file has allocated; and is it one that the
 * user wants to be left alone, in the model that user points to? */
uint64_t image_allocated(void *user, const char *path);
bool image_is_kept(void *user, const char *path);

/* The present's disk that has this image, or has it below its own; NULL. */
const chain_active_disk *image_disk(const struct chain_model *model,
                                    const char *path);

/* Does the running domain have the disk whose image this is, or is below its
 * own? Nobody else can change it then. A disk that was detached is not. */
bool image_is_served(struct operation *op, const char *path);

/*
 * Remove an image's file, and have that on the disk: when nothing knows of it
 * any more, a power cut must not bring it back. One that is gone is fine, and
 * one that is no file (a volume that was handed over) is let be.
 */
int image_remove(struct operation *op, const char *path);

/* Before its file is removed: QEMU may have it open still, and libxl name it
 * as that of a disk that has gone over to another. */
int image_close(struct operation *op, const char *path);

/* ---- detached.c ---- */

/* Does the running domain have this disk? Also false if it cannot be told. */
bool domain_has_disk(struct operation *op, const char *vdev);

/* Have QEMU close the images of disks that were detached. What cannot be
 * closed stands in the way of what needs it, which will say so. */
void detached_tidy(struct operation *op);

/* ---- leftovers.c ---- */

/* Note those internal disks of a snapshot that goes which cannot be deleted
 * from their images now, and all that hooks have; in memory. */
int leftovers_add(struct operation *op, const chain_snapshot *snapshot);
bool leftovers_have(const struct operation *op, const chain_disk *disk);

/* Delete those that can be deleted now, each published. note: as below. */
int leftovers_settle(struct operation *op, char **note);

/* ---- settle.c ---- */

/*
 * Do what can be done about images that nobody names, one after the other,
 * each published; without with_merges only remove. Adds a line to note (may
 * be NULL) for each that is left for another time. Fails only if the chain
 * cannot be saved. The journal, if there are merges, is op->journal at step
 * MERGING, and stays.
 */
int images_settle(struct operation *op, bool with_merges, char **note);

/* Remove the files that op->journal says were to go, if the chain no longer
 * knows them. */
int images_remove_doomed(struct operation *op);

/* Could images_settle merge everything? Else *left_r is one that stays. */
bool images_would_settle(const struct chain_model *model,
                         const chain_image **left_r);

/* ---- recover.c ---- */

/*
 * Deal with op->journal, which was found or is our own after a failure:
 * finish it, or undo it. Adds a line for people to report (may be NULL).
 * On success the journal is gone.
 */
int recover_in_flight(struct operation *op, char **report);

/* Is the domain that the journal speaks of still the one that runs? */
bool journal_domain_runs(const struct operation *op);

/* It stands still because of us: MANAGE_NEEDS_RECOVERY if it does so still. */
int recover_unpause(struct operation *op, char **report);

/*
 * roll_back.c: after a failure in the middle: undo, and say in err whether that worked.
 * Returns 0 if what failed turns out to have been done all the same, as when
 * a rename took place but was reported as failed.
 */
int roll_back(struct operation *op);

/* revert_continue.c: from wherever the journal says that it stopped, to its end. */
int revert_continue(struct operation *op, uint32_t *domid_r);

/* delete.c: likewise; note: as images_settle. */
int delete_continue(struct operation *op, char **note);

/* Of one that leaves the disks alone: remove the payloads of those that the
 * chain has forgotten. If it has forgotten none, nothing was begun. */
int forget_continue(struct operation *op);

/* ---- clone.c, clones.c ---- */

/* Of a clone: undo it, or when it had been made, finish. */
int clone_recover(struct operation *op, char **report);

/*
 * Have the chain, in memory, forget the images of clones that are gone, or read
 * through to nothing of ours any more. Whatever cannot be told is taken to be
 * there, and a line is added to note (may be NULL).
 */
int clones_forget(struct operation *op, char **note, bool *changed_r);
/* The same, and publish it. */
int clones_tidy(struct operation *op, char **note);

/* A line for each image that nobody but a clone needs. */
void clones_note(const struct operation *op, char **note);

/* ---- plan_json.c: what a dry run answers ---- */

struct prediction;
struct plan_writer {
    xjson_writer *w;
    bool in_actions;
};

int plan_begin(struct plan_writer *plan, const char *command,
               struct operation *op);
/* One step; every argument but the action may be NULL. */
void plan_step(struct plan_writer *plan, const char *action,
               const char *vdev, const char *target);
void plan_library_steps(struct plan_writer *plan,
                        const libxl_snapshot_plan *steps);
/* What follows is no step any more. */
void plan_end_actions(struct plan_writer *plan);
/* After the last step: "predicted", see predict.h. */
void plan_predicted(struct plan_writer *plan, const struct prediction *p);
int plan_end(struct plan_writer *plan, char **text_r,
             struct manage_error *err);

#endif

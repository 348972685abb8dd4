/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both applications, xl and the libvirt driver, do with snapshots: the
 * journaled operations on a domain AND its chain. Nothing here prints.
 *
 * Every operation that changes something locks the domain's chain, finishes
 * or undoes what an earlier, killed one left in flight, refuses what cannot
 * work before anything is touched, writes its intent to the journal, acts,
 * publishes with one rename of chain.json, and clears the journal.
 *
 * A domain is named by its name or, when it runs, by its domid. A snapshot is
 * named by its name.
 */
#ifndef MANAGE_H
#define MANAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/model.h"
#include "libxl/libxl_snapshot.h"

/*
 * How an operation ended. xl's exit status is made from this, one for one.
 */
enum manage_outcome {
    MANAGE_OK = 0,
    MANAGE_FAILED,          /* failed before anything was changed */
    MANAGE_USAGE,           /* what was asked makes no sense, ever: bad name … */
    MANAGE_NOT_FOUND,       /* no such domain or snapshot */
    MANAGE_BUSY,            /* somebody is at it now; try again later */
    MANAGE_REFUSED,         /* cannot work for this domain, disk or state */
    MANAGE_NO_SPACE,        /* refused: it would not fit */
    MANAGE_ROLLED_BACK,     /* failed, and everything is as it was */
    MANAGE_NEEDS_RECOVERY,  /* failed half way; snapshot-recover goes on */
    MANAGE_DAMAGED,         /* the chain, or an image, cannot be trusted */
};

struct manage_error {
    enum manage_outcome outcome;
    char text[1024];        /* one line: what, why, what to do */
};

/* A memory image, as libxl_memory_image_read takes it. */
struct manage_memory {
    libxl_snapshot_ctx *sctx;
    const libxl_memory_file *files;
    int num;
};

/*
 * What the operations need from the application.
 */
struct manage_application {
    void *user;
    /*
     * A named point ("create:suspending") was reached. For progress shown to
     * people, and for tests that stop here. May be NULL.
     */
    void (*reached)(void *user, const char *point);
    /* Memory taken from the guest so far, and a guess at the total. May be
     * NULL; may be called from another thread. */
    void (*progress)(void *user, uint64_t bytes, uint64_t estimate);
    /* What the user must hear although the operation goes on, or has
     * succeeded: one line. May be NULL. */
    void (*warn)(void *user, const char *text);
    /*
     * From here until the operation returns, the domain would be left half
     * way if this process were killed: whoever outlives it should call
     * manage_recover. May be NULL.
     */
    void (*guard)(void *user, const char *domain);
    /* Shall long work that can be left for later, such as a merge, end? May
     * be NULL. */
    bool (*cancelled)(void *user);
    /*
     * Bring a domain up, PAUSED, and see to it that its end is watched
     * (on_reboot and so on). From a memory image, or by booting. The configuration is the JSON of a libxl_domain_config. On
     * failure nothing is left running, and err->text says why.
     */
    int (*restore)(void *user, const struct manage_memory *memory,
                   const char *config_json, const char *domain,
                   uint32_t *domid_r, struct manage_error *err);
    int (*start)(void *user, const char *config_json, const char *domain,
                 uint32_t *domid_r, struct manage_error *err);
    /*
     * Up to Xen 4.19 whoever waits for a domain's end to act on it stops
     * doing so when the domain is suspended, as every memory snapshot does.
     * watched() says, before, whether somebody does; if so keep_watched() is
     * called after the domain runs again. May be NULL.
     */
    bool (*watched)(void *user, uint32_t domid);
    int (*keep_watched)(void *user, uint32_t domid, struct manage_error *err);
    /*
     * Run a hook of the user's, bounded in time, with these variables
     * ("NAME=VALUE", the last one NULL) besides our own environment. When it
     * is over nothing that it started may work on, or the next one waits for
     * that: the same when an earlier process of ours was killed over it. 0:
     * it ran and succeeded. May be NULL: then there are no hooks.
     */
    int (*hook)(void *user, const char *domain, const char *program,
                char *const *variables, struct manage_error *err);
    /*
     * The configuration of a domain that is not running and has no snapshot
     * yet: malloc'd JSON of a libxl_domain_config, or NULL with err filled
     * in. May be NULL.
     */
    char *(*configuration)(void *user, const char *domain,
                           struct manage_error *err);
};

struct manage_settings {
    libxl_ctx *ctx;
    xentoollog_logger *lg;      /* may be NULL */
    const char *snapshot_dir;   /* NULL: the built-in one */
    struct manage_application app;
};

struct manage;

/* Copies the settings. Returns 0 or a libxl error, with err filled in. */
int manage_open(const struct manage_settings *settings, struct manage **m_r,
                struct manage_error *err);
void manage_close(struct manage *m);

/*
 * ---- reading ----
 */

/* A domain and its chain, as they are now. */
struct manage_view {
    char *domain;               /* its name */
    bool running;               /* it exists in the hypervisor */
    uint32_t domid;             /* when it does */
    struct chain_model chain;   /* chain/model.h: the tree, and what is
                                 * wrong with it, if anything is */
    bool in_flight;             /* a killed operation waits to be recovered */
    chain_journal journal;      /* which one */
};

void manage_view_init(struct manage_view *view);
void manage_view_dispose(struct manage_view *view);

/*
 * Takes no lock: chain.json is replaced whole. A domain that is neither
 * running nor has a chain is MANAGE_NOT_FOUND.
 */
int manage_look(struct manage *m, const char *domain, struct manage_view *view_r,
                struct manage_error *err);

/*
 * Does anybody have this image open, which is about to become a disk's? Refused
 * (MANAGE_BUSY) with who has. That it cannot be told is no refusal.
 */
int manage_check_unused(struct manage *m, const char *vdev,
                        const chain_image *image, struct manage_error *err);

/*
 * Have a running domain's QEMU close the images of those disks of its chain
 * that were detached; it would keep them open when they have overlays, and a
 * disk that is attached by that name again would never answer. Waits some
 * seconds for QEMU to let go of the disk (MANAGE_BUSY). May be repeated.
 */
int manage_close_detached(struct manage *m, const char *domain,
                          struct manage_error *err);

/* The names of all domains that have a chain, sorted; free each and all. */
int manage_list_domains(struct manage *m, char ***names_r, int *num_r,
                        struct manage_error *err);

/* What a snapshot takes on the volumes, in allocated bytes. */
struct manage_size {
    /* The memory image, the configuration, and the images that the snapshot
     * keeps frozen. */
    uint64_t bytes;
    /* What would become free if it alone were deleted: what nobody else
     * needs, beyond what waits to be freed anyway. */
    uint64_t freed_bytes;
    /* False: at least so much. What an internal snapshot costs within its
     * image, and what two images that are merged have in common, is not
     * known. */
    bool exact;
    bool freed_exact;
};

/*
 * Of all snapshots of a view: sizes[] has as many elements as its tree has
 * snapshots, in that order. freed: the last of these too. Looks
 * at the files as they are now; no image is opened.
 */
int manage_sizes(struct manage *m, const struct manage_view *view, bool freed,
                 struct manage_size *sizes, struct manage_error *err);

/*
 * All that is stored of a snapshot of the view, but its memory: a JSON
 * document as docs/format/dump.md has it, malloc'd.
 */
int manage_dump(struct manage *m, const struct manage_view *view,
                const chain_snapshot *snapshot, char **text_r,
                struct manage_error *err);

/*
 * ---- changing ----
 *
 * Each takes dry_run: then nothing is changed, and *plan_r is malloc'd JSON
 * that says what would be done, step by step. Otherwise *plan_r is untouched.
 * Refusals are the same for both. plan_r may be NULL when dry_run is false.
 */

/* What is to be done with one disk. */
enum manage_disk_kind {
    MANAGE_DISK_INTERNAL,
    MANAGE_DISK_EXTERNAL,
    MANAGE_DISK_NONE,           /* leave it out */
    MANAGE_DISK_MANUAL,         /* a hook takes it */
};

struct manage_disk_spec {
    const char *vdev;
    enum manage_disk_kind kind;
    const char *file;           /* EXTERNAL: the overlay, an absolute path;
                                 * NULL: one is made up */
    libxl_disk_format format;   /* EXTERNAL: the overlay's; UNKNOWN: qcow2 */
    bool reuse;                 /* EXTERNAL: file is there already. It is
                                 * handed over: it goes when it is merged */
    const char *hook;           /* MANUAL: the program, an absolute path */
};

struct manage_create {
    const char *domain;
    const char *name;           /* NULL: one is made up */
    const char *description;    /* NULL: none */
    bool disk_only;             /* leave the memory of a running domain out */
    bool external;              /* of disks that no spec names; else internal */
    const char *like;           /* the snapshot whose configuration will do for
                                 * a domain that is off, without a current
                                 * snapshot, and of which the application
                                 * knows nothing; NULL: none */
    const struct manage_disk_spec *specs;
    int num_specs;
    uint32_t pause_budget_ms;   /* refuse when the guest is expected to stand
                                 * still for longer, and warn when it has; 0:
                                 * however long it takes */
    uint64_t memory_buffer;     /* of dom0's memory, in bytes, for pages; 0: the
                                 * library chooses */
    int memory_level;           /* zstd's; 0: the library chooses; -1: not packed */
    bool memory_sha256;         /* count the memory image's */
    bool quiesce;               /* the guest's file systems frozen around it;
                                 * needs disk_only */
    uint32_t quiesce_timeout_ms;    /* for each answer of its agent; 0: the
                                 * library chooses */
    bool dry_run;
};

/* snapshot_r: the new one, as stored. Initialised by the caller. */
int manage_create(struct manage *m, const struct manage_create *args,
                  chain_snapshot *snapshot_r, char **plan_r,
                  struct manage_error *err);

/* The clock of a guest that goes on from memory, when it runs again. */
struct manage_clock_wish {
    bool set;                   /* have the guest's agent set it, if there is
                                 * one that answers */
    uint32_t timeout_ms;        /* for that; 0: the library chooses */
};

enum manage_clock_agent {
    MANAGE_CLOCK_UNASKED,       /* nobody wanted it to be asked */
    MANAGE_CLOCK_PAUSED,        /* the guest does not run yet */
    MANAGE_CLOCK_NONE,          /* there is no channel to one */
    MANAGE_CLOCK_FAILED,        /* the clock is not known to be right */
    MANAGE_CLOCK_RIGHT,         /* it was right when the agent was asked */
    MANAGE_CLOCK_SET,           /* the agent has set it, and it is right */
};

/* "unasked", "paused" ... */
const char *manage_clock_agent_to_string(enum manage_clock_agent agent);

struct manage_clock {
    bool stopped;               /* since the snapshot. Else, as after a boot,
                                 * there is nothing to be said */
    uint64_t taken;             /* the snapshot: seconds since the epoch, */
    uint64_t age_s;             /* and so many seconds ago */
    bool follows;               /* a guest of this type takes the time from
                                 * Xen when it goes on, and is not behind;
                                 * else only one with PV drivers does */
    enum manage_clock_agent agent;
    bool told;                  /* by the agent: what the guest's clock was
                                 * ahead of ours, in milliseconds, */
    int64_t before_ms;          /* when it was asked first, */
    int64_t after_ms;           /* and in the end */
    char *problem;              /* FAILED: why, one line, or NULL */
};

void manage_clock_init(struct manage_clock *clock);
void manage_clock_dispose(struct manage_clock *clock);

struct manage_revert {
    const char *domain;
    const char *name;
    /* UNKNOWN: as the snapshot recorded it, if it has memory; else OFF */
    chain_domain_state state;
    bool undo;                  /* take a snapshot of the present first */
    struct manage_clock_wish clock;
    bool dry_run;
};

/* What a revert gives up, and what else becomes of the domain's disks. */
enum manage_loss_kind {
    MANAGE_LOSS_MEMORY,         /* of the guest that runs */
    MANAGE_LOSS_WRITES,         /* whatever was written to a disk since */
    MANAGE_DISK_LEAVES,         /* the snapshot is without this disk, or had
                                 * another image there: the domain no longer
                                 * has it, and its image stays as it is */
    MANAGE_DISK_RETURNS,        /* the domain has no such disk now */
};

struct manage_loss {
    enum manage_loss_kind kind;
    char *vdev;                 /* of a disk; NULL */
    char *path;                 /* its image: LEAVES, WRITES the present one,
                                 * RETURNS the snapshot's */
    bool bytes_known;
    uint64_t bytes;             /* of memory; what was written, at most */
    char *since;                /* WRITES: the current snapshot; NULL: no
                                 * snapshot has any of it */
    uint64_t since_time;        /* seconds since the epoch, when that was taken,
                                 * or the domain was started; 0: not known */
};

struct manage_losses {
    struct manage_loss *list;
    int num;
};

void manage_losses_init(struct manage_losses *losses);
void manage_losses_dispose(struct manage_losses *losses);

/* "memory", "writes", "disk_leaves", "disk_returns". */
const char *manage_loss_kind_to_string(enum manage_loss_kind kind);

struct manage_revert_result {
    chain_domain_state state;
    uint32_t domid;             /* unless it is off */
    char *undo;                 /* the snapshot of what was the present, or
                                 * NULL */
    struct manage_losses lost;  /* what no snapshot has kept */
    struct manage_clock clock;
};

void manage_revert_result_init(struct manage_revert_result *result);
void manage_revert_result_dispose(struct manage_revert_result *result);

/*
 * What that revert would give up: for whoever asks people first. Refuses what
 * the revert itself would refuse. args->dry_run is as good as set.
 */
int manage_revert_losses(struct manage *m, const struct manage_revert *args,
                         struct manage_losses *losses_r,
                         struct manage_error *err);

int manage_revert(struct manage *m, const struct manage_revert *args,
                  struct manage_revert_result *result_r, char **plan_r,
                  struct manage_error *err);

/*
 * A new domain that begins where a snapshot is: from its memory and disks, or,
 * from one without memory, by booting on its disks. Name, uuid, MAC addresses
 * and generation id are new. Each writable disk becomes an overlay on the image
 * that the snapshot froze, which the chain then keeps as it is for as long as
 * the overlay is there; of an internal snapshot it is a copy. The domain that
 * the snapshot is of may run, and is not touched.
 *
 * On failure, and after a crash once that has been recovered, there is neither
 * a domain nor an image of it.
 */
struct manage_clone {
    const char *domain;
    const char *name;           /* the snapshot */
    const char *clone;          /* the new domain's name */
    const char *dir;            /* for its images; absolute; NULL: beside those
                                 * of the snapshot */
    /* UNKNOWN: as the snapshot recorded it, if it has memory; else OFF */
    chain_domain_state state;
    struct manage_clock_wish clock;
    bool dry_run;
};

struct manage_clone_disk {
    char *vdev;
    char *path;                 /* its new image */
    char *base;                 /* which that is an overlay on; NULL: a copy */
};

struct manage_clone_result {
    char uuid[37];
    chain_domain_state state;
    uint32_t domid;             /* unless it is off */
    struct manage_clone_disk *disks;
    int num_disks;
    char *note;                 /* what is not as it was in the configuration,
                                 * in lines, or NULL */
    struct manage_clock clock;
};

void manage_clone_result_init(struct manage_clone_result *result);
void manage_clone_result_dispose(struct manage_clone_result *result);

int manage_clone(struct manage *m, const struct manage_clone *args,
                 struct manage_clone_result *result_r, char **plan_r,
                 struct manage_error *err);

struct manage_delete {
    const char *domain;
    const char *name;
    bool children;              /* and everything below it */
    bool children_only;         /* only what is below it */
    bool metadata;              /* forget it; leave the disks and images alone */
    bool leaf_only;             /* refuse when something descends from it */
    bool merge_now;             /* refuse when its images could not be merged */
    bool dry_run;
};

struct manage_delete_result {
    int deleted;                /* how many */
    char *note;                 /* what was left for later and why, in lines,
                                 * or NULL; free */
};

/*
 * What can be merged then is merged; where that fails, or is cancelled, the
 * delete has succeeded all the same, and the images wait, hidden, for the next
 * delete or recovery.
 */
int manage_delete(struct manage *m, const struct manage_delete *args,
                  struct manage_delete_result *result_r, char **plan_r,
                  struct manage_error *err);

int manage_rename(struct manage *m, const char *domain, const char *name,
                  const char *new_name, bool dry_run, char **plan_r,
                  struct manage_error *err);

/*
 * Put records of snapshots back into a domain's chain, from what
 * snapshot-dump printed of them (docs/format/dump.md): one, or an array in
 * any order. The domain need neither run nor have a chain.
 *
 * Each record is published by itself, parents first; all are checked before
 * the first is. A snapshot that the chain has already is left as it is, so a
 * call that was cut short can be repeated. Serials are kept where the chain
 * has never given them out. Internal snapshots must be in their images, frozen
 * images must be there. A memory image is found where it was, or taken
 * (copied) from args->memory.
 */
struct manage_redefine {
    const char *domain;
    const char *text;
    size_t len;
    bool update;        /* those that are there get description and parent */
    bool current;       /* the present descends from it; one record only */
    bool without_memory;        /* put them back as snapshots of the disks */
    const char *memory; /* NULL; else xl's save format; one record only */
    bool dry_run;
};

struct manage_redefined {
    char **names;       /* in the order in which it was done */
    int num;
    int kept;           /* were there already, and stayed as they were */
};

void manage_redefined_init(struct manage_redefined *redefined);
void manage_redefined_dispose(struct manage_redefined *redefined);

/* redefined_r: what was done, also when a later one failed. */
int manage_redefine(struct manage *m, const struct manage_redefine *args,
                    struct manage_redefined *redefined_r, char **plan_r,
                    struct manage_error *err);

/*
 * Internal snapshots that were made without us, as by qemu-img, become
 * snapshots of the chain: those that exist under one name in each of the
 * domain's writable qcow2 disks, without the state of a machine. They are of
 * the disks alone, and their configuration is the present one. Each descends
 * from the newest snapshot that is older, or the first from parent.
 */
struct manage_adopt {
    const char *domain;
    const char *const *names;
    int num_names;      /* 0: all that can be adopted */
    const char *parent; /* NULL: by date */
    bool current;       /* the present descends from the newest of them */
    bool dry_run;
};

/* adopted_r: what was adopted, also when a later one failed. */
int manage_adopt(struct manage *m, const struct manage_adopt *args,
                 struct manage_redefined *adopted_r, char **plan_r,
                 struct manage_error *err);

/*
 * Write one snapshot, with memory, disks, configuration and record, as a tar
 * stream (docs/format/export.md); or, with xl_image, its memory alone as a
 * file for the system's "xl restore". The guest may run. The chain is locked
 * meanwhile. A file at path is not overwritten, and there only when whole.
 */
struct manage_export {
    const char *domain;
    const char *name;
    const char *path;           /* NULL: to fd */
    int fd;
    const char *compress;       /* none, gzip, xz, zstd; NULL: by path's ending */
    const char *work_dir;       /* for a copy of one disk at a time; NULL: where
                                 * path is, or the snapshot's directory */
    bool xl_image;
    bool dry_run;
};

int manage_export(struct manage *m, const struct manage_export *args,
                  char **plan_r, struct manage_error *err);

/*
 * The first snapshot of a domain that neither runs nor has a chain, from such
 * a stream. Its disks become new images DIR/DOMAIN-VDEV.qcow2, each with an
 * internal snapshot. Nothing has a name before all of the stream was read and
 * found right; nothing is overwritten; on failure all is removed again. A
 * domain that gets another name gets another uuid, too.
 */
struct manage_import {
    int fd;
    const char *domain;         /* NULL: as it was called */
    const char *name;           /* NULL: likewise, the snapshot */
    const char *dir;            /* for the disks; absolute; NULL: there are none */
    bool dry_run;               /* reads no further than the configuration */
};

struct manage_imported {
    char *domain;
    chain_snapshot snapshot;
};

void manage_imported_init(struct manage_imported *imported);
void manage_imported_dispose(struct manage_imported *imported);

int manage_import(struct manage *m, const struct manage_import *args,
                  struct manage_imported *imported_r, char **plan_r,
                  struct manage_error *err);

/*
 * Have the guest's agent thaw its file systems, which a snapshot may have left
 * frozen. Needs no chain, takes no lock, and does no harm when they are not
 * frozen. timeout_ms: for each answer; 0: the library chooses.
 */
int manage_thaw(struct manage *m, const char *domain, uint32_t timeout_ms,
                struct manage_error *err);

/*
 * What differs between two snapshots of a domain, or one and the present.
 */
struct manage_diff {
    const char *domain;
    const char *a;
    const char *b;              /* NULL: the present */
};

struct manage_memory_difference {
    char *problem;              /* why it was not compared, in words; NULL: it was */
    bool failed;                /* it should have been possible */
    libxl_memory_comparison pages;
};

struct manage_disk_difference {
    char *vdev;
    char *path_a, *path_b;      /* the images; NULL: it has no such disk */
    char *problem;              /* as above */
    bool failed;
    libxl_disk_comparison bytes;
};

/* A value of the configuration, as text; NULL: it is not there. */
struct manage_config_difference {
    char *key;
    char *a, *b;
};

struct manage_difference {
    struct manage_memory_difference memory;
    struct manage_disk_difference *disks;
    int num_disks;
    struct manage_config_difference *config;
    int num_config;
};

void manage_difference_init(struct manage_difference *difference);
void manage_difference_dispose(struct manage_difference *difference);

/*
 * The guest may run. The chain is locked while images are opened, and not while
 * they are read: MANAGE_BUSY when by the end it turns out that one of both
 * snapshots was changed meanwhile. A disk, or the memory, of which one side has
 * nothing that could be read is no failure; neither is one whose image is
 * damaged or gone, which is failed then.
 */
int manage_diff(struct manage *m, const struct manage_diff *args,
                struct manage_difference *difference_r,
                struct manage_error *err);

/*
 * ---- block jobs of a running domain's disks: docs/design/block-jobs.md ----
 */

struct manage_block_image {
    char *path;
    libxl_disk_format format;
    bool ours;                  /* made by us */
    char *snapshot;             /* one that needs it as it is; NULL */
};

/* The images of a disk, the active one first. */
struct manage_block_chain {
    struct manage_block_image *images;
    int num;
};

void manage_block_chain_init(struct manage_block_chain *chain);
void manage_block_chain_dispose(struct manage_block_chain *chain);

/* By QEMU's word; of a domain that is off, by that of its snapshots
 * (MANAGE_REFUSED when they do not tell). chain_r is initialised. */
int manage_block_chain(struct manage *m, const char *domain, const char *vdev,
                       struct manage_block_chain *chain_r,
                       struct manage_error *err);

struct manage_block_pull {
    const char *domain;
    const char *vdev;
    const char *base;           /* what to build on afterwards; NULL: nothing */
    uint64_t bandwidth;         /* bytes in a second; 0: no limit */
    bool dry_run;
};

/* Begin it, and no more: it goes on when the caller is gone. */
int manage_block_pull(struct manage *m, const struct manage_block_pull *args,
                      char **plan_r, struct manage_error *err);

/* How the disk's job is: nothing is changed, and no lock taken. */
int manage_block_job_look(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err);

/* The same; and one whose end has come is brought to it, the chain learns of it,
 * and QEMU forgets it: this is the one time that it is told. */
int manage_block_job_info(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err);

/* Stop it. info_r: as it was before; COMPLETED: it was faster. */
int manage_block_job_abort(struct manage *m, const char *domain,
                           const char *vdev, libxl_disk_job_info *info_r,
                           struct manage_error *err);

/* Bytes in a second; 0: no limit. */
int manage_block_job_speed(struct manage *m, const char *domain,
                           const char *vdev, uint64_t bandwidth,
                           struct manage_error *err);

struct manage_block_wait {
    const char *domain;
    const char *vdev;
    unsigned int timeout_ms;    /* then it is stopped; 0: never */
    bool detach;                /* leave it alone, rather than stop it */
    /* Each look at it; may be NULL. */
    void (*show)(void *user, const libxl_disk_job_info *info);
    void *user;
};

/* Until it has ended, or the application cancels: 0 with COMPLETED, or with
 * RUNNING when it was left to itself. MANAGE_ROLLED_BACK: it failed, or was
 * stopped. */
int manage_block_job_wait(struct manage *m, const struct manage_block_wait *args,
                          libxl_disk_job_info *info_r,
                          struct manage_error *err);

/* What is stored of one snapshot, read again. */
struct manage_verified {
    char *name;
    bool memory;
    uint64_t bytes;             /* of its memory image, and those that it builds on */
    char *problem;              /* one line; NULL: it is sound */
};

/*
 * Read every byte that is stored of a domain's snapshots, or of the one called
 * name, but their disks: configurations and memory images. *list_r is for
 * manage_verified_free. Finding something damaged is no failure.
 */
int manage_verify(struct manage *m, const char *domain, const char *name,
                  struct manage_verified **list_r, int *num_r,
                  struct manage_error *err);
void manage_verified_free(struct manage_verified *list, int num);

/*
 * Finish or undo what a killed operation left in flight, resume the guest it
 * left stopped, and remove files that belong to no snapshot. report_r: lines
 * of what was done, malloc'd; empty when there was nothing to do. MANAGE_DAMAGED:
 * all that was done, and an image was found damaged.
 */
int manage_recover(struct manage *m, const char *domain, char **report_r,
                   struct manage_error *err);

#endif

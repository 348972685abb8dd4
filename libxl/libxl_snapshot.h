/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxlsnapshot: snapshots of a domain's memory and disks, in libxl's style.
 *
 * The contract
 * ------------
 * Stateless. A call does what it is asked to one domain and forgets it: no
 * files of its own, no globals, no knowledge of which snapshot descends from
 * which. Remembering that is the application's work.
 *
 * Quiet. Nothing is printed; debugging goes to the logger. Nothing exits or
 * aborts: being out of memory is an error return like any other. (libxl
 * itself, below us, does abort then.)
 *
 * Threads. A libxl_snapshot_ctx may be used by several threads at once, as
 * may the libxl_ctx below it. Calls block; none needs libxl's event loop.
 * Children (qemu-img) are waited for by their pid: the application should
 * choose libxl_sigchld_owner_libxl_always_selective_reap.
 *
 * Results. 0, or a negative libxl_error. Out-parameters (ending in _r) are
 * untouched on failure. Where a function takes a libxl_snapshot_diag, it may
 * be NULL; else it must be initialised, and on failure it says in one line
 * what happened, to which disk, and what to do.
 *
 * The guest. Whatever a call pauses or suspends, it sets going again on every
 * path. What is atomic, and what is left behind on failure, is said above
 * each function.
 *
 * A domain that is not running is LIBXL_SNAPSHOT_NO_DOMAIN; its images are
 * then worked on directly, after making sure that nobody has them open.
 */
#ifndef LIBXL_SNAPSHOT_H
#define LIBXL_SNAPSHOT_H

#include <libxl.h>

#include <_libxl_snapshot_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Features, to be tested with #ifdef, as libxl's LIBXL_HAVE_ macros are.
 */
/* Internal snapshots of qcow2 disks, with or without the domain's memory. */
#define LIBXL_HAVE_DOMAIN_SNAPSHOT 1
/* External ones, of qcow2, raw and qed disks, and merging them. */
#define LIBXL_HAVE_EXTERNAL_SNAPSHOT 1
/* The guest's file systems frozen around a snapshot, by its agent. */
#define LIBXL_HAVE_SNAPSHOT_QUIESCE 1
/* How large a copy of what a snapshot holds would be. */
#define LIBXL_HAVE_DISK_MEASURE 1
/* A step of the caller's while the guest stands still. */
#define LIBXL_HAVE_SNAPSHOT_HOOK 1
/* Memory images that are packed, checked, and hold differences to others. */
#define LIBXL_HAVE_MEMORY_IMAGE 1
/* libxl_domain_clock_set. */
#define LIBXL_HAVE_DOMAIN_CLOCK 1
/* What has changed between two states of a disk, or two memory images. */
#define LIBXL_HAVE_SNAPSHOT_COMPARE 1
/* Block jobs: libxl_disk_pull_start, libxl_disk_job_*. */
#define LIBXL_HAVE_DISK_JOB 1

#define LIBXL_SNAPSHOT_NO_DOMAIN ((uint32_t)INVALID_DOMID)

typedef struct libxl_snapshot_ctx libxl_snapshot_ctx;

/*
 * ctx and lg must outlive the new context; lg may be NULL.
 */
int libxl_snapshot_ctx_alloc(libxl_snapshot_ctx **sctx_r, libxl_ctx *ctx,
                             xentoollog_logger *lg);
void libxl_snapshot_ctx_free(libxl_snapshot_ctx *sctx);

/*
 * Other places than the ones built in: libxl's run-time directory (the QMP
 * sockets), its state directory (its locks), the qemu-img program. NULL
 * leaves one as it is. Not to be called while other calls are under way.
 */
int libxl_snapshot_ctx_set_paths(libxl_snapshot_ctx *sctx, const char *run_dir,
                                 const char *lib_dir, const char *qemu_img);

/*
 * How the caller follows a long call. Both may be NULL. They are called from
 * the calling thread or from one that the call made, never two at a time, and
 * must not call the library again.
 */
typedef struct libxl_snapshot_callbacks {
    void *user;
    /* Bytes of memory taken from the guest so far, and a guess at the total. */
    void (*progress)(void *user, uint64_t bytes, uint64_t estimate);
    /* A named step is about to begin. */
    void (*stage)(void *user, const char *name);
    /* Asked now and then during a merge: stop? The call then returns
     * ERROR_ABORTED, with everything as it was but for space used. */
    bool (*cancelled)(void *user);
    /*
     * A merge into the image below a running guest's disk: called while the
     * guest is paused and both images hold the same. From the moment that it
     * runs on only base is right, so this is when to record that durably. A
     * libxl error does not undo the merge; it is what the call returns.
     */
    int (*committed)(void *user);
    /*
     * A snapshot with args->hook: called once, from the calling thread, while
     * the guest stands still and before QEMU is told anything, to take
     * snapshots of disks that the library cannot. A libxl error makes the call
     * fail with it, and be undone; what the callback did is the caller's to
     * undo, then and when the call fails later.
     */
    int (*stopped)(void *user);
} libxl_snapshot_callbacks;

/*
 * ---- memory images ----
 *
 * A file with what a domain's memory and devices were: docs/format/memory.md.
 * It holds all pages, or those alone that differ from another image, its base.
 * Everywhere an image is files[0] of an array; files[1] is its base, files[2] that
 * one's, and so on to one that has none.
 */
typedef struct libxl_memory_file {
    int fd;                     /* the caller's; nobody may write to it */
    const char *name;           /* for messages */
} libxl_memory_file;

/* A new one. */
typedef struct libxl_memory_target {
    int fd;                     /* an empty file, to be written and read */
    const libxl_memory_file *base;  /* store differences to it, if it can be read */
    int num_base;               /* files of base; 0: all pages are stored */
} libxl_memory_target;

/*
 * What an image says of itself. Its header, index and end are checked, its pages
 * are not. ERROR_INVAL: it is no image, or of a version that is not known.
 * ERROR_BADFAIL, here and below: it is damaged, or files are not what they should.
 */
int libxl_memory_image_info_get(libxl_snapshot_ctx *sctx,
                                const libxl_memory_file *file,
                                libxl_memory_image_info *info_r,
                                libxl_snapshot_diag *diag);

/*
 * How many page frames differ between two images, each with all those that it
 * builds on. Files that both have are read at most once, and only for the page
 * frames that one of both has elsewhere. What is read is checked.
 */
int libxl_memory_image_compare(libxl_snapshot_ctx *sctx,
                               const libxl_memory_file *files_a, int num_a,
                               const libxl_memory_file *files_b, int num_b,
                               const libxl_snapshot_callbacks *callbacks,
                               libxl_memory_comparison *result_r,
                               libxl_snapshot_diag *diag);

/* Read all files and check every byte, and that each builds on the next; the last
 * may build on one that is not given. *bytes_r: how many there are. */
int libxl_memory_image_verify(libxl_snapshot_ctx *sctx,
                              const libxl_memory_file *files, int num_files,
                              uint64_t *bytes_r, libxl_snapshot_diag *diag);

/*
 * Write the domain as the stream that libxl_domain_create_restore reads to fd, a
 * pipe or a file. What is damaged is noticed before it is written: the stream
 * ends there, and no domain comes of it. A reader that is gone is ERROR_FAIL, if
 * the calling thread blocks or ignores SIGPIPE.
 */
int libxl_memory_image_read(libxl_snapshot_ctx *sctx,
                            const libxl_memory_file *files, int num_files,
                            int fd, libxl_snapshot_diag *diag);

/*
 * All these files as one, in the empty file fd: what files[0] is, with its UUID, so
 * that images that build on it do so afterwards. It builds on what the last of
 * files builds on, or on nothing. level: of packing, as in the arguments of a snapshot.
 */
int libxl_memory_image_merge(libxl_snapshot_ctx *sctx,
                             const libxl_memory_file *files, int num_files,
                             int level, int fd, uint64_t *bytes_r,
                             libxl_snapshot_diag *diag);

/* Make an image of a stream, as libxl_domain_suspend writes it, that fd has from
 * its present offset on. memory_bytes: of the domain, about. */
int libxl_memory_image_write(libxl_snapshot_ctx *sctx, int fd,
                             uint64_t memory_bytes,
                             const libxl_domain_snapshot_args *args,
                             const libxl_memory_target *target,
                             libxl_domain_snapshot_result *result_r,
                             libxl_snapshot_diag *diag);

/*
 * Can the snapshot be taken, and how? Nothing is changed. The refusals are
 * the same as those of libxl_domain_snapshot_create.
 *
 * disks[i] must come from the domain's configuration (their format must be
 * set: libxl_retrieve_domain_configuration tells it, libxl_device_disk_list
 * does not), and handles[i] names the snapshot to be made of it.
 */
int libxl_domain_snapshot_plan(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks,
                               const libxl_domain_snapshot_args *args,
                               libxl_snapshot_plan *plan_r,
                               libxl_snapshot_diag *diag);

/*
 * Take a snapshot of all these disks at one instant; with args->memory, of
 * the domain's memory and devices at that same instant, as a memory image (else
 * memory is NULL).
 *
 * The guest is stopped from the suspend (with memory) or pause (without) until
 * the disks' snapshots have been made. Meanwhile pages are kept in dom0's memory
 * (args->memory_buffer bytes of it; what does not fit goes to the file, and the
 * guest waits for it); they are packed and written after the guest goes on. The
 * file is neither synced nor closed. While they are packed that takes 16 MiB more
 * for each processor and, with a base, as much again for each of its files.
 *
 * An external snapshot's overlay is made first (0600; durable before it is
 * used), or taken as it is with reuse. The disks' active images change in the
 * same transaction that makes the internal snapshots; persistent dirty bitmaps
 * that record go on in the overlay. libxl's stored copies of the disk's path
 * are changed before the guest runs on, so that whoever asks libxl, and a
 * reboot, a save or a migration, use the overlay. The caller must have noted
 * the overlays durably before the call: after it, or after a crash in it, the
 * disk's image is the overlay, unless the call failed and said nothing else.
 *
 * With args->quiesce, which is for disks alone, the QEMU guest agent (qemu-ga)
 * is asked, over the domain's channel "org.qemu.guest_agent.0" with
 * connection=socket, to freeze the guest's file systems before and to thaw
 * them after. They are thawed on every path, and each of the agent's answers
 * is waited for as long as args says. Without a channel: ERROR_INVAL; without
 * an agent that answers, or when they are frozen already: ERROR_NOT_READY; in
 * both cases nothing was touched. If only the thaw fails the snapshot stands,
 * and the call succeeds with result->maybe_frozen.
 *
 * Whoever calls and is killed in between leaves them frozen: see
 * libxl_domain_fsthaw.
 *
 * With args->hook, callbacks->stopped is called at the instant of the
 * snapshot: the guest is suspended (with memory) or paused (without), or it
 * stood still already, or is off and nobody has the images open. It comes
 * before the disks' transaction, since that cannot be undone when there are
 * overlays in it. What the guest wrote last may still be on its way to the
 * disks, as with any pause; a guest restored from memory writes it again. No
 * lock is held meanwhile, and the time that it takes is time that the guest
 * stands still. num_disks may be 0, with or without memory. ERROR_INVAL
 * without a callback.
 *
 * All or nothing: on failure no disk has the new snapshot and the guest runs
 * on. An overlay that the guest uses already when something fails stays, with
 * ERROR_BADFAIL; merge it with libxl_disk_merge. The memory image is then useless. If even the way back
 * fails, ERROR_BADFAIL is returned and the diagnosis says what was left.
 *
 * ERROR_INVAL: refused, nothing was touched. ERROR_DOMAIN_NOTFOUND: no such
 * domain. ERROR_NOT_READY: busy now, try again later. Else: failed and undone.
 */
int libxl_domain_snapshot_create(libxl_snapshot_ctx *sctx, uint32_t domid,
                                 const libxl_device_disk *disks,
                                 const libxl_snapshot_handle *handles,
                                 int num_disks,
                                 const libxl_domain_snapshot_args *args,
                                 const libxl_memory_target *memory,
                                 const libxl_snapshot_callbacks *callbacks,
                                 libxl_domain_snapshot_result *result_r,
                                 libxl_snapshot_diag *diag);

/* The same for disks alone. */
int libxl_disk_snapshot_create(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks,
                               libxl_domain_snapshot_result *result_r,
                               libxl_snapshot_diag *diag);

/*
 * Are the guest's file systems frozen, by its agent's word? timeout_ms is for
 * each of its answers; 0: the library chooses. The guest may lie. ERROR_INVAL:
 * no channel, or an agent that cannot tell. ERROR_NOT_READY: no answer.
 */
int libxl_domain_fsfreeze_status(libxl_snapshot_ctx *sctx, uint32_t domid,
                                 uint32_t timeout_ms, bool *frozen_r,
                                 libxl_snapshot_diag *diag);

/*
 * Have the guest's agent thaw them, whoever had them frozen; does no harm if
 * they are not. ERROR_NOT_READY: no answer within twice the time. The command
 * is then on its way, for an agent that is busy.
 */
int libxl_domain_fsthaw(libxl_snapshot_ctx *sctx, uint32_t domid,
                        uint32_t timeout_ms, libxl_snapshot_diag *diag);

/*
 * A guest that was restored from memory, and its wall clock: ask the guest's
 * agent for the time, and where that is not the host's, to within a second or
 * within what the asking took, have it set to the host's and ask again.
 * timeout_ms is for all of it; 0: the library chooses. The guest must run.
 *
 * ERROR_NOTFOUND: the domain has no channel to an agent. ERROR_INVAL: an agent
 * that does not tell the time. ERROR_NOT_READY: no answer. After these nothing was
 * set. Once the agent has told the time the call succeeds; clock_r->problem
 * says why the clock may still be wrong then. clock_r is initialised by the
 * caller, whose it is to dispose of. The guest may lie.
 */
int libxl_domain_clock_set(libxl_snapshot_ctx *sctx, uint32_t domid,
                           uint32_t timeout_ms, libxl_domain_clock *clock_r,
                           libxl_snapshot_diag *diag);

/*
 * Delete one internal snapshot of each of a domain's disks, running or not.
 * Other snapshots of the disks stay valid. ERROR_NOTFOUND: a disk has no such
 * snapshot; running, nothing was changed then, else those before it may be
 * deleted. After any other failure, too, some may be deleted. For each disk
 * atomic as far as the image format is: QEMU writes the new snapshot table
 * before it frees what the old one held. A running guest is paused meanwhile.
 */
int libxl_disk_snapshot_delete(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks, libxl_snapshot_diag *diag);

/*
 * What the images of a domain's disks say of the internal snapshots that the
 * handles name: found_r[num_disks], initialised here, and on success the
 * caller's to dispose of. One whose id is NULL is not there. ERROR_INVAL: an
 * image has several of that name.
 */
int libxl_disk_snapshot_find(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disks,
                             const libxl_snapshot_handle *handles,
                             int num_disks, libxl_disk_snapshot *found_r,
                             libxl_snapshot_diag *diag);

/*
 * The snapshots that the disk's image holds, whoever made them, in the
 * image's order. Free with libxl_disk_snapshot_list_free.
 */
int libxl_disk_snapshot_list(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disk,
                             libxl_disk_snapshot **list_r, int *num_r,
                             libxl_snapshot_diag *diag);
void libxl_disk_snapshot_list_free(libxl_disk_snapshot *list, int num);

/*
 * Put the disk back to a snapshot. There is no way to do that under a running
 * guest: the domain must be gone, and ERROR_NOT_READY is returned as long as
 * anybody has the image open. What the disk held is lost; persistent dirty
 * bitmaps in the image are removed, since they no longer describe anything.
 * May be repeated.
 */
int libxl_disk_snapshot_revert(libxl_snapshot_ctx *sctx,
                               const libxl_device_disk *disk,
                               const libxl_snapshot_handle *handle,
                               libxl_snapshot_diag *diag);

/*
 * After a crash in the middle of making, applying or deleting an internal
 * snapshot: QEMU counts clusters before it uses them, so that the image may
 * count some twice, up to all of them. It can be used as it is, but they would
 * never be free again, and 'qemu-img check' speaks of errors. This counts them
 * anew; what the image and its snapshots hold does not change. May be repeated.
 * ERROR_NOT_READY: somebody has the image open, and nothing was done.
 * ERROR_INVAL: it is damaged in another way, which is left as it is.
 */
int libxl_disk_image_repair(libxl_snapshot_ctx *sctx,
                            const libxl_device_disk *disk,
                            libxl_snapshot_diag *diag);

/*
 * Make an overlay and its backing image, merge->top and merge->base, one
 * image again. What the disk and all other images read does not change.
 *
 * domid: the domain that has top open, be it as its disk's active image or
 * below it; LIBXL_SNAPSHOT_NO_DOMAIN when nobody has either of them open
 * (that is checked). disk: the domain's disk, or any with these images.
 *
 * The one that is no longer needed (COMMIT: top, PULL: base) is left for the
 * caller to remove. base must have no other overlay than top when its data
 * changes (COMMIT); that is the caller's promise. PULL: top's new backing
 * image is below. In COMMIT, if top is the disk's active image, the guest is
 * paused for the moment of the change, callbacks->committed is called, and
 * libxl's stored path is changed to base before it runs on.
 *
 * May be repeated after any failure, a crash included: copying starts anew.
 * ERROR_ABORTED: callbacks->cancelled said so. ERROR_NOT_READY: somebody has
 * an image open, or the disk has a block job. A job of ours that a killed
 * process left in QEMU is cancelled first.
 */
int libxl_disk_merge(libxl_snapshot_ctx *sctx, uint32_t domid,
                     const libxl_device_disk *disk,
                     const libxl_disk_merge_params *merge,
                     const libxl_snapshot_callbacks *callbacks,
                     libxl_snapshot_diag *diag);

/*
 * Which image does a running domain's disk have now, by its QEMU's word, and
 * which images below it? The first is the active one. For recovery: libxl's
 * stored path may lag behind after a crash. Free with
 * libxl_disk_image_list_free. ERROR_NOTFOUND: the domain has no such disk.
 */
int libxl_disk_image_list(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const char *vdev, libxl_disk_image **list_r,
                          int *num_r, libxl_snapshot_diag *diag);
void libxl_disk_image_list_free(libxl_disk_image *list, int num);

/*
 * Have a running domain's QEMU close an overlay that libxl_domain_snapshot_create
 * opened and no disk uses: of one that was killed, or before a merged one's
 * file is removed. One that is not open, or not ours, is fine; one that is in
 * use is an error. Merges that are over are forgotten, too.
 */
int libxl_disk_overlay_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const char *path, libxl_snapshot_diag *diag);

/*
 * Have a running domain's QEMU close the images of a disk that was detached.
 * By itself it closes no more than the one with which the disk began, and not
 * that either when there are overlays on it; as long as it is open no disk can
 * be attached by the name vdev again. paths: the image that the disk had last,
 * then those below it, in this order; one that is not open is fine.
 * ERROR_NOT_READY: the disk is not detached (yet). May be repeated after any
 * failure.
 */
int libxl_disk_detached_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                              const char *vdev, const char *const *paths,
                              int num, libxl_snapshot_diag *diag);

/*
 * Have all of libxl's stored copies (the configuration in its JSON userdata,
 * and xenstore's params under the backend and under /libxl) name this image
 * as the disk's. Takes libxl's userdata lock; other members of the stored
 * configuration are kept as they are. For a domain whose QEMU uses the image
 * already. All copies, or ERROR_BADFAIL with those it could not change.
 */
int libxl_disk_set_path(libxl_snapshot_ctx *sctx, uint32_t domid,
                        const char *vdev, const char *path,
                        libxl_disk_format format, libxl_snapshot_diag *diag);

/*
 * A new overlay (0600, must not exist; durable on return) on an image that
 * nobody writes to, as a revert to an external snapshot needs it.
 */
int libxl_disk_overlay_create(libxl_snapshot_ctx *sctx, const char *image,
                              libxl_disk_format image_format,
                              const libxl_snapshot_overlay *overlay,
                              libxl_snapshot_diag *diag);

/*
 * Copy what an internal snapshot of a qcow2 image holds into a new,
 * independent image (0600, must not exist; durable on return). The image may
 * not be written meanwhile.
 */
int libxl_disk_snapshot_extract(libxl_snapshot_ctx *sctx,
                                const libxl_device_disk *disk,
                                const libxl_snapshot_handle *handle,
                                const char *path,
                                const libxl_snapshot_callbacks *callbacks,
                                libxl_snapshot_diag *diag);

/*
 * Write to the empty file fd an independent qcow2 image with what an internal
 * snapshot of the disk's image holds or, without a handle, what the image
 * itself and those below it hold. The image may be a running guest's in the
 * first case; in the second nobody may write to it. The snapshot, or the
 * frozen image, must stay while this goes on: that is the caller's promise.
 * Nothing is synced. On failure what was written is useless.
 */
int libxl_disk_export(libxl_snapshot_ctx *sctx, const libxl_device_disk *disk,
                      const libxl_snapshot_handle *handle, int fd,
                      libxl_snapshot_diag *diag);

/*
 * How many bytes libxl_disk_export, or libxl_disk_snapshot_extract, would
 * write of this: data and tables, and never less. Reads the image's tables,
 * and nothing else of it; the same images are allowed.
 */
int libxl_disk_measure(libxl_snapshot_ctx *sctx, const libxl_device_disk *disk,
                       const libxl_snapshot_handle *handle, uint64_t *bytes_r,
                       libxl_snapshot_diag *diag);

/*
 * How much of a disk differs between two of its states, each what an internal
 * snapshot of the disk's image holds or, without a handle, what the image itself
 * and those below it hold. As of libxl_disk_export the image may be a running
 * guest's in the first case, and nobody may write to it in the second; and the
 * snapshot, or the frozen image, must stay while this goes on. Past the end of
 * the shorter one there are zeroes.
 *
 * begin opens all that is needed, which takes little time; the image's table of
 * snapshots may not change meanwhile. run reads what cannot be known to be the
 * same without reading it, with callbacks progress (of the disk's bytes) and
 * cancelled; once. end may be called at any time, also with NULL.
 *
 * ERROR_INVAL: it is no image that could be read. ERROR_NOTFOUND: there is no
 * such image or snapshot. ERROR_ABORTED: callbacks->cancelled said so.
 */
typedef struct libxl_disk_compare libxl_disk_compare;

/* Changes are counted in pieces of so many bytes. */
#define LIBXL_DISK_COMPARE_UNIT 4096u

int libxl_disk_compare_begin(libxl_snapshot_ctx *sctx,
                             const libxl_device_disk *a,
                             const libxl_snapshot_handle *handle_a,
                             const libxl_device_disk *b,
                             const libxl_snapshot_handle *handle_b,
                             libxl_disk_compare **cmp_r,
                             libxl_snapshot_diag *diag);
int libxl_disk_compare_run(libxl_disk_compare *cmp,
                           const libxl_snapshot_callbacks *callbacks,
                           libxl_disk_comparison *result_r,
                           libxl_snapshot_diag *diag);
void libxl_disk_compare_end(libxl_disk_compare *cmp);

/*
 * ---- block jobs ----
 *
 * QEMU copies while the guest runs. A job outlives the call that began it and
 * whoever made the call. It is found again by the disk's name, and is there, an
 * error that stops it included, until somebody calls libxl_disk_job_finish or
 * _abort. A disk has one at a time; as long as it does, its snapshots are refused
 * with ERROR_NOT_READY. A save or a migration should wait; that is the caller's
 * business. Of the callbacks only stage is called; they may be NULL.
 *
 * disk->vdev and, where it is named, disk->pdev_path: the disk and its active
 * image. ERROR_NOTFOUND: the domain's QEMU does not serve it. ERROR_NOT_READY:
 * this passes. ERROR_INVAL: refused, nothing was touched.
 */

/*
 * Begin to copy into the disk's active image what it reads through to: of all
 * images below it, or of those above params->base. What the disk reads does not
 * change at any time; a job that ends early leaves a right, fuller image, and a
 * later one goes on from there. The guest is paused while the job is set up, some
 * milliseconds.
 *
 * ERROR_INVAL: there is nothing below; base is not below; the active image holds
 * internal snapshots, which would lose what they read below. Recording dirty
 * bitmaps of the active image take note of what is copied; those of the images
 * below stay there.
 */
int libxl_disk_pull_start(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const libxl_device_disk *disk,
                          const libxl_disk_pull_params *params,
                          const libxl_snapshot_callbacks *callbacks,
                          libxl_snapshot_diag *diag);

/* How is the disk's job? Changes nothing. info_r is initialised by the caller. */
int libxl_disk_job_query(libxl_snapshot_ctx *sctx, uint32_t domid,
                         const libxl_device_disk *disk,
                         libxl_disk_job_info *info_r,
                         libxl_snapshot_diag *diag);

/*
 * Bring a job that is READY to its end: what was copied comes to the disk, then
 * QEMU lets go of the images that are not needed any more and the active image's
 * header says so, with the guest paused. One that an error has stopped is ended,
 * FAILED, as by libxl_disk_job_abort. QEMU forgets a job with its end, and info_r
 * has said how it was for the only time: whoever remembers which image builds on
 * which learns it from libxl_disk_image_list, or from the images themselves, also
 * when a call was cut short. One that is RUNNING goes on.
 */
int libxl_disk_job_finish(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const libxl_device_disk *disk,
                          const libxl_snapshot_callbacks *callbacks,
                          libxl_disk_job_info *info_r,
                          libxl_snapshot_diag *diag);

/* Stop it, if it has not ended, and have QEMU forget it. info_r: how it was;
 * COMPLETED: it was faster. */
int libxl_disk_job_abort(libxl_snapshot_ctx *sctx, uint32_t domid,
                         const libxl_device_disk *disk,
                         const libxl_snapshot_callbacks *callbacks,
                         libxl_disk_job_info *info_r,
                         libxl_snapshot_diag *diag);

/* Bytes in a second from now on; 0: no limit. ERROR_NOTFOUND: there is no job. */
int libxl_disk_job_set_speed(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disk, uint64_t bandwidth,
                             libxl_snapshot_diag *diag);

/*
 * Does anything still have the disk's image open: a domain (other than
 * except_domid, which may be LIBXL_SNAPSHOT_NO_DOMAIN), a process, a loop
 * device? Waits up to timeout_ms for that to end. 0: nobody.
 * ERROR_NOT_READY: somebody; the diagnosis says who.
 */
int libxl_disk_snapshot_wait_unused(libxl_snapshot_ctx *sctx,
                                    const libxl_device_disk *disk,
                                    uint32_t except_domid, int timeout_ms,
                                    libxl_snapshot_diag *diag);

#ifdef __cplusplus
}
#endif

#endif

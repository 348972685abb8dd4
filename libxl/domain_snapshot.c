/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of things in a snapshot, and the way back from each of them. No
 * QMP and no qemu-img here: disk_ops.h; no stream: memory.h.
 *
 *   overlays, flush | suspend        | hook | disks | paths | resume | memory
 *   overlays, flush | session, pause | hook | disks | paths | unpause
 *                                             ^ one transaction
 *
 * Up to the transaction all can be undone. After it the guest's disks are the
 * overlays, and stay so whatever fails; libxl must know that before the guest
 * goes on.
 *
 * The hook is the caller's own step. It may take long, so that the session with
 * QEMU, which keeps libxl out, is then opened after it.
 *
 * With quiesce the guest's file systems are frozen before the flush, and
 * thawed after the unpause.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>
#include <xentoollog.h>

#include "libxl/disk_ops.h"
#include "libxl/memory.h"
#include "libxl/quiesce.h"

struct run {
    libxl_snapshot_ctx *sctx;
    const libxl_domain_snapshot_args *args;
    const libxl_memory_target *target;
    const libxl_snapshot_callbacks *callbacks;
    libxl_snapshot_diag *diag;

    struct disk_set disks;
    libxl_snapshot_plan plan;
    struct domain_monitor monitor;
    struct memory_capture memory;
    struct quiesce quiesce;
    libxl_domain_snapshot_result result;

    uint64_t began_at;
    bool paused;                /* the guest is ours to unpause */
    uint64_t paused_at;
    bool disks_touched;         /* they may have the snapshot */
};

static void run_init(struct run *run)
{
    memset(run, 0, sizeof(*run));
    run->began_at = xls_now_us();
    disk_set_init(&run->disks);
    libxl_snapshot_plan_init(&run->plan);
    domain_monitor_init(&run->monitor);
    memory_capture_init(&run->memory);
    quiesce_init(&run->quiesce);
    libxl_domain_snapshot_result_init(&run->result);
}

static void run_dispose(struct run *run)
{
    domain_monitor_dispose(&run->monitor);
    memory_capture_dispose(&run->memory);
    quiesce_dispose(&run->quiesce);
    libxl_domain_snapshot_result_dispose(&run->result);
    libxl_snapshot_plan_dispose(&run->plan);
    disk_set_dispose(&run->disks);
}

static void stage(struct run *run, const char *name)
{
    xls_log(run->sctx, XTL_DEBUG, "domain %u: %s, %" PRIu64 " ms after the"
            " beginning", run->disks.domain.domid, name,
            (xls_now_us() - run->began_at) / 1000);
    if (run->callbacks && run->callbacks->stage)
        run->callbacks->stage(run->callbacks->user, name);
}

/* ---- before anything is touched ---- */

/* The agent is asked last: nothing else takes so long to refuse. */
static int prepare_quiesce(struct run *run)
{
    int rc;

    rc = plan_check_quiesce(&run->disks.domain, run->args->memory, run->diag);
    if (rc) return rc;
    rc = quiesce_check(run->sctx, run->disks.domain.domid,
                       run->args->quiesce_timeout_ms, run->diag);
    return rc ? rc : plan_add_quiesce(&run->plan);
}

static int prepare(struct run *run, uint32_t domid,
                   const libxl_device_disk *disks,
                   const libxl_snapshot_handle *handles, int num_disks)
{
    const struct plan_wish wish = { run->args->memory, run->args->hook };
    int rc;

    rc = disk_set_gather(&run->disks, run->sctx, domid, disks, handles,
                         num_disks, run->diag);
    if (rc) return rc;
    rc = plan_check_domain(&run->disks.domain, run->args->memory, run->diag);
    if (rc) return rc;
    if (!num_disks && !run->args->memory && !run->args->hook)
        return xls_diag(run->diag, ERROR_INVAL, NULL,
                        "there is neither memory nor a disk to take a"
                        " snapshot of");
    rc = disk_set_locate(&run->disks, true, run->diag);
    if (rc) return rc;
    rc = plan_snapshot_create(&run->disks.domain, &wish, run->disks.disks,
                              num_disks, &run->plan);
    return rc || !run->args->quiesce ? rc : prepare_quiesce(run);
}

int libxl_domain_snapshot_plan(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks,
                               const libxl_domain_snapshot_args *args,
                               libxl_snapshot_plan *plan_r,
                               libxl_snapshot_diag *diag)
{
    struct run run;
    int rc;

    run_init(&run);
    run.sctx = sctx;
    run.args = args;
    run.diag = diag;
    rc = prepare(&run, domid, disks, handles, num_disks);
    if (!rc) {
        *plan_r = run.plan;
        libxl_snapshot_plan_init(&run.plan);
    }
    run_dispose(&run);
    return rc;
}

/* ---- the steps ---- */

static int do_freeze(struct run *run)
{
    int rc;

    stage(run, "freeze");
    rc = quiesce_freeze(&run->quiesce, run->sctx, run->disks.domain.domid,
                        run->args->quiesce_timeout_ms, run->diag);
    run->result.quiesced = !rc;
    return rc;
}

/* The snapshot is good whether or not this succeeds. */
static int do_thaw(struct run *run)
{
    libxl_snapshot_diag why;

    stage(run, "thaw");
    libxl_snapshot_diag_init(&why);
    if (quiesce_thaw(&run->quiesce, &why)) {
        run->result.maybe_frozen = true;
        xls_log(run->sctx, XTL_ERROR, "domain %u: %s", run->disks.domain.domid,
                why.message ? why.message : "not thawed");
    }
    libxl_snapshot_diag_dispose(&why);
    return 0;
}

static int do_suspend(struct run *run)
{
    stage(run, "suspend");
    return memory_capture(&run->memory, run->sctx, &run->disks.domain,
                          run->args, run->target, run->callbacks,
                          run->diag);
}

/* The session first: waiting for it must not be part of the pause. */
static int do_pause(struct run *run)
{
    int rc = 0;

    if (!run->args->hook)
        rc = domain_monitor_open(&run->monitor, run->sctx, &run->disks.domain,
                                 run->diag);
    if (rc) return rc;
    stage(run, "pause");
    run->paused_at = xls_now_us();
    rc = libxl_domain_pause(run->sctx->ctx, run->disks.domain.domid, NULL);
    if (rc)
        return xls_diag(run->diag, rc, NULL, "cannot pause the domain");
    run->paused = true;
    return 0;
}

static int do_make_overlays(struct run *run)
{
    stage(run, "overlays");
    return disk_set_make_overlays(&run->disks, run->diag);
}

static int do_attach_overlays(struct run *run)
{
    stage(run, "attach");
    return disk_set_attach_overlays(&run->disks, run->diag);
}

static int do_hook(struct run *run)
{
    int rc;

    stage(run, "hook");
    rc = run->callbacks->stopped(run->callbacks->user);
    if (rc)
        xls_diag(run->diag, rc, NULL, "what was to be done while the domain"
                 " stands still failed");
    return rc;
}

/* Internal and external ones are neighbours in the plan, and one step. */
static int do_disks(struct run *run)
{
    int rc;

    if (run->disks_touched) return 0;
    if (!run->monitor.session) {
        stage(run, "session");
        rc = domain_monitor_open(&run->monitor, run->sctx, &run->disks.domain,
                                 run->diag);
        if (rc) return rc;
    }
    stage(run, "disks");
    run->disks_touched = true;
    return disk_set_create_online(&run->disks, &run->monitor, run->diag);
}

static int do_store_paths(struct run *run)
{
    stage(run, "paths");
    return disk_set_store_paths(&run->disks, run->diag);
}

static int do_unpause(struct run *run)
{
    int rc;

    if (!run->paused) return 0;
    stage(run, "unpause");
    rc = xls_unpause(run->sctx, run->disks.domain.domid,
                     run->disks.domain.paused);
    if (rc)
        return xls_diag(run->diag, rc, NULL, "the domain could not be"
                        " unpaused; try 'xl unpause %u'",
                        run->disks.domain.domid);
    run->paused = false;
    run->result.pause_us = xls_now_us() - run->paused_at;
    return 0;
}

static int do_resume(struct run *run)
{
    int rc;

    stage(run, "resume");
    rc = memory_release(&run->memory, run->diag);
    if (rc) return rc;
    run->result.pause_us = run->memory.pause_us;
    run->result.pause_memory_us = run->memory.pause_memory_us;
    run->result.pause_disks_us = run->memory.pause_disks_us;
    run->result.pause_resume_us = run->memory.pause_resume_us;
    run->result.suspend_us = run->memory.suspend_us;
    run->result.live = run->memory.live;
    return 0;
}

static int do_offline(struct run *run)
{
    stage(run, "disks");
    run->disks_touched = true;
    return disk_set_create_offline(&run->disks, run->diag);
}

static int do_action(struct run *run, libxl_snapshot_action_type type)
{
    switch (type) {
    case LIBXL_SNAPSHOT_ACTION_TYPE_FLUSH_IMAGE:
        stage(run, "flush");
        return disk_set_flush(&run->disks, run->diag);
    case LIBXL_SNAPSHOT_ACTION_TYPE_SUSPEND: return do_suspend(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_PAUSE: return do_pause(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_HOOK: return do_hook(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_OVERLAY_CREATE:
        return do_make_overlays(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_OVERLAY_ATTACH:
        return do_attach_overlays(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_CREATE:
    case LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_OVERLAY:
        return do_disks(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_STORE_PATH: return do_store_paths(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_IMAGE_SNAPSHOT_CREATE:
        return do_offline(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_UNPAUSE: return do_unpause(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_RESUME: return do_resume(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_FREEZE: return do_freeze(run);
    case LIBXL_SNAPSHOT_ACTION_TYPE_THAW: return do_thaw(run);
    default:
        return xls_diag(run->diag, ERROR_FAIL, NULL,
                        "the plan has a step that creating does not know");
    }
}

/* Neighbours of one kind are one step: all disks at once. */
static int carry_out(struct run *run)
{
    libxl_snapshot_action_type last = LIBXL_SNAPSHOT_ACTION_TYPE_UNKNOWN;
    int i, rc;

    for (i = 0; i < run->plan.num_actions; i++) {
        if (run->plan.actions[i].type == last) continue;
        last = run->plan.actions[i].type;
        rc = do_action(run, last);
        if (rc) return rc;
    }
    return 0;
}

/* The guest runs again; what is left is not in its way. */
static int complete(struct run *run)
{
    libxl_domain_snapshot_result *result = &run->result;
    libxl_disk_snapshot *list = NULL;
    int rc;

    stage(run, "complete");
    if (run->args->memory) {
        rc = memory_finish(&run->memory, result, run->diag);
        if (rc) return rc;
    }
    if (!run->disks.num_disks) return 0;
    rc = disk_set_flush(&run->disks, run->diag);
    if (rc) return rc;
    list = calloc(run->disks.num_disks, sizeof(*list));
    if (!list) return ERROR_NOMEM;
    rc = disk_set_describe(&run->disks, false, list, run->diag);
    if (rc) {
        free(list);
        return rc;
    }
    result->disks = list;
    result->num_disks = run->disks.num_disks;
    return 0;
}

/* ---- the way back ---- */

/* What is left when an external snapshot cannot be undone. */
static const char *words_for(enum overlays_state state)
{
    switch (state) {
    case OVERLAYS_USED:
        return "the guest uses the overlays already, which stay: they are the"
               " disks' images now; merge them to be rid of them";
    case OVERLAYS_UNKNOWN:
        return "QEMU does not tell whether the guest uses the overlays, which"
               " stay";
    default:
        return NULL;
    }
}

/* The guest first. */
static int undo_guest(struct run *run, libxl_snapshot_diag *left)
{
    int rc;

    domain_monitor_dispose(&run->monitor);
    rc = memory_release(&run->memory, left);
    if (!rc) rc = do_unpause(run);
    if (!rc) rc = quiesce_thaw(&run->quiesce, left);
    return rc;
}

static int undo_disks(struct run *run, libxl_snapshot_diag *left)
{
    const char *words = words_for(run->disks.state);
    int rc = 0, rc2;

    if (run->disks_touched)
        rc = disk_set_delete(&run->disks, true, left);
    if (words)
        rc2 = xls_diag(left, ERROR_BADFAIL, NULL, "%s", words);
    else
        rc2 = disk_set_drop_overlays(&run->disks, left);
    return rc ? rc : rc2;
}

/* One line about both: what went wrong first, and what then stayed. The
 * disk is that of the first. */
static int diag_both(libxl_snapshot_diag *diag, const char *left)
{
    libxl_snapshot_diag first;

    if (!diag) return ERROR_BADFAIL;
    first = *diag;
    libxl_snapshot_diag_init(diag);
    xls_diag(diag, ERROR_BADFAIL, first.vdev,
             "%s; and then it could not all be undone: %s",
             first.message ? first.message : "failed", left);
    libxl_snapshot_diag_dispose(&first);
    return ERROR_BADFAIL;
}

static int undo(struct run *run, int rc)
{
    libxl_snapshot_diag left;
    int rc2, rc3;

    stage(run, "undo");
    libxl_snapshot_diag_init(&left);
    rc2 = undo_guest(run, &left);
    rc3 = undo_disks(run, &left);
    if (rc2 || rc3)
        rc = diag_both(run->diag, left.message ? left.message
                                               : "the domain stands still");
    libxl_snapshot_diag_dispose(&left);
    return rc;
}

/* ---- */

int libxl_domain_snapshot_create(libxl_snapshot_ctx *sctx, uint32_t domid,
                                 const libxl_device_disk *disks,
                                 const libxl_snapshot_handle *handles,
                                 int num_disks,
                                 const libxl_domain_snapshot_args *args,
                                 const libxl_memory_target *memory,
                                 const libxl_snapshot_callbacks *callbacks,
                                 libxl_domain_snapshot_result *result_r,
                                 libxl_snapshot_diag *diag)
{
    struct run run;
    int rc;

    run_init(&run);
    run.sctx = sctx;
    run.args = args;
    run.target = memory;
    run.callbacks = callbacks;
    run.diag = diag;

    if (args->hook && (!callbacks || !callbacks->stopped)) {
        rc = xls_diag(diag, ERROR_INVAL, NULL, "a hook was asked for, and"
                      " there is no callback");
        goto out;
    }
    rc = prepare(&run, domid, disks, handles, num_disks);
    if (rc) goto out;
    rc = carry_out(&run);
    if (!rc) rc = complete(&run);
    if (rc) {
        rc = undo(&run, rc);
        goto out;
    }
    *result_r = run.result;
    libxl_domain_snapshot_result_init(&run.result);
out:
    if (rc) xls_diag(diag, rc, NULL, "%s", libxl_error_to_string(rc));
    run_dispose(&run);
    return rc;
}

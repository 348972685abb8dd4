/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xl/app.h"
#include "xl/application.h"
#include "xl/log.h"
#include "xl/output.h"
#include "xl/progress.h"

/* We, manage and libxlsnapshot wait for our children by their pid. */
static const libxl_childproc_hooks childproc_hooks = {
    .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
};

static int fail(struct manage_error *err, int rc, const char *text)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "%s", text);
    return rc;
}

/* Whether somebody watches: only then is progress worth a line. */
static bool progress_shown(const struct xl_app *app, enum app_access access)
{
    return access == APP_CHANGE && !app->dry_run &&
           (app->progress_cr || isatty(STDERR_FILENO));
}

static int open_libxl(struct xl_app *app, enum app_access access,
                      struct manage_error *err)
{
    int rc;

    rc = libxl_ctx_alloc(&app->ctx, LIBXL_VERSION, 0, app->lg);
    if (!rc) {
        libxl_childproc_setmode(app->ctx, &childproc_hooks, NULL);
        return 0;
    }
    app->ctx = NULL;
    /* A chain can be read where there is no hypervisor. Changing one while
     * not seeing who runs could destroy the disks of a running guest. */
    if (access != APP_READ)
        return fail(err, rc, "cannot talk to Xen: this must run as root in "
                    "dom0, with Xen's services up");
    log_forget(app->log);
    return 0;
}

int app_open(struct xl_app *app, enum app_access access,
             struct manage_error *err)
{
    struct manage_settings settings;
    int rc;

    if (access == APP_CHANGE && !app->dry_run) signals_hold(&app->signals);

    app->progress = progress_create(progress_shown(app, access));
    if (!app->progress) return fail(err, ERROR_NOMEM, "out of memory");
    app->log = log_create(app->verbose, app->timestamps, app->progress);
    if (!app->log) return fail(err, ERROR_NOMEM, "out of memory");
    app->lg = log_logger(app->log);

    rc = open_libxl(app, access, err);
    if (rc) return rc;

    memset(&settings, 0, sizeof(settings));
    settings.ctx = app->ctx;
    settings.lg = app->lg;
    settings.snapshot_dir = app->snapshot_dir;
    application_fill(app, &settings.app);
    return manage_open(&settings, &app->manage, err);
}

void app_close(struct xl_app *app)
{
    guard_dismiss(&app->guard);
    if (app->manage) manage_close(app->manage);
    app->manage = NULL;
    if (app->ctx) libxl_ctx_free(app->ctx);
    app->ctx = NULL;
    log_free(app->log);
    app->log = NULL;
    app->lg = NULL;
    progress_free(app->progress);
    app->progress = NULL;
    signals_release(&app->signals);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "xl/app.h"
#include "xl/application.h"
#include "xl/cmdtable.h"
#include "xl/domain_start.h"
#include "xl/hook.h"
#include "xl/output.h"
#include "xl/progress.h"
#include "xl/test_hooks.h"
#include "xl/watch.h"

/* The guest may stand still at this moment, so nothing here may wait. */
static void notice_signals(struct xl_app *app)
{
    char line[128];

    if (!signals_noticed(&app->signals)) return;
    progress_clear(app->progress);
    app->stop_asked = true;
    snprintf(line, sizeof(line), app->can_stop
             ? "xl: %s: stops as soon as that is safe\n"
             : "xl: %s: cannot stop here without harm to the domain, and goes "
               "on to its end\n", app->cmd->name);
    output_stderr_soon(line, 0);
}

static bool cancelled(void *user)
{
    struct xl_app *app = user;

    notice_signals(app);
    return app->stop_asked;
}

static void reached(void *user, const char *point)
{
    struct xl_app *app = user;

    test_hooks_reached(point);
    app->can_stop = !strncmp(point, "merge:", strlen("merge:")) ||
                    !strncmp(point, "job:", strlen("job:"));
    notice_signals(app);
    progress_reached(app->progress, point);
}

static void progress(void *user, uint64_t bytes, uint64_t estimate)
{
    struct xl_app *app = user;

    notice_signals(app);
    progress_memory(app->progress, bytes, estimate);
}

static void warn(void *user, const char *text)
{
    output_note(user, "%s", text);
}

static void guard(void *user, const char *domain)
{
    struct xl_app *app = user;

    if (test_hooks_guarded()) guard_start(&app->guard, domain);
}

static int restore(void *user, const struct manage_memory *memory,
                   const char *config_json, const char *domain,
                   uint32_t *domid_r, struct manage_error *err)
{
    return domain_start_restore(user, memory, config_json, domain,
                                domid_r, err);
}

static int start(void *user, const char *config_json, const char *domain,
                 uint32_t *domid_r, struct manage_error *err)
{
    return domain_start_boot(user, config_json, domain, domid_r, err);
}

static bool watched(void *user, uint32_t domid)
{
    return watch_is_watched(user, domid);
}

static int keep_watched(void *user, uint32_t domid, struct manage_error *err)
{
    return watch_keep(user, domid, err);
}

static int hook(void *user, const char *domain, const char *program,
                char *const *variables, struct manage_error *err)
{
    const struct xl_app *app = user;

    return hook_execute(app->run_dir, domain, program, variables,
                        app->hook_timeout_s ? app->hook_timeout_s
                                            : HOOK_TIMEOUT_S, err);
}

static char *configuration(void *user, const char *domain,
                           struct manage_error *err)
{
    return configuration_read(user, domain, err);
}

void application_fill(struct xl_app *app,
                      struct manage_application *application)
{
    application->user = app;
    application->reached = reached;
    application->progress = progress;
    application->warn = warn;
    application->guard = guard;
    application->cancelled = cancelled;
    application->restore = restore;
    application->start = start;
    application->watched = watched;
    application->keep_watched = keep_watched;
    application->hook = hook;
    application->configuration = configuration;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains that are not brought up, and a watcher and a hook that are none. */
#include "config.h"

#include <stdio.h>

#include "xl/app.h"
#include "xl/domain_start.h"
#include "xl/hook.h"
#include "xl/watch.h"

int domain_start_restore(struct xl_app *app, const struct manage_memory *memory,
                         const char *config_json, const char *domain,
                         uint32_t *domid_r, struct manage_error *err)
{
    (void)err;
    if (!app->ctx || !memory || !config_json || !domain) return ERROR_INVAL;
    *domid_r = 7;
    return 0;
}

int domain_start_boot(struct xl_app *app, const char *config_json,
                      const char *domain, uint32_t *domid_r,
                      struct manage_error *err)
{
    (void)err;
    if (!app->ctx || !config_json || !domain) return ERROR_INVAL;
    *domid_r = 8;
    return 0;
}

bool watch_is_watched(struct xl_app *app, uint32_t domid)
{
    return app->ctx && domid == 3;
}

int watch_keep(struct xl_app *app, uint32_t domid, struct manage_error *err)
{
    (void)err;
    return app->ctx && domid == 3 ? 0 : ERROR_INVAL;
}

/* Says what it was asked to run, and with which time limit. */
int hook_execute(const char *run_dir, const char *domain, const char *program,
                 char *const *variables, unsigned int timeout_s,
                 struct manage_error *err)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "%s %s %s %u%s%s", domain, program,
             variables[0], timeout_s, variables[1] ? " and more" : "",
             run_dir && run_dir[0] == '/' ? "" : " nowhere");
    return ERROR_FAIL;
}

int monitor_main(int argc, char **argv)
{
    printf("monitor of %s\n", argc == 2 ? argv[1] : "?");
    return 0;
}

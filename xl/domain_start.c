/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "xl/app.h"
#include "xl/child.h"
#include "xl/domain_create.h"
#include "xl/domain_start.h"
#include "xl/monitor.h"
#include "xl/restore_feed.h"
#include "xl/xl_conf.h"

/* Waiting for the create lock, device hotplug, and a disk this slow. */
#define RESTORE_BASE_S 600
#define RESTORE_BYTES_PER_S (4 << 20)

static int __attribute__((format(printf, 3, 4)))
fail(struct manage_error *err, int rc, const char *fmt, ...)
{
    va_list ap;

    err->outcome = MANAGE_FAILED;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return rc;
}

/* Nobody may have that name yet. */
static int check_name_is_free(struct xl_app *app, const char *domain,
                              struct manage_error *err)
{
    uint32_t domid;
    int rc;

    rc = libxl_name_to_domid(app->ctx, domain, &domid);
    if (!rc)
        return fail(err, ERROR_INVAL, "cannot start %s: domain %u has that "
                    "name; destroy or rename it first", domain, domid);
    /* What libxl_name_to_domid() says when there is none. */
    if (rc != ERROR_INVAL)
        return fail(err, rc, "cannot start %s: cannot list the domains",
                    domain);
    return 0;
}

/*
 * ---- from a memory image ----
 */

/* What a killed xl left: it had no time to clean up. check_name_is_free() came
 * before, so a domain of that name is the one that xl was building. */
static void destroy_half_built(struct xl_app *app, const char *domain)
{
    uint32_t domid;

    if (!libxl_name_to_domid(app->ctx, domain, &domid))
        domain_create_clear(app->ctx, domid);
}

/* The domain that xl has restored, which must be there and stand still. */
static int find_restored(struct xl_app *app, const char *domain,
                         uint32_t *domid_r, struct manage_error *err)
{
    libxl_dominfo info;
    uint32_t domid;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_name_to_domid(app->ctx, domain, &domid);
    if (rc) {
        rc = fail(err, ERROR_FAIL, "xl restore succeeded, but there is no "
                  "domain %s: does the memory image belong to it?", domain);
        goto out;
    }
    rc = libxl_domain_info(app->ctx, &info, domid);
    if (rc || !info.paused || info.dying || info.shutdown) {
        domain_create_clear(app->ctx, domid);
        rc = fail(err, ERROR_FAIL, "xl restore succeeded, but domain %s did "
                  "not stay paused; it was destroyed", domain);
        goto out;
    }
    *domid_r = domid;

 out:
    libxl_dominfo_dispose(&info);
    return rc;
}

/* "xl restore" of what it reads from stdin_fd. */
static int run_restore(struct xl_app *app, int stdin_fd, uint64_t size,
                       struct child_result *result_r)
{
    char xl_arg[] = "xl", restore_arg[] = "restore", paused_arg[] = "-p";
    char path_arg[] = "/proc/self/fd/0";
    char *argv[] = { xl_arg, restore_arg, paused_arg, path_arg, NULL };
    const struct child_spec spec = {
        .path = app->system_xl,
        .argv = argv,
        .stdin_fd = stdin_fd,
        .die_with_us = true,
        .timeout_s = RESTORE_BASE_S + size / RESTORE_BYTES_PER_S,
    };

    return child_run(&spec, result_r);
}

/* How much xl will have to read: for how long to wait for it. */
static int restore_size(const struct manage_memory *memory,
                        uint64_t *size_r, struct manage_error *err)
{
    libxl_memory_image_info info;
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    libxl_memory_image_info_init(&info);
    rc = libxl_memory_image_info_get(memory->sctx, memory->files, &info, &diag);
    if (rc)
        fail(err, rc, "%s", diag.message ? diag.message
                                         : memory->files[0].name);
    else
        *size_r = info.pages * 4096;
    libxl_memory_image_info_dispose(&info);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static int restore_through_pipe(struct xl_app *app,
                                const struct manage_memory *memory,
                                const char *config_json,
                                struct child_result *result_r,
                                struct manage_error *err)
{
    struct manage_error feed_err = { MANAGE_OK, "" };
    struct restore_feed *feed;
    uint64_t size = 0;
    int fd, rc, rc2;

    rc = restore_size(memory, &size, err);
    if (rc) return rc;
    rc = restore_feed_start(memory, config_json, &feed,
                            &fd, err);
    if (rc) return rc;
    rc = run_restore(app, fd, size, result_r);
    if (rc)
        fail(err, rc, "cannot run %s: %s", app->system_xl, strerror(errno));
    close(fd);
    rc2 = restore_feed_finish(feed, &feed_err);
    if (rc || !rc2) return rc;
    *err = feed_err;
    return rc2;
}

int domain_start_restore(struct xl_app *app, const struct manage_memory *memory,
                         const char *config_json, const char *domain,
                         uint32_t *domid_r, struct manage_error *err)
{
    struct child_result result;
    char why[640];
    int rc;

    rc = check_name_is_free(app, domain, err);
    if (rc) return rc;
    rc = restore_through_pipe(app, memory, config_json, &result,
                              err);
    if (rc) {
        /* It may have been given all that it needed before that. */
        destroy_half_built(app, domain);
        return rc;
    }
    if (!child_succeeded(&result)) {
        /* One that ended by itself destroyed what it had begun. */
        if (!WIFEXITED(result.status)) destroy_half_built(app, domain);
        child_describe(&result, why, sizeof(why));
        return fail(err, ERROR_FAIL, "cannot restore %s: xl restore: %s",
                    domain, why);
    }
    return find_restored(app, domain, domid_r, err);
}

/*
 * ---- by booting ----
 */

/* config_r is initialised by the caller. */
static int read_config(struct xl_app *app, const char *json, const char *domain,
                       libxl_domain_config *config_r, struct manage_error *err)
{
    if (libxl_domain_config_from_json(app->ctx, config_r, json))
        return fail(err, ERROR_INVAL, "cannot start %s: what is stored is no "
                    "domain configuration", domain);
    if (!config_r->c_info.name || strcmp(config_r->c_info.name, domain))
        return fail(err, ERROR_INVAL, "cannot start %s: what is stored is the "
                    "configuration of %s", domain,
                    config_r->c_info.name ? config_r->c_info.name : "nothing");
    return 0;
}

int domain_start_boot(struct xl_app *app, const char *config_json,
                      const char *domain, uint32_t *domid_r,
                      struct manage_error *err)
{
    struct xl_conf conf = { .lockfile = NULL };
    libxl_domain_config config;
    const char *name;
    uint32_t domid;
    int rc;

    libxl_domain_config_init(&config);

    rc = read_config(app, config_json, domain, &config, err);
    if (rc) goto out;
    rc = check_name_is_free(app, domain, err);
    if (rc) goto out;
    rc = xl_conf_read(app->ctx, xl_conf_path, &conf);
    if (rc) {
        rc = fail(err, rc, "cannot start %s: cannot read %s", domain,
                  xl_conf_path);
        goto out;
    }

    signals_lend(&app->signals);
    rc = domain_create(app->ctx, &conf, &config, &domid);
    signals_take_back(&app->signals);
    if (rc) {
        name = libxl_error_to_string(rc);
        rc = fail(err, rc, rc == ERROR_NOMEM
                  ? "cannot start %s: not enough free memory (%s)"
                  : rc == ERROR_LOCK_FAIL
                  ? "cannot start %s: cannot take xl's create lock (%s)"
                  : "cannot start %s: libxl could not create it (%s)",
                  domain, name ? name : "unknown error");
        goto out;
    }

    /* It is paused: it cannot end before somebody watches. */
    rc = watch_start_monitor(app->ctx, domid, 0, err);
    if (rc) {
        domain_create_clear(app->ctx, domid);
        goto out;
    }
    *domid_r = domid;

 out:
    xl_conf_dispose(&conf);
    libxl_domain_config_dispose(&config);
    return rc;
}

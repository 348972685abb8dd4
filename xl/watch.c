/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "xl/app.h"
#include "xl/child.h"
#include "xl/monitor.h"
#include "xl/watch.h"
#include "xl/watcher_scan.h"

/* Starting a monitor takes a fraction of a second; this is for a dom0 that is
 * busy writing a memory image. */
#define MONITOR_START_S 120

static int find_watchers(struct xl_app *app, uint32_t domid,
                         struct watcher **list_r, size_t *num_r)
{
    char *name = libxl_domid_to_name(app->ctx, domid);
    int rc;

    rc = watcher_find("/proc", domid, name, list_r, num_r);
    free(name);
    return rc;
}

/*
 * libvirt watches its domains itself, with its own ideas of what on_* mean,
 * and does not stop at a suspend. It leaves this with every one of them.
 */
static bool belongs_to_libvirt(struct xl_app *app, uint32_t domid)
{
    uint8_t *data = NULL;
    int len = 0;
    bool yes;

    yes = !libxl_userdata_retrieve(app->ctx, domid, "libvirt-xml", &data,
                                   &len) && len > 0;
    free(data);
    return yes;
}

bool watch_is_watched(struct xl_app *app, uint32_t domid)
{
    struct watcher *list = NULL;
    size_t num = 0;

    if (belongs_to_libvirt(app, domid)) return false;
    if (find_watchers(app, domid, &list, &num)) return false;
    free(list);
    return num > 0;
}

/*
 * From 4.20 on xl's daemon goes on after a suspend. The hypervisor's version
 * stands for xl's: Debian and others install them as one, and where they
 * differ a distribution's xl has the fix although the number says no, in which
 * case a monitor stands by in vain, which does no harm.
 */
static bool xl_outlives_suspend(struct xl_app *app)
{
    const libxl_version_info *info = libxl_get_version_info(app->ctx);

    if (!info) return false;
    return info->xen_version_major > 4 ||
           (info->xen_version_major == 4 && info->xen_version_minor >= 20);
}

/*
 * Our own executable, by its name where it still has one. The link alone would
 * do, except under programs that run us inside of them (valgrind), which know
 * what to answer when asked for the name.
 */
static const char *own_path(char *path, size_t size)
{
    static const char magic[] = "/proc/self/exe";
    ssize_t n = readlink(magic, path, size);

    if (n <= 0 || (size_t)n >= size) return magic;
    path[n] = '\0';
    return access(path, X_OK) ? magic : path;
}

int watch_start_monitor(libxl_ctx *ctx, uint32_t domid, pid_t after_pid,
                        struct manage_error *err)
{
    char domid_arg[16], uuid_arg[40], pid_arg[16], why[640], self[PATH_MAX];
    char name_arg[] = "xl", cmd_arg[] = WATCHER_SUBCOMMAND;
    char domid_opt[] = "--domid", uuid_opt[] = "--uuid";
    char after_opt[] = "--after-pid";
    char *argv[] = { name_arg, cmd_arg, domid_opt, domid_arg, uuid_opt,
                     uuid_arg, after_opt, pid_arg, NULL };
    struct child_spec spec = {
        .path = own_path(self, sizeof(self)),
        .argv = argv,
        .stdin_fd = -1,
        .timeout_s = MONITOR_START_S,
    };
    struct child_result result;
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(ctx, &info, domid);
    if (rc) {
        snprintf(why, sizeof(why), "the domain is gone");
        goto out;
    }

    snprintf(domid_arg, sizeof(domid_arg), "%"PRIu32, domid);
    snprintf(uuid_arg, sizeof(uuid_arg), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(info.uuid));
    snprintf(pid_arg, sizeof(pid_arg), "%ld", (long)after_pid);
    if (!after_pid) argv[6] = NULL;

    rc = child_run(&spec, &result);
    if (rc) {
        snprintf(why, sizeof(why), "cannot run ourselves: %s",
                 strerror(errno));
        goto out;
    }
    if (!child_succeeded(&result)) {
        rc = ERROR_FAIL;
        child_describe(&result, why, sizeof(why));
        goto out;
    }

 out:
    if (rc) {
        err->outcome = MANAGE_FAILED;
        snprintf(err->text, sizeof(err->text),
                 "cannot start a monitor for domain %"PRIu32", so nobody acts "
                 "on its end: %s", domid, why);
    }
    libxl_dominfo_dispose(&info);
    return rc;
}

int watch_keep(struct xl_app *app, uint32_t domid, struct manage_error *err)
{
    struct watcher *list = NULL;
    pid_t after_pid = 0;
    size_t num = 0, i;
    int rc;

    if (belongs_to_libvirt(app, domid)) return 0;

    rc = find_watchers(app, domid, &list, &num);
    if (rc) {
        err->outcome = MANAGE_FAILED;
        snprintf(err->text, sizeof(err->text),
                 "cannot tell who watches domain %"PRIu32": %s", domid,
                 rc == ERROR_NOMEM ? "out of memory" : strerror(errno));
        goto out;
    }

    for (i = 0; i < num; i++) {
        if (list[i].ours) {
            /* Ours stay, those that stand by as well. */
            rc = 0;
            goto out;
        }
        after_pid = list[i].pid;
    }
    if (after_pid && xl_outlives_suspend(app)) {
        rc = 0;
        goto out;
    }
    rc = watch_start_monitor(app->ctx, domid, after_pid, err);

 out:
    free(list);
    return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/hook.h"

#define MOST_VARIABLES 12

struct environment {
    char *variables[MOST_VARIABLES + 1];    /* "NAME=VALUE"; the last is NULL */
    int num;
};

static const char *word_of(enum hook_action action)
{
    switch (action) {
    case HOOK_CREATE:   return "create";
    case HOOK_REVERT:   return "revert";
    case HOOK_DELETE:   return "delete";
    }
    return "";
}

bool hook_has(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_MANUAL && disk->hook &&
           disk->id && disk->id[0] && disk->path && disk->path[0];
}

/* Serials begin anew when a chain is lost, and a clone of a domain counts as
 * the domain does; what a hook made for the other one must not be taken for
 * this one's, or deleted in its place. */
int hook_set_ids(struct operation *op, chain_snapshot *snapshot)
{
    uint32_t chance;
    int i;

    if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
        return manage_fail(op->err, MANAGE_FAILED, "cannot get a random"
                           " number: %s", strerror(errno));
    for (i = 0; i < snapshot->num_disks; i++) {
        chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment != CHAIN_DISK_TREATMENT_MANUAL) continue;
        free(disk->id);
        disk->id = NULL;
        if (asprintf(&disk->id, "%" PRIu64 "-%08" PRIx32, snapshot->serial,
                     chance) < 0) {
            disk->id = NULL;
            return manage_fail_nomem(op->err);
        }
    }
    return 0;
}

/* ---- what it is told ---- */

static int __attribute__((format(printf, 2, 3)))
add(struct environment *env, const char *fmt, ...)
{
    char *variable = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&variable, fmt, ap);
    va_end(ap);
    if (n < 0) return ERROR_NOMEM;
    env->variables[env->num++] = variable;
    return 0;
}

static void environment_dispose(struct environment *env)
{
    while (env->num > 0) free(env->variables[--env->num]);
}

static const char *text(const char *s)
{
    return s ? s : "";
}

static int tell(struct environment *env, const struct operation *op,
                const char *action, const char *purpose, const char *name,
                const chain_disk *disk)
{
    int rc;

    rc = add(env, "XL_SNAPSHOT_ACTION=%s", action);
    if (!rc) rc = add(env, "XL_SNAPSHOT_FOR=%s", purpose);
    if (!rc) rc = add(env, "XL_SNAPSHOT_DOMAIN=%s", op->domain);
    if (!rc)
        rc = op->running ? add(env, "XL_SNAPSHOT_DOMID=%" PRIu32, op->domid)
                         : add(env, "XL_SNAPSHOT_DOMID=");
    if (!rc) rc = add(env, "XL_SNAPSHOT_NAME=%s", text(name));
    if (!rc) rc = add(env, "XL_SNAPSHOT_ID=%s", disk->id);
    if (!rc) rc = add(env, "XL_SNAPSHOT_VDEV=%s", disk->vdev);
    if (!rc) rc = add(env, "XL_SNAPSHOT_PATH=%s", disk->path);
    if (!rc)
        rc = add(env, "XL_SNAPSHOT_FORMAT=%s",
                 libxl_disk_format_to_string(disk->format));
    return rc;
}

/* ---- running it ---- */

static int call(struct operation *op, enum manage_outcome outcome,
                const char *action, const char *purpose, const char *name,
                const chain_disk *disk)
{
    const struct manage_application *app = &op->m->app;
    struct manage_error why = { MANAGE_OK, "" };
    struct environment env = { { NULL }, 0 };
    int rc;

    if (!app->hook)
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its hook cannot"
                           " be run from here", disk->vdev);
    rc = tell(&env, op, action, purpose, name, disk);
    if (rc) {
        manage_fail_nomem(op->err);
        goto out;
    }
    rc = app->hook(app->user, op->domain, disk->hook, env.variables, &why);
    if (rc)
        manage_fail(op->err, outcome, "disk %s: the hook %s (%s%s%s): %.500s",
                    disk->vdev, disk->hook, action, *purpose ? " " : "",
                    purpose, why.text);
out:
    environment_dispose(&env);
    return rc;
}

static int check_program(struct operation *op, enum hook_action action,
                         const chain_disk *disk)
{
    const char *why = NULL;
    struct stat st;

    if (disk->hook[0] != '/')
        return manage_fail(op->err, MANAGE_USAGE, "disk %s: the hook '%s' is"
                           " not an absolute path", disk->vdev, disk->hook);
    if (stat(disk->hook, &st))
        why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        why = "not a file";
    else if (access(disk->hook, X_OK))
        why = strerror(errno);
    if (!why) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: the hook %s cannot"
                       " be run: %s%s", disk->vdev, disk->hook, why,
                       action != HOOK_DELETE ? "" : "; put it back, or have"
                       " the snapshot forgotten with --metadata, and what the"
                       " hook has of it left");
}

int hook_check(struct operation *op, enum hook_action action, const char *name,
               const chain_disk *disk)
{
    int rc;

    if (!hook_has(disk))
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: a snapshot was"
                           " taken by hand, and no hook is recorded that could"
                           " %s it", disk->vdev, word_of(action));
    rc = check_program(op, action, disk);
    return rc ? rc : call(op, MANAGE_REFUSED, "check", word_of(action), name,
                          disk);
}

int hook_run(struct operation *op, enum hook_action action, const char *name,
             const chain_disk *disk)
{
    char point[64];

    snprintf(point, sizeof(point), "hook:%s-%.40s", word_of(action),
             disk->vdev);
    manage_reached(op->m, point);
    return call(op, MANAGE_FAILED, word_of(action), "", name, disk);
}

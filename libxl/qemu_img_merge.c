/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <libxl.h>

#include "libxl/qemu_img_merge.h"
#include "libxl/qemu_img_run.h"

/* ---- progress ---- */

/* The longest of its lines has about 20 bytes. */
#define PROGRESS_TAIL 128

static bool read_percent(const char *at, const char *end,
                         unsigned int *permyriad_r)
{
    unsigned int whole = 0, part = 0, digits = 0, decimals = 0;

    for (; at < end && *at >= '0' && *at <= '9' && digits < 3; at++, digits++)
        whole = 10 * whole + (unsigned int)(*at - '0');
    if (!digits || at >= end || *at++ != '.') return false;
    for (; at < end && *at >= '0' && *at <= '9' && decimals < 2;
         at++, decimals++)
        part = 10 * part + (unsigned int)(*at - '0');
    if (decimals != 2 || end - at < 6 || memcmp(at, "/100%)", 6)) return false;
    if (whole > 100 || (whole == 100 && part)) return false;
    *permyriad_r = 100 * whole + part;
    return true;
}

bool qemu_img_parse_progress(const char *text, size_t len,
                             unsigned int *permyriad_r)
{
    const char *end = text + len, *at;
    size_t tail = len < PROGRESS_TAIL ? len : PROGRESS_TAIL;

    for (at = end; tail; tail--) {
        at--;
        if (*at == '(' && read_percent(at + 1, end, permyriad_r)) return true;
    }
    return false;
}

struct follow {
    const struct qemu_img_watch *watch;
    unsigned int permyriad;
};

static int look(void *user, const char *out, size_t len)
{
    struct follow *follow = user;
    const struct qemu_img_watch *watch = follow->watch;
    unsigned int now;

    if (watch->cancelled && watch->cancelled(watch->user)) return ERROR_ABORTED;
    if (!watch->progress || !len || !qemu_img_parse_progress(out, len, &now) ||
        now <= follow->permyriad)
        return 0;
    follow->permyriad = now;
    watch->progress(watch->user, now);
    return 0;
}

/* ---- running ---- */

#define MAX_ARGS 20

static int check_path(const char *path, struct diag *diag)
{
    if (path[0] == '/') return 0;
    diag_set(diag, "%s: an image's path must be absolute", path);
    return ERROR_INVAL;
}

static int run(const struct qemu_img *tool, const char *const args[],
               const char *path, const struct qemu_img_watch *watch,
               deadline by, struct diag *diag)
{
    struct follow follow = { watch, 0 };
    const struct child_watch child_watch = { &follow, look };
    const char *argv[MAX_ARGS + 2] = { tool->program };
    struct child_result result;
    size_t i;
    int rc;

    child_result_init(&result);
    rc = check_path(path, diag);
    if (rc) goto out;
    for (i = 0; i < MAX_ARGS && args[i]; i++)
        argv[i + 1] = args[i];
    rc = qemu_img_execute_watched(tool, path, argv, by,
                                  watch ? &child_watch : NULL, &result, diag);
    if (rc) goto out;
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status))
        rc = qemu_img_failed(&result, path, args[0], diag);
 out:
    child_result_dispose(&result);
    return rc;
}

/* ---- the subcommands ---- */

int qemu_img_commit(const struct qemu_img *tool, const char *top,
                    const char *top_format, const char *base,
                    const struct qemu_img_watch *watch, deadline by,
                    struct diag *diag)
{
    const char *const args[] = {
        "commit", "-p", "-d", "-f", top_format, "-b", base, "--", top, NULL
    };
    int rc = check_path(base, diag);

    return rc ? rc : run(tool, args, top, watch, by, diag);
}

/*
 * Writing through: in its usual cache mode qemu-img (seen with 7.2) changes the
 * header before it has written the tables that map what it copied. Killed, or
 * without power, in between, it leaves an image that has lost the copies and
 * no longer reads what they were made of.
 */
int qemu_img_rebase(const struct qemu_img *tool, const char *image,
                    const char *format, const char *backing,
                    const char *backing_format,
                    const struct qemu_img_watch *watch, deadline by,
                    struct diag *diag)
{
    const char *const onto[] = {
        "rebase", "-p", "-t", "writethrough", "-f", format, "-b", backing,
        "-F", backing_format, "--", image, NULL
    };
    const char *const alone[] = {
        "rebase", "-p", "-t", "writethrough", "-f", format, "-b", "", "--",
        image, NULL
    };
    int rc = backing ? check_path(backing, diag) : 0;

    if (rc) return rc;
    return run(tool, backing ? onto : alone, image, watch, by, diag);
}

int qemu_img_set_backing(const struct qemu_img *tool, const char *image,
                         const char *format, const char *backing,
                         const char *backing_format, deadline by,
                         struct diag *diag)
{
    const char *const args[] = {
        "rebase", "-u", "-f", format, "-b", backing, "-F", backing_format,
        "--", image, NULL
    };
    int rc = check_path(backing, diag);

    return rc ? rc : run(tool, args, image, NULL, by, diag);
}

int qemu_img_bitmap_union(const struct qemu_img *tool,
                          const struct qemu_img_bitmap_union *what,
                          deadline by, struct diag *diag)
{
    const char *args[20];
    char granularity[24];
    size_t n = 0;
    int rc = check_path(what->from, diag);

    if (rc) return rc;
    args[n++] = "bitmap";
    if (what->add) {
        snprintf(granularity, sizeof(granularity), "%" PRIu64,
                 what->granularity);
        args[n++] = "--add";
        args[n++] = "-g";
        args[n++] = granularity;
    }
    args[n++] = "--merge";
    args[n++] = what->name;
    args[n++] = what->recording ? "--enable" : "--disable";
    args[n++] = "-b";
    args[n++] = what->from;
    args[n++] = "-F";
    args[n++] = "qcow2";
    args[n++] = "-f";
    args[n++] = "qcow2";
    args[n++] = "--";
    args[n++] = what->to;
    args[n++] = what->name;
    args[n] = NULL;
    return run(tool, args, what->to, NULL, by, diag);
}

int qemu_img_extract(const struct qemu_img *tool, const char *image,
                     const char *id, const char *target,
                     const struct qemu_img_watch *watch, deadline by,
                     struct diag *diag)
{
    char option[80];
    const char *const args[] = {
        "convert", "-p", "-U", "-f", "qcow2", "-l", option, "-O", "qcow2",
        "--", image, target, NULL
    };
    int rc = check_path(target, diag);

    if (rc) return rc;
    /* It would be cut at a comma. An image's ids are numbers. */
    if (!*id || strspn(id, "0123456789") != strlen(id) || strlen(id) > 20) {
        diag_set(diag, "%s: \"%s\" is no snapshot's id", image, id);
        return ERROR_INVAL;
    }
    snprintf(option, sizeof(option), "snapshot.id=%s", id);
    return run(tool, args, image, watch, by, diag);
}

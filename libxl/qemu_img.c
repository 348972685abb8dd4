/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <xentoollog.h>

#include "libxl/child.h"
#include "libxl/qapi_read.h"
#include "libxl/qemu_img.h"
#include "libxl/qemu_img_run.h"

/* A full snapshot table, as in a message of QEMU's monitor. */
#define MAX_OUTPUT (16u << 20)

#define MAX_ARGS 8

/* One run on one image. */
struct run {
    const struct qemu_img *tool;
    const char *path;
    char *image;                /* the value of --image-opts */
    struct child_result result;
};

/* ---- the image, as an argument ---- */

static bool format_is_valid(const char *format)
{
    return *format &&
           strspn(format, "abcdefghijklmnopqrstuvwxyz0123456789-_") ==
           strlen(format);
}

/*
 * "snapshot" has no option for the format, and would guess; --image-opts says
 * it for all of them. In there a comma is doubled.
 */
static int make_image(const char *path, const char *format, char **image_r)
{
    struct stat st;
    const char *protocol = "file", *from;
    char *image, *to;
    int len;

    if (!stat(path, &st) && S_ISBLK(st.st_mode)) protocol = "host_device";
    image = malloc(strlen(format) + 2 * strlen(path) + 64);
    if (!image) return ERROR_NOMEM;
    len = sprintf(image, "driver=%s,file.driver=%s,file.filename=", format,
                  protocol);
    to = image + len;
    for (from = path; *from; from++) {
        if (*from == ',') *to++ = ',';
        *to++ = *from;
    }
    *to = 0;
    *image_r = image;
    return 0;
}

static void run_init(struct run *run)
{
    memset(run, 0, sizeof(*run));
    child_result_init(&run->result);
}

static void run_dispose(struct run *run)
{
    free(run->image);
    child_result_dispose(&run->result);
}

static int run_prepare(struct run *run, const struct qemu_img *tool,
                       const char *path, const char *format,
                       struct diag *diag)
{
    int rc;

    if (path[0] != '/') {
        diag_set(diag, "%s: an image's path must be absolute", path);
        return ERROR_INVAL;
    }
    if (!format_is_valid(format)) {
        diag_set(diag, "%s: \"%s\" is no image format", path, format);
        return ERROR_INVAL;
    }
    run->tool = tool;
    run->path = path;
    rc = make_image(path, format, &run->image);
    if (rc) diag_set(diag, "out of memory");
    return rc;
}

/* ---- running ---- */

static void log_command(xentoollog_logger *lg, const char *const argv[])
{
    char line[1024];
    size_t used = 0;
    int len;

    if (!lg) return;
    for (; *argv && used < sizeof(line); argv++) {
        len = snprintf(line + used, sizeof(line) - used, "%s%s",
                       used ? " " : "", *argv);
        if (len < 0) return;
        used += (size_t)len;
    }
    diag_sanitize(line);
    xtl_log(lg, XTL_DEBUG, -1, "qemu-img", "%s", line);
}

/* The first line, without the tool's own name in front. */
static void first_line(char *text)
{
    static const char prefix[] = "qemu-img: ";

    text[strcspn(text, "\n")] = 0;
    if (!strncmp(text, prefix, sizeof(prefix) - 1))
        memmove(text, text + sizeof(prefix) - 1,
                strlen(text + sizeof(prefix) - 1) + 1);
}

int qemu_img_execute_watched(const struct qemu_img *tool, const char *path,
                             const char *const argv[], deadline by,
                             const struct child_watch *watch,
                             struct child_result *result, struct diag *diag)
{
    int rc;

    log_command(tool->lg, argv);
    rc = child_run_watched(argv, MAX_OUTPUT, by, watch, result, diag);
    if (rc) {
        diag_prefix(diag, "%s: ", path);
        return rc;
    }
    first_line(result->err);
    return 0;
}

int qemu_img_execute(const struct qemu_img *tool, const char *path,
                     const char *const argv[], deadline by,
                     struct child_result *result, struct diag *diag)
{
    return qemu_img_execute_watched(tool, path, argv, by, NULL, result, diag);
}

/* args: the subcommand and its options, then NULL. last: what stands behind
 * the image, or NULL. */
static int run_command(struct run *run, const char *const args[],
                       const char *last, deadline by, struct diag *diag)
{
    const char *argv[MAX_ARGS + 6];
    size_t n = 0, i;

    argv[n++] = run->tool->program;
    for (i = 0; i < MAX_ARGS && args[i]; i++)
        argv[n++] = args[i];
    argv[n++] = "--image-opts";
    argv[n++] = "--";
    argv[n++] = run->image;
    argv[n++] = last;
    argv[n] = NULL;
    return qemu_img_execute(run->tool, run->path, argv, by, &run->result,
                            diag);
}

int qemu_img_failed(const struct child_result *result, const char *path,
                    const char *subcommand, struct diag *diag)
{
    int status = result->status;

    if (WIFSIGNALED(status))
        diag_set(diag, "%s: qemu-img %s was ended by signal %d", path,
                 subcommand, WTERMSIG(status));
    else
        diag_set(diag, "%s: qemu-img %s: %s", path, subcommand,
                 result->err[0] ? result->err : "failed in silence");
    return ERROR_FAIL;
}

static int failed(const struct run *run, const char *subcommand,
                  struct diag *diag)
{
    return qemu_img_failed(&run->result, run->path, subcommand, diag);
}

static bool succeeded(const struct run *run)
{
    return WIFEXITED(run->result.status) && !WEXITSTATUS(run->result.status);
}

/* One command that answers by its exit status alone. */
static int run_simple(const struct qemu_img *tool, const char *path,
                      const char *format, const char *const args[],
                      const char *last, deadline by, struct diag *diag)
{
    struct run run;
    int rc;

    run_init(&run);
    rc = run_prepare(&run, tool, path, format, diag);
    if (rc) goto out;
    rc = run_command(&run, args, last, by, diag);
    if (rc) goto out;
    if (!succeeded(&run)) rc = failed(&run, args[0], diag);
 out:
    run_dispose(&run);
    return rc;
}

static int bad_answer(const struct run *run, const char *subcommand,
                      const struct xjson_error *err, struct diag *diag)
{
    diag_set(diag, "%s: the answer of qemu-img %s is not understood: %s",
             run->path, subcommand, err->text);
    return ERROR_QEMU_API;
}

/* ---- looking ---- */

int qemu_img_info(const struct qemu_img *tool, const char *path,
                  const char *format, deadline by, struct image_info *info,
                  struct diag *diag)
{
    /* -U: without asking for the image's lock */
    static const char *const args[] = { "info", "-U", "--output=json", NULL };
    struct xjson_error err;
    struct run run;
    xjson *value = NULL;
    int rc;

    run_init(&run);
    rc = run_prepare(&run, tool, path, format, diag);
    if (rc) goto out;
    rc = run_command(&run, args, NULL, by, diag);
    if (rc) goto out;
    if (!succeeded(&run)) {
        rc = failed(&run, args[0], diag);
        goto out;
    }
    rc = xjson_parse(run.result.out, run.result.out_len, &value, &err);
    if (!rc) rc = image_info_parse(value, info, &err);
    if (rc && rc != ERROR_NOMEM) rc = bad_answer(&run, args[0], &err, diag);
    if (rc == ERROR_NOMEM) diag_set(diag, "out of memory");
 out:
    xjson_free(value);
    run_dispose(&run);
    return rc;
}

static int read_check(const xjson *value, struct qemu_img_check *check_r,
                      struct xjson_error *err)
{
    struct qemu_img_check check = { 0, 0, 0 };
    int rc;

    rc = qapi_read_uint(value, "check-errors", QAPI_REQUIRED, INT64_MAX,
                        &check.errors, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "corruptions", QAPI_OPTIONAL, INT64_MAX,
                        &check.corruptions, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "leaks", QAPI_OPTIONAL, INT64_MAX, &check.leaks,
                        err);
    if (rc) return rc;
    *check_r = check;
    return 0;
}

/* Its exit status says what was found: 2 corruptions, 3 leaks. With 1 it may
 * have answered too; then the answer counts. */
static int run_check(const struct qemu_img *tool, const char *path,
                     const char *format, const char *const args[], deadline by,
                     struct qemu_img_check *check_r, struct diag *diag)
{
    struct xjson_error err;
    struct run run;
    xjson *value = NULL;
    int rc;

    run_init(&run);
    rc = run_prepare(&run, tool, path, format, diag);
    if (rc) goto out;
    rc = run_command(&run, args, NULL, by, diag);
    if (rc) goto out;
    if (!WIFEXITED(run.result.status) || !run.result.out_len) {
        rc = failed(&run, args[0], diag);
        goto out;
    }
    rc = xjson_parse(run.result.out, run.result.out_len, &value, &err);
    if (!rc) rc = read_check(value, check_r, &err);
    if (rc) rc = bad_answer(&run, args[0], &err, diag);
 out:
    xjson_free(value);
    run_dispose(&run);
    return rc;
}

int qemu_img_check(const struct qemu_img *tool, const char *path,
                   const char *format, deadline by,
                   struct qemu_img_check *check_r, struct diag *diag)
{
    static const char *const args[] = { "check", "--output=json", NULL };

    return run_check(tool, path, format, args, by, check_r, diag);
}

/* ---- changing ---- */

/* With "leaks" the flags that follow from the counts are put right as well,
 * if nothing else is wrong: more than that is not asked for. */
int qemu_img_repair(const struct qemu_img *tool, const char *path,
                    const char *format, deadline by,
                    struct qemu_img_check *check_r, struct diag *diag)
{
    static const char *const args[] = { "check", "-r", "leaks",
                                        "--output=json", NULL };

    return run_check(tool, path, format, args, by, check_r, diag);
}

/* The snapshot by that name, if there is exactly one; its id is the caller's
 * to free. */
static int find_snapshot(const struct qemu_img *tool, const char *path,
                         const char *format, const char *name, deadline by,
                         char **id_r, struct diag *diag)
{
    const struct image_snapshot *snapshot;
    struct image_info info;
    int rc;

    image_info_init(&info);
    rc = qemu_img_info(tool, path, format, by, &info, diag);
    if (rc) goto out;
    rc = image_info_find_snapshot(&info, name, &snapshot);
    if (rc == ERROR_NOTFOUND)
        diag_set(diag, "%s: it has no snapshot named %s", path, name);
    else if (rc)
        diag_set(diag, "%s: several of its snapshots are named %s; delete all "
                 "but one by hand", path, name);
    if (rc) goto out;
    *id_r = strdup(snapshot->id);
    if (!*id_r) {
        diag_set(diag, "out of memory");
        rc = ERROR_NOMEM;
    }
 out:
    image_info_dispose(&info);
    return rc;
}

int qemu_img_snapshot_create(const struct qemu_img *tool, const char *path,
                             const char *format, const char *name, deadline by,
                             struct diag *diag)
{
    const char *const args[] = { "snapshot", "-c", name, NULL };
    struct diag found;
    char *id = NULL;
    int rc;

    if (!image_snapshot_name_is_valid(name)) {
        diag_set(diag, "%s: \"%s\" cannot be a snapshot's name", path, name);
        return ERROR_INVAL;
    }
    rc = find_snapshot(tool, path, format, name, by, &id, &found);
    free(id);
    if (!rc || rc == ERROR_INVAL) {
        diag_set(diag, "%s: it has a snapshot named %s already", path, name);
        return ERROR_DEVICE_EXISTS;
    }
    if (rc != ERROR_NOTFOUND) {
        if (diag) *diag = found;
        return rc;
    }
    return run_simple(tool, path, format, args, NULL, by, diag);
}

/* By id: the tool tries its argument as an id first, so that a name made of
 * digits may mean another snapshot. */
int qemu_img_snapshot_apply(const struct qemu_img *tool, const char *path,
                            const char *format, const char *name, deadline by,
                            struct diag *diag)
{
    const char *args[] = { "snapshot", "-a", NULL, NULL };
    char *id = NULL;
    int rc;

    rc = find_snapshot(tool, path, format, name, by, &id, diag);
    if (rc) return rc;
    args[2] = id;
    rc = run_simple(tool, path, format, args, NULL, by, diag);
    free(id);
    return rc;
}

/* By name: the tool knows no other way here, and takes the first that fits.
 * That it is the only one was just looked up. */
int qemu_img_snapshot_delete(const struct qemu_img *tool, const char *path,
                             const char *format, const char *name, deadline by,
                             struct diag *diag)
{
    const char *const args[] = { "snapshot", "-d", name, NULL };
    char *id = NULL;
    int rc;

    rc = find_snapshot(tool, path, format, name, by, &id, diag);
    free(id);
    if (rc) return rc;
    return run_simple(tool, path, format, args, NULL, by, diag);
}

int qemu_img_bitmap_remove(const struct qemu_img *tool, const char *path,
                           const char *format, const char *bitmap, deadline by,
                           struct diag *diag)
{
    static const char *const args[] = { "bitmap", "--remove", NULL };

    return run_simple(tool, path, format, args, bitmap, by, diag);
}

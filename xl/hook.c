/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "xl/child.h"
#include "xl/hook.h"

extern char **environ;

#define LOOK_MS 50
/* An LVM command that is killed in the middle may leave a device suspended. */
#define GRACE_S 5

static int __attribute__((format(printf, 2, 3)))
fail(struct manage_error *err, const char *fmt, ...)
{
    va_list ap;

    err->outcome = MANAGE_FAILED;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return ERROR_FAIL;
}

/* Whoever had it before us may be dead, and what he started still at work. */
static int wait_for(int fd, unsigned int timeout_s)
{
    const struct timespec nap = { .tv_nsec = LOOK_MS * 1000000 };
    unsigned int waited_ms;

    for (waited_ms = 0; ; waited_ms += LOOK_MS) {
        if (!flock(fd, LOCK_EX | LOCK_NB)) return 0;
        if (errno != EWOULDBLOCK && errno != EINTR) return ERROR_FAIL;
        if (waited_ms >= timeout_s * 1000) return ERROR_LOCK_FAIL;
        nanosleep(&nap, NULL);
    }
}

static int take_lock(const char *run_dir, const char *domain,
                     unsigned int timeout_s, int *fd_r,
                     struct manage_error *err)
{
    char *path = NULL;
    int fd = -1, rc;

    if (asprintf(&path, "%s/xl-snapshot-hook-%s.lock", run_dir, domain) < 0)
        return fail(err, "out of memory");
    fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    rc = fd < 0 ? ERROR_FAIL : wait_for(fd, timeout_s);
    if (rc == ERROR_LOCK_FAIL)
        fail(err, "what an earlier run of a hook of '%s' started is still at"
             " work ('fuser %s' tells what it is); end it first", domain,
             path);
    else if (rc)
        fail(err, "cannot lock %s: %s", path, strerror(errno));
    if (rc && fd >= 0) close(fd);
    if (!rc) *fd_r = fd;
    free(path);
    return rc;
}

/* Ours, without what is meant for us alone, and these. Only the array itself
 * is new. */
static char **environment_with(char *const *variables)
{
    static const char own[] = "XL_SNAPSHOT_";
    size_t i, num = 0;
    char **all;

    for (i = 0; environ && environ[i]; i++) num++;
    for (i = 0; variables[i]; i++) num++;
    all = calloc(num + 1, sizeof(*all));
    if (!all) return NULL;
    num = 0;
    for (i = 0; environ && environ[i]; i++)
        if (strncmp(environ[i], own, strlen(own))) all[num++] = environ[i];
    for (i = 0; variables[i]; i++) all[num++] = variables[i];
    return all;
}

static int run(const char *program, char **environment, int stdin_fd,
               unsigned int timeout_s, struct manage_error *err)
{
    char *name = strdup(program);
    char *argv[] = { name, NULL };
    const struct child_spec spec = {
        .path = program,
        .argv = argv,
        .environment = environment,
        .stdin_fd = stdin_fd,
        .die_with_us = true,
        .timeout_s = timeout_s,
        .grace_s = GRACE_S,
    };
    struct child_result result;
    int rc = 0;

    if (!name) return fail(err, "out of memory");
    if (child_run(&spec, &result)) {
        rc = fail(err, "it cannot be run: %s", strerror(errno));
    } else if (!child_succeeded(&result)) {
        rc = fail(err, "%s", "");
        child_describe(&result, err->text, sizeof(err->text));
    }
    free(name);
    return rc;
}

int hook_execute(const char *run_dir, const char *domain, const char *program,
                 char *const *variables, unsigned int timeout_s,
                 struct manage_error *err)
{
    char **environment = environment_with(variables);
    int fd = -1, rc;

    if (!environment) return fail(err, "out of memory");
    rc = take_lock(run_dir, domain, timeout_s, &fd, err);
    if (!rc) rc = run(program, environment, fd, timeout_s, err);
    if (fd >= 0) close(fd);
    free(environment);
    return rc;
}

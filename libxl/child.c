/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/child.h"

/* A child that has closed its output is about to end; how often to look. */
#define REAP_RETRY_MS 2

/* How posix_spawn tells, where it cannot tell at once, that there was nothing
 * to execute; no program we run uses it. */
#define EXIT_NOT_RUN 127

struct stream {
    int fd;                     /* -1: at its end */
    char *text;
    size_t len, size;
    size_t max;
    bool keep_beginning;        /* drop what is over max; else it is an error */
};

struct child {
    const char *program;
    pid_t pid;                  /* -1: none to be waited for */
    struct stream out, err;
    const struct child_watch *watch;    /* may be NULL */
};

void child_result_init(struct child_result *result)
{
    memset(result, 0, sizeof(*result));
}

void child_result_dispose(struct child_result *result)
{
    free(result->out);
    child_result_init(result);
}

/* ---- starting ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Out of the way of 0, 1 and 2, which the child gets anew. */
static int move_up(int *fd)
{
    int high;

    if (*fd > STDERR_FILENO) return 0;
    high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (high < 0) return -1;
    close(*fd);
    *fd = high;
    return 0;
}

static int open_pipe(int *read_end, int *write_end)
{
    int fds[2], flags;

    if (pipe2(fds, O_CLOEXEC)) return -1;
    *read_end = fds[0];
    *write_end = fds[1];
    if (move_up(read_end) || move_up(write_end)) return -1;
    flags = fcntl(*read_end, F_GETFL);
    return flags < 0 ? -1 : fcntl(*read_end, F_SETFL, flags | O_NONBLOCK);
}

/* The child's descriptors: nothing to read, its two pipes, nothing else. */
static int fill_actions(posix_spawn_file_actions_t *actions, int out, int err)
{
    int r;

    r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                         O_RDONLY, 0);
    if (!r) r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    if (!r) r = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    /* Ours are all close-on-exec; a host program's may not be. */
    if (!r)
        r = posix_spawn_file_actions_addclosefrom_np(actions,
                                                     STDERR_FILENO + 1);
#endif
    return r;
}

/* Its own group, and none of the caller's signal settings. */
static int fill_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    r = posix_spawnattr_setsigmask(attr, &none);
    if (!r) r = posix_spawnattr_setsigdefault(attr, &all);
    if (!r) r = posix_spawnattr_setpgroup(attr, 0);
    if (!r)
        r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                     POSIX_SPAWN_SETSIGDEF |
                                     POSIX_SPAWN_SETPGROUP);
    return r;
}

static int spawn(const char *const argv[], int out, int err, pid_t *pid_r)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int r;

    r = posix_spawn_file_actions_init(&actions);
    if (r) return r;
    r = posix_spawnattr_init(&attr);
    if (r) goto out_actions;
    r = fill_actions(&actions, out, err);
    if (!r) r = fill_attributes(&attr);
    /* The cast: POSIX promises not to change the strings. */
    if (!r)
        r = posix_spawnp(pid_r, argv[0], &actions, &attr, (char *const *)argv,
                         environ);
    posix_spawnattr_destroy(&attr);
 out_actions:
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int child_start(struct child *child, const char *const argv[],
                       struct diag *diag)
{
    int out = -1, err = -1, r, rc;

    if (open_pipe(&child->out.fd, &out) || open_pipe(&child->err.fd, &err)) {
        diag_set(diag, "cannot make a pipe: %s", strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    r = spawn(argv, out, err, &child->pid);
    if (r) {
        child->pid = -1;
        diag_set(diag, "cannot run %s: %s", argv[0], strerror(r));
        rc = ERROR_FAIL;
        goto out;
    }
    rc = 0;
 out:
    close_fd(&out);
    close_fd(&err);
    return rc;
}

/* ---- reading ---- */

static int stream_grow(struct stream *stream)
{
    size_t size;
    char *text;

    if (stream->len + 1 < stream->size) return 0;
    size = stream->size ? 2 * stream->size : 4096;
    text = realloc(stream->text, size);
    if (!text) return ERROR_NOMEM;
    stream->text = text;
    stream->size = size;
    return 0;
}

static int stream_read(struct stream *stream)
{
    char dropped[4096];
    bool full = stream->len >= stream->max;
    size_t room;
    ssize_t n;
    int rc;

    rc = full ? 0 : stream_grow(stream);
    if (rc) return rc;
    room = stream->size - stream->len - 1;
    if (room > stream->max - stream->len) room = stream->max - stream->len;
    n = full ? read(stream->fd, dropped, sizeof(dropped)) :
        read(stream->fd, stream->text + stream->len, room);
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : ERROR_FAIL;
    if (!n) {
        close_fd(&stream->fd);
        return 0;
    }
    if (full) return stream->keep_beginning ? 0 : ERROR_BUFFERFULL;
    stream->len += (size_t)n;
    stream->text[stream->len] = 0;
    return 0;
}

static int child_look(struct child *child)
{
    if (!child->watch) return 0;
    return child->watch->look(child->watch->user, child->out.text,
                              child->out.len);
}

static int patience(const struct child *child, deadline by)
{
    int left = deadline_left_ms(by);

    return child->watch && left > CHILD_LOOK_MS ? CHILD_LOOK_MS : left;
}

/* Until both streams have ended. */
static int child_read(struct child *child, deadline by)
{
    struct pollfd pfds[2] = {
        { .events = POLLIN },
        { .events = POLLIN },
    };
    int r, rc;

    while (child->out.fd >= 0 || child->err.fd >= 0) {
        pfds[0].fd = child->out.fd;     /* poll passes over -1 */
        pfds[1].fd = child->err.fd;
        r = poll(pfds, 2, patience(child, by));
        if (r < 0 && errno != EINTR) return ERROR_FAIL;
        if (r > 0 && pfds[0].revents) {
            rc = stream_read(&child->out);
            if (rc) return rc;
        }
        if (r > 0 && pfds[1].revents) {
            rc = stream_read(&child->err);
            if (rc) return rc;
        }
        rc = child_look(child);
        if (rc) return rc;
        if (!deadline_left_ms(by)) return ERROR_TIMEDOUT;
    }
    return 0;
}

/* ---- ending ---- */

/* options as for waitpid: with WNOHANG, 0 in *status_r's stead is no end. */
static int child_reap(struct child *child, int options, bool *ended_r,
                      int *status_r)
{
    pid_t pid;

    do {
        pid = waitpid(child->pid, status_r, options);
    } while (pid < 0 && errno == EINTR);
    *ended_r = pid != 0;
    if (pid) child->pid = -1;
    return pid < 0 ? ERROR_UNKNOWN_CHILD : 0;
}

static int child_wait(struct child *child, deadline by, int *status_r)
{
    bool ended;
    int rc;

    for (;;) {
        rc = child_reap(child, WNOHANG, &ended, status_r);
        if (rc || ended) return rc;
        rc = child_look(child);
        if (rc) return rc;
        if (!deadline_left_ms(by)) return ERROR_TIMEDOUT;
        deadline_sleep(by, REAP_RETRY_MS);
    }
}

/*
 * Waits without a limit: what has been killed ends as soon as the kernel lets
 * it, and to return earlier would be to say that it writes no more.
 */
static void child_kill(struct child *child)
{
    bool ended;
    int status;

    if (child->pid < 0) return;
    kill(child->pid, SIGKILL);
    child_reap(child, 0, &ended, &status);
}

static void describe(struct diag *diag, const char *program, int rc)
{
    if (rc == ERROR_TIMEDOUT)
        diag_set(diag, "%s did not end in time and was killed", program);
    else if (rc == ERROR_BUFFERFULL)
        diag_set(diag, "%s said too much and was killed", program);
    else if (rc == ERROR_UNKNOWN_CHILD)
        diag_set(diag, "%s has ended, but this program's signal handling took "
                 "its status away", program);
    else if (rc == ERROR_NOMEM)
        diag_set(diag, "out of memory");
    else if (rc == ERROR_ABORTED)
        diag_set(diag, "%s was stopped, as asked", program);
    else
        diag_set(diag, "cannot read what %s says", program);
}

int child_run(const char *const argv[], size_t max_out, deadline by,
              struct child_result *result, struct diag *diag)
{
    return child_run_watched(argv, max_out, by, NULL, result, diag);
}

int child_run_watched(const char *const argv[], size_t max_out, deadline by,
                      const struct child_watch *watch,
                      struct child_result *result, struct diag *diag)
{
    struct child child = {
        .pid = -1,
        .watch = watch,
        .out = { .fd = -1, .max = max_out },
        .err = { .fd = -1, .max = sizeof(result->err) - 1,
                 .keep_beginning = true },
    };
    int status = 0, rc;

    rc = child_start(&child, argv, diag);
    if (rc) goto out;
    rc = child_read(&child, by);
    if (!rc) rc = child_wait(&child, by, &status);
    if (rc) {
        child_kill(&child);
        describe(diag, argv[0], rc);
        goto out;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_RUN) {
        diag_set(diag, "cannot run %s", argv[0]);
        rc = ERROR_FAIL;
        goto out;
    }

    /* so that a program that says nothing has said "" */
    rc = stream_grow(&child.out);
    if (rc) {
        describe(diag, argv[0], rc);
        goto out;
    }
    child.out.text[child.out.len] = 0;
    child_result_dispose(result);
    result->status = status;
    result->out = child.out.text;
    result->out_len = child.out.len;
    child.out.text = NULL;
    /* as much as child.err.max at most */
    if (child.err.text) memcpy(result->err, child.err.text, child.err.len);
 out:
    close_fd(&child.out.fd);
    close_fd(&child.err.fd);
    free(child.out.text);
    free(child.err.text);
    return rc;
}

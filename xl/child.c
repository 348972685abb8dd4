/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>

#include "xl/child.h"

extern char **environ;

#define LOOK_MAX_MS 60000
#define LOOK_BLIND_MS 50

/* ---- the output ---- */

void child_output_init(struct child_output *out)
{
    memset(out, 0, sizeof(*out));
}

static void output_end_line(struct child_output *out)
{
    out->current[out->len] = '\0';
    out->len = 0;
    if (!out->current[strspn(out->current, " ")]) return;

    memcpy(out->last, out->current, sizeof(out->last));
    if (!out->error[0] && strcasestr(out->current, "error"))
        memcpy(out->error, out->current, sizeof(out->error));
}

void child_output_add(struct child_output *out, const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = data[i];

        /* Progress is drawn with carriage returns. */
        if (c == '\n' || c == '\r') {
            output_end_line(out);
        } else if (out->len < sizeof(out->current) - 1) {
            if (c == '\t') c = ' ';
            out->current[out->len++] = c < ' ' || c == 0x7f ? '?' : c;
        }
    }
}

const char *child_output_line(struct child_output *out)
{
    output_end_line(out);
    return out->error[0] ? out->error : out->last;
}

/* ---- the child's side: only async-signal-safe calls from here to exec ---- */

/* Close every descriptor from first on. */
static void close_from(unsigned int first)
{
    long fd, max;

    if (!syscall(SYS_close_range, first, ~0U, 0U)) return;

    /* Linux before 5.9 */
    max = sysconf(_SC_OPEN_MAX);
    if (max < 0 || max > 65536) max = 65536;
    for (fd = first; fd < max; fd++)
        close(fd);
}

/* Becomes the program, or leaves with exec's errno in the report pipe. All
 * three descriptors lie above the standard three. */
static void __attribute__((noreturn))
child_become(const struct child_spec *spec, pid_t parent, int stdin_fd,
             int output_fd, int report_fd)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    sigset_t none;
    ssize_t n;
    int sig, e;

    setpgid(0, 0);
    for (sig = 1; sig < NSIG; sig++)
        sigaction(sig, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (spec->die_with_us) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL)) goto fail;
        /* The parent may have died before that. */
        if (getppid() != parent) _exit(127);
    }

    if (dup2(stdin_fd, 0) < 0 || dup2(output_fd, 1) < 0 ||
        dup2(output_fd, 2) < 0)
        goto fail;
    if (report_fd != 3) {
        if (dup3(report_fd, 3, O_CLOEXEC) < 0) goto fail;
        report_fd = 3;
    }
    close_from(4);
    execve(spec->path, spec->argv,
           spec->environment ? spec->environment : environ);

 fail:
    e = errno;
    n = write(report_fd, &e, sizeof(e));
    _exit(n < 0 ? 126 : 127);
}

/* ---- our side ---- */

/* A descriptor that is none of the standard three, even where those are
 * closed; closes the one it replaces. */
static int lift_fd(int fd)
{
    int high, e;

    if (fd < 0 || fd > 2) return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    e = errno;
    close(fd);
    errno = e;
    return high;
}

static int open_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC)) {
        fds[0] = fds[1] = -1;
        return ERROR_FAIL;
    }
    fds[0] = lift_fd(fds[0]);
    fds[1] = lift_fd(fds[1]);
    return fds[0] < 0 || fds[1] < 0 ? ERROR_FAIL : 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void reap(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
}

/*
 * Starts the program. *output_r is the reading end of its output. The second
 * pipe closes when exec succeeds; what comes out of it is exec's errno.
 */
static int child_start(const struct child_spec *spec, pid_t *pid_r,
                       int *output_r)
{
    int output[2] = { -1, -1 }, report[2] = { -1, -1 };
    int stdin_fd = -1, exec_errno = 0;
    pid_t parent = getpid(), pid = -1;
    ssize_t n;
    int rc;

    rc = open_pipe(output);
    if (rc) goto out;
    rc = open_pipe(report);
    if (rc) goto out;
    stdin_fd = lift_fd(spec->stdin_fd < 0
                       ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                       : fcntl(spec->stdin_fd, F_DUPFD_CLOEXEC, 3));
    if (stdin_fd < 0) {
        rc = ERROR_FAIL;
        goto out;
    }

    pid = fork();
    if (pid < 0) {
        rc = ERROR_FAIL;
        goto out;
    }
    if (!pid) child_become(spec, parent, stdin_fd, output[1], report[1]);
    setpgid(pid, pid);      /* whoever comes first */

    close_fd(&report[1]);
    do
        n = read(report[0], &exec_errno, sizeof(exec_errno));
    while (n < 0 && errno == EINTR);
    if (n) {
        reap(pid, NULL);
        errno = n == sizeof(exec_errno) ? exec_errno : EIO;
        rc = ERROR_NOTFOUND;
        goto out;
    }

    *pid_r = pid;
    *output_r = output[0];
    output[0] = -1;
    rc = 0;

 out:
    exec_errno = errno;
    close_fd(&output[0]);
    close_fd(&output[1]);
    close_fd(&report[0]);
    close_fd(&report[1]);
    close_fd(&stdin_fd);
    errno = exec_errno;
    return rc;
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Everything that is there now. False: there will never be more. */
static bool drain(int fd, struct child_output *out)
{
    char buf[4096];
    ssize_t n;

    for (;;) {
        n = read(fd, buf, sizeof(buf));
        if (n > 0)
            child_output_add(out, buf, n);
        else if (n < 0 && errno == EINTR)
            continue;
        else
            return n < 0 && errno == EAGAIN;
    }
}

static void kill_all(pid_t pid, int sig)
{
    kill(-pid, sig);
    kill(pid, sig);
}

/* The time is over, or the time after that. When to look again. */
static int64_t end_it(pid_t pid, unsigned int grace_s, struct child_result *res)
{
    bool first = !res->timed_out;

    res->timed_out = true;
    if (first && grace_s) {
        kill_all(pid, SIGTERM);
        return now_ms() + (int64_t)grace_s * 1000;
    }
    kill_all(pid, SIGKILL);
    return INT64_MAX;
}

/*
 * Until the program has ended, not until its output has: a daemon that it
 * leaves may hold that open for ever. pid_fd: -1 where there is no such thing
 * (before Linux 5.3), then it is looked after now and then.
 */
static void child_follow(const struct child_spec *spec, pid_t pid, int pid_fd,
                         int output_fd, struct child_output *out,
                         struct child_result *res)
{
    int64_t deadline = now_ms() + (int64_t)spec->timeout_s * 1000;

    struct pollfd fds[2] = {
        { .fd = pid_fd, .events = POLLIN },
        { .fd = output_fd, .events = POLLIN },
    };

    for (;;) {
        int64_t left = deadline - now_ms();
        int r;

        if (left <= 0) {
            deadline = end_it(pid, spec->grace_s, res);
            left = deadline - now_ms();
        }
        if (left > LOOK_MAX_MS) left = LOOK_MAX_MS;
        if (pid_fd < 0 && left > LOOK_BLIND_MS) left = LOOK_BLIND_MS;

        r = poll(fds, 2, left);
        if (r < 0 && errno != EINTR) break;
        if (r > 0 && fds[1].revents && !drain(output_fd, out)) fds[1].fd = -1;
        if (pid_fd < 0 ? waitpid(pid, &res->status, WNOHANG) == pid
                       : r > 0 && fds[0].revents)
            break;
    }
    /* What it left of its group is no longer waited for; before the number
     * can be somebody else's. */
    if (pid_fd >= 0 && res->timed_out) kill(-pid, SIGKILL);
    if (pid_fd >= 0) reap(pid, &res->status);
    drain(output_fd, out);
}

int child_run(const struct child_spec *spec, struct child_result *result_r)
{
    struct child_result res;
    struct child_output out;
    int pid_fd = -1, output_fd = -1;
    pid_t pid = -1;
    int rc, e;

    memset(&res, 0, sizeof(res));
    child_output_init(&out);

    rc = child_start(spec, &pid, &output_fd);
    if (rc) goto out;
    fcntl(output_fd, F_SETFL, O_NONBLOCK);

    pid_fd = syscall(SYS_pidfd_open, pid, 0U);
    child_follow(spec, pid, pid_fd, output_fd, &out, &res);
    snprintf(res.line, sizeof(res.line), "%s", child_output_line(&out));
    *result_r = res;
    rc = 0;

 out:
    e = errno;
    close_fd(&pid_fd);
    close_fd(&output_fd);
    errno = e;
    return rc;
}

bool child_succeeded(const struct child_result *result)
{
    return !result->timed_out && WIFEXITED(result->status) &&
           !WEXITSTATUS(result->status);
}

void child_describe(const struct child_result *result, char *text, size_t size)
{
    const char *sep = result->line[0] ? ": " : "";

    if (result->timed_out)
        snprintf(text, size, "it took too long and was killed%s%s", sep,
                 result->line);
    else if (WIFSIGNALED(result->status))
        snprintf(text, size, "it was killed by signal %d%s%s",
                 WTERMSIG(result->status), sep, result->line);
    else
        snprintf(text, size, "exit status %d%s%s", WEXITSTATUS(result->status),
                 sep, result->line);
}

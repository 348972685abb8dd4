/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xl/app.h"
#include "xl/guard.h"
#include "xl/test_hooks.h"

extern char **environ;

/* The guard finds its end of the pipe here. */
#define GUARD_FD 3

static int spawn(int rd, const char *domain, pid_t *pid_r)
{
    char self[] = "/proc/self/exe", name[] = "xl";
    char command[] = "snapshot-guard";
    char *argv[] = { name, command, (char *)domain, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int r;

    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
    /* Nobody may wait for our output to end because of the guard. */
    if (!r)
        r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR,
                                             0);
    if (!r) r = posix_spawn_file_actions_adddup2(&files, 0, 1);
    if (!r) r = posix_spawn_file_actions_adddup2(&files, 0, 2);
    /* From elsewhere: dup2 onto itself would keep it close-on-exec. */
    if (!r) r = posix_spawn_file_actions_adddup2(&files, rd, GUARD_FD);
    if (!r) r = posix_spawn(pid_r, self, &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return r;
}

void guard_start(struct guard *guard, const char *domain)
{
    int fds[2], rd, r;

    /* One command may take several steps, each with a journal of its own. */
    if (guard->pid) return;
    if (pipe2(fds, O_CLOEXEC)) return;
    rd = fcntl(fds[0], F_DUPFD_CLOEXEC, 10);
    close(fds[0]);
    r = rd < 0 ? errno : spawn(rd, domain, &guard->pid);
    if (rd >= 0) close(rd);
    if (r) {
        guard->pid = 0;
        close(fds[1]);
        return;
    }
    guard->fd = fds[1];
}

void guard_dismiss(struct guard *guard)
{
    ssize_t r;

    if (!guard->pid) return;
    /* One that has died already must not take us with it. */
    signal(SIGPIPE, SIG_IGN);
    do
        r = write(guard->fd, "", 1);
    while (r < 0 && errno == EINTR);
    close(guard->fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    guard->pid = 0;
}

/* True: whoever we guard has died. */
static bool orphaned(int fd)
{
    ssize_t r;
    char c;

    do
        r = read(fd, &c, 1);
    while (r < 0 && errno == EINTR);
    return r == 0;
}

int guard_main(struct xl_app *app, int argc, char **argv)
{
    struct manage_error err;
    char *report = NULL;
    int rc;

    if (argc != 2) return MANAGE_USAGE;
    if (!orphaned(GUARD_FD)) return MANAGE_OK;
    test_hooks_forget();

    /* What is said here goes nowhere; what is done shows. */
    memset(&err, 0, sizeof(err));
    rc = app_open(app, APP_CHANGE, &err);
    if (!rc) rc = manage_recover(app->manage, argv[1], &report, &err);
    free(report);
    app_close(app);
    return rc ? (int)err.outcome : MANAGE_OK;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "xl/app.h"
#include "xl/output.h"
#include "xl/system_xl.h"

#define MAX_OUTPUT (16u << 20)

/*
 * An install over the system's xl, or a --with-system-xl that names us, would
 * otherwise run ourselves for ever.
 */
static bool is_ourselves(const char *path)
{
    struct stat it, self;

    return !stat(path, &it) && !stat("/proc/self/exe", &self) &&
           it.st_dev == self.st_dev && it.st_ino == self.st_ino;
}

static void say_ourselves(const struct xl_app *app, char *text, size_t len)
{
    snprintf(text, len, "%s, which should be the system's xl, is this very "
             "program: reinstall Xen's tools, and this elsewhere",
             app->system_xl);
}

int system_xl_exec(const struct xl_app *app, char **argv)
{
    char text[512];
    int saved;

    if (is_ourselves(app->system_xl)) {
        say_ourselves(app, text, sizeof(text));
        output_note(app, "%s", text);
        return 126;
    }
    execv(app->system_xl, argv);
    saved = errno;
    output_note(app, "cannot run the system's xl, %s: %s", app->system_xl,
                strerror(saved));
    return saved == ENOENT || saved == ENOTDIR ? 127 : 126;
}

void system_xl_result_init(struct system_xl_result *result)
{
    memset(result, 0, sizeof(*result));
}

void system_xl_result_dispose(struct system_xl_result *result)
{
    free(result->out);
    free(result->err);
    system_xl_result_init(result);
}

bool system_xl_succeeded(const struct system_xl_result *result)
{
    return WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

static int fail(struct manage_error *err, const struct xl_app *app, int errnum)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "cannot run the system's xl, %s: "
             "%s", app->system_xl, strerror(errnum));
    return ERROR_FAIL;
}

/*
 * Output goes to files in memory and not through pipes: nothing can fill up,
 * and a daemon that keeps its end open keeps nobody waiting.
 */
static int read_back(int fd, char **data_r, size_t *len_r)
{
    struct stat st;
    size_t len, got = 0;
    ssize_t r;
    char *data;

    if (fd < 0)
        len = 0;
    else if (fstat(fd, &st))
        return errno;
    else
        len = (uintmax_t)st.st_size < MAX_OUTPUT ? (size_t)st.st_size
                                                 : MAX_OUTPUT;
    data = malloc(len + 1);
    if (!data) return ENOMEM;
    while (got < len) {
        r = pread(fd, data + got, len - got, got);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) break;
        got += r;
    }
    data[got] = '\0';
    *data_r = data;
    *len_r = got;
    return 0;
}

/* All steps return an errno value. */
static int spawn(const struct xl_app *app, char *const *argv, int out, int err,
                 pid_t *pid_r)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t mask;
    int r;

    if (app->signals.held)
        mask = app->signals.before;
    else
        pthread_sigmask(SIG_SETMASK, NULL, &mask);

    r = posix_spawn_file_actions_init(&actions);
    if (r) return r;
    r = posix_spawnattr_init(&attr);
    if (r) goto out_actions;

    r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSID);
    if (r) goto out;
    r = posix_spawnattr_setsigmask(&attr, &mask);
    if (r) goto out;
    r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                         O_RDONLY, 0);
    if (r) goto out;
    r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (r) goto out;
    if (err >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    if (r) goto out;
    r = posix_spawn(pid_r, app->system_xl, &actions, &attr, argv, environ);
out:
    posix_spawnattr_destroy(&attr);
out_actions:
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* "xl", the arguments, NULL. The strings are not copied. */
static char **make_argv(const char *const *args)
{
    size_t num = 0;
    char **argv;

    while (args[num])
        num++;
    argv = malloc((num + 2) * sizeof(*argv));
    if (!argv) return NULL;
    argv[0] = (char *)"xl";
    memcpy(argv + 1, args, (num + 1) * sizeof(*argv));
    return argv;
}

int system_xl_run(const struct xl_app *app, const char *const *args,
                  enum system_xl_stderr how, struct system_xl_result *result,
                  struct manage_error *err)
{
    char **argv = NULL;
    int out_fd = -1, err_fd = -1, r, rc;
    pid_t pid;

    if (is_ourselves(app->system_xl)) {
        err->outcome = MANAGE_FAILED;
        say_ourselves(app, err->text, sizeof(err->text));
        return ERROR_FAIL;
    }
    r = ENOMEM;
    argv = make_argv(args);
    if (!argv) goto out;
    out_fd = memfd_create("xl-stdout", MFD_CLOEXEC);
    if (out_fd < 0) {
        r = errno;
        goto out;
    }
    if (how == SYSTEM_XL_STDERR_KEEP) {
        err_fd = memfd_create("xl-stderr", MFD_CLOEXEC);
        if (err_fd < 0) {
            r = errno;
            goto out;
        }
    }
    r = spawn(app, argv, out_fd, err_fd, &pid);
    if (r) goto out;
    while (waitpid(pid, &result->status, 0) < 0) {
        if (errno == EINTR) continue;
        r = errno;
        goto out;
    }
    r = read_back(out_fd, &result->out, &result->out_len);
    if (r) goto out;
    r = read_back(err_fd, &result->err, &result->err_len);
out:
    rc = r ? fail(err, app, r) : 0;
    free(argv);
    if (out_fd >= 0) close(out_fd);
    if (err_fd >= 0) close(err_fd);
    return rc;
}

/* The last line that says something, without its newline. */
static const char *last_line(const char *text, size_t *len_r)
{
    const char *end = text + strlen(text), *start;

    while (end > text && (end[-1] == '\n' || end[-1] == ' '))
        end--;
    for (start = end; start > text && start[-1] != '\n'; start--)
        ;
    *len_r = end - start;
    return start;
}

char *system_xl_explain(const struct system_xl_result *result)
{
    const char *line = "";
    char *text;
    size_t len = 0;
    int r;

    if (result->err) line = last_line(result->err, &len);
    if (WIFSIGNALED(result->status))
        r = asprintf(&text, "it was ended by signal %d",
                     WTERMSIG(result->status));
    else if (len)
        r = asprintf(&text, "%.*s (exit status %d)", (int)len, line,
                     WEXITSTATUS(result->status));
    else
        r = asprintf(&text, "exit status %d", WEXITSTATUS(result->status));
    return r < 0 ? NULL : text;
}

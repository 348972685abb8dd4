/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/image_server.h"

/* For each answer: a read may have to wait for a slow disk. */
#define ANSWER_TIMEOUT_MS 600000
/* What it said is there when it has ended, or will not come. */
#define COMPLAINT_TIMEOUT_MS 2000

/* The first descriptor that is handed over, by systemd's convention. */
#define HANDED_FD 3

void image_server_init(struct image_server *server)
{
    server->pid = -1;
    server->complaints = -1;
    nbd_client_init(&server->nbd);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void image_server_dispose(struct image_server *server)
{
    nbd_client_dispose(&server->nbd);
    close_fd(&server->complaints);
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);     /* it only reads */
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    image_server_init(server);
}

/* ---- the socket ---- */

static int listen_and_connect(const char *path, int *listener_r, int *socket_r)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int listener, sock;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener >= 0 && sock >= 0 &&
        !bind(listener, (struct sockaddr *)&name, sizeof(name)) &&
        !listen(listener, 1) &&
        !connect(sock, (struct sockaddr *)&name, sizeof(name))) {
        *listener_r = listener;
        *socket_r = sock;
        return 0;
    }
    close_fd(&listener);
    close_fd(&sock);
    return -1;
}

/* Both ends; the name is gone again, and nobody else could reach it. */
static int make_sockets(int *listener_r, int *socket_r, struct diag *diag)
{
    char folder[] = "/tmp/xlsnapshot.XXXXXX", path[sizeof(folder) + 2];
    int r, error;

    if (!mkdtemp(folder)) {
        diag_set(diag, "cannot make a directory in /tmp: %s", strerror(errno));
        return ERROR_FAIL;
    }
    snprintf(path, sizeof(path), "%s/s", folder);
    r = listen_and_connect(path, listener_r, socket_r);
    error = errno;
    unlink(path);
    rmdir(folder);
    if (!r) return 0;
    diag_set(diag, "cannot make a socket: %s", strerror(error));
    return ERROR_FAIL;
}

/* ---- the program ---- */

static char *find_program(const char *program)
{
    const char *path = getenv("PATH"), *end;
    char *found = NULL;

    if (strchr(program, '/')) return strdup(program);
    for (path = path ? path : "/usr/bin:/bin"; *path; path = end + !!*end) {
        end = strchrnul(path, ':');
        if (asprintf(&found, "%.*s/%s", (int)(end - path), path, program) < 0)
            return NULL;
        if (!access(found, X_OK)) return found;
        free(found);
    }
    return strdup(program);
}

/* Our environment, with one more place at the front, for the pid. */
static char **make_environment(char *count, char *pid)
{
    char **env;
    size_t n = 0, i, k = 0;

    while (environ[n]) n++;
    env = calloc(n + 3, sizeof(*env));
    if (!env) return NULL;
    env[k++] = pid;
    env[k++] = count;
    for (i = 0; i < n; i++)
        if (strncmp(environ[i], "LISTEN_", 7)) env[k++] = environ[i];
    return env;
}

/* Between fork and exec: only what a signal handler might do. */
static void write_pid(char *digits)
{
    long pid = (long)getpid(), rest;
    int len = 0;

    for (rest = pid; rest; rest /= 10) len++;
    digits[len] = '\0';
    for (; pid; pid /= 10) digits[--len] = (char)('0' + pid % 10);
}

static int move_up(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, HANDED_FD + 1);

    if (high < 0) return -1;
    close(*fd);
    *fd = high;
    return 0;
}

static void __attribute__((noreturn))
become(char *const argv[], char *env[], char *pid_digits, int listener,
       int complaints)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;
    sigset_t none;

    setpgid(0, 0);
    for (i = 1; i < NSIG; i++) signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* All are above what they are put over. */
    if (null < 0 || move_up(&null) || dup2(null, STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0 ||
        dup2(complaints, STDERR_FILENO) < 0 || dup2(listener, HANDED_FD) < 0)
        _exit(127);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    /* Ours are all close-on-exec; a host program's may not be. */
    close_range(HANDED_FD + 1, ~0u, 0);
#endif
    write_pid(pid_digits);
    execve(argv[0], argv, env);
    _exit(127);
}

static int run(struct image_server *server, char *argv[], int listener,
               struct diag *diag)
{
    char pid[40] = "LISTEN_PID=", count[] = "LISTEN_FDS=1";
    char **env = make_environment(count, pid);
    int fds[2] = { -1, -1 }, rc = 0;

    argv[0] = find_program(argv[0]);
    if (!env || !argv[0]) {
        rc = ERROR_NOMEM;
        goto out;
    }
    if (pipe2(fds, O_CLOEXEC) || move_up(&fds[1])) {
        diag_set(diag, "cannot make a pipe: %s", strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    server->pid = fork();
    if (!server->pid)
        become(argv, env, pid + strlen(pid), listener, fds[1]);
    if (server->pid < 0) {
        diag_set(diag, "cannot run %s: %s", argv[0], strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    server->complaints = fds[0];
    fds[0] = -1;
out:
    close_fd(&fds[0]);
    close_fd(&fds[1]);
    free(argv[0]);
    free(env);
    return rc;
}

/* --image-opts, where a comma is doubled. */
static char *image_opts(const char *path, const char *format)
{
    char *opts = malloc(strlen(format) + 2 * strlen(path) + 96), *to;
    struct stat st;

    if (!opts) return NULL;
    to = opts + sprintf(opts, "driver=%s,force-share=on,file.driver=%s,"
                        "file.filename=", format,
                        !stat(path, &st) && S_ISBLK(st.st_mode)
                        ? "host_device" : "file");
    for (; *path; path++) {
        if (*path == ',') *to++ = ',';
        *to++ = *path;
    }
    *to = '\0';
    return opts;
}

/* Instead of "it has ended": why, as it said itself. */
static void read_complaint(struct image_server *server, struct diag *diag)
{
    struct pollfd pfd = { .fd = server->complaints, .events = POLLIN };
    static const char prefix[] = "qemu-nbd: ";
    char text[400], *from = text;
    ssize_t n;

    if (server->complaints < 0 || poll(&pfd, 1, COMPLAINT_TIMEOUT_MS) <= 0)
        return;
    n = read(server->complaints, text, sizeof(text) - 1);
    if (n <= 0) return;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (!strncmp(from, prefix, strlen(prefix))) from += strlen(prefix);
    diag_set(diag, "%s", from);
}

int image_server_start(struct image_server *server, const char *program,
                       const char *path, const char *format,
                       const char *snapshot, struct diag *diag)
{
    char *image = image_opts(path, format), *id = NULL;
    char *argv[12];
    int listener = -1, sock = -1, n = 0, rc = ERROR_NOMEM;

    if (!image || (snapshot && asprintf(&id, "--load-snapshot=snapshot.id=%s",
                                        snapshot) < 0)) {
        id = NULL;
        goto out;
    }
    argv[n++] = (char *)program;
    argv[n++] = (char *)"--read-only";
    argv[n++] = (char *)"--allocation-depth";
    if (id) argv[n++] = id;
    argv[n++] = (char *)"--image-opts";
    argv[n++] = (char *)"--";
    argv[n++] = image;
    argv[n] = NULL;
    rc = make_sockets(&listener, &sock, diag);
    if (!rc && move_up(&listener)) rc = ERROR_FAIL;
    if (!rc) rc = run(server, argv, listener, diag);
    close_fd(&listener);
    if (rc) goto out;
    rc = nbd_client_start(&server->nbd, sock, ANSWER_TIMEOUT_MS, diag);
    sock = -1;
    if (rc) read_complaint(server, diag);
out:
    close_fd(&sock);
    if (rc) image_server_dispose(server);
    free(image);
    free(id);
    return rc;
}

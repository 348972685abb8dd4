/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Becoming a daemon, and telling whoever started it how that went. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "xl/monitor.h"
#include "xl/watch.h"
#include "xl/watcher_scan.h"

/* Where the end of the report pipe is in the daemon. */
#define REPORT_FD 3

struct monitor_args {
    uint32_t domid;
    libxl_uuid uuid;
    pid_t after_pid;
};

static bool parse_number(const char *text, unsigned long max,
                         unsigned long *n_r)
{
    unsigned long n;
    char *end;

    if (*text < '0' || *text > '9') return false;
    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno || *end || n > max) return false;
    *n_r = n;
    return true;
}

static bool parse_args(int argc, char **argv, struct monitor_args *args)
{
    static const struct option opts[] = {
        { "domid", required_argument, NULL, 'd' },
        { "uuid", required_argument, NULL, 'u' },
        { "after-pid", required_argument, NULL, 'p' },
        { NULL, 0, NULL, 0 },
    };
    bool have_domid = false, have_uuid = false;
    unsigned long n;
    int opt;

    memset(args, 0, sizeof(*args));
    optind = 0;     /* main() has been at it */
    while ((opt = getopt_long(argc, argv, "", opts, NULL)) != -1) {
        switch (opt) {
        case 'd':
            if (!parse_number(optarg, UINT32_MAX, &n) ||
                !libxl_domid_valid_guest(n))
                return false;
            args->domid = n;
            have_domid = true;
            break;
        case 'u':
            if (libxl_uuid_from_string(&args->uuid, optarg)) return false;
            have_uuid = true;
            break;
        case 'p':
            if (!parse_number(optarg, INT32_MAX, &n) || !n) return false;
            args->after_pid = n;
            break;
        default:
            return false;
        }
    }
    return optind == argc && have_domid && have_uuid;
}

void monitor_say(struct monitor *m, xentoollog_level level, const char *fmt, ...)
{
    char context[32];
    va_list ap;

    snprintf(context, sizeof(context), "domain %"PRIu32, m->domid);
    va_start(ap, fmt);
    xtl_logv(m->lg, level, -1, context, fmt, ap);
    va_end(ap);
}

void monitor_announce(struct monitor *m)
{
    dprintf(STDOUT_FILENO, "Waiting for domain %s (domid %"PRIu32") to die "
            "[pid %ld]\n", m->config.c_info.name, m->domid, (long)getpid());
}

/* Make the log our standard output and error. */
static int open_log(struct monitor *m, struct manage_error *err)
{
    char name[256], *path = NULL, *c;
    int fd = -1, rc;

    snprintf(name, sizeof(name), WATCHER_LOG_PREFIX "%s",
             m->config.c_info.name);
    for (c = name; *c; c++) {
        if (*c == '/') *c = '_';
    }

    rc = libxl_create_logfile(m->ctx, name, &path);
    if (rc) {
        snprintf(err->text, sizeof(err->text), "cannot rotate the log %s.log",
                 name);
        goto out;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        rc = ERROR_FAIL;
        snprintf(err->text, sizeof(err->text), "%s: %s", path,
                 strerror(errno));
        goto out;
    }

 out:
    if (fd > STDERR_FILENO) close(fd);
    free(path);
    return rc;
}

/* Nothing of what started us stays: no lock, no terminal, no directory. */
static int shed(int report_fd)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    struct sigaction ign = { .sa_handler = SIG_IGN };
    sigset_t none;
    int null_fd, sig;

    if (report_fd != REPORT_FD) {
        if (dup3(report_fd, REPORT_FD, O_CLOEXEC) < 0) return ERROR_FAIL;
    }
    if (syscall(SYS_close_range, REPORT_FD + 1U, ~0U, 0U)) {
        int fd;     /* Linux before 5.9 */

        for (fd = REPORT_FD + 1; fd < 65536; fd++)
            close(fd);
    }

    for (sig = 1; sig < NSIG; sig++)
        sigaction(sig, &dfl, NULL);
    /* Whoever reads our report may have given up. */
    sigaction(SIGPIPE, &ign, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    umask(022);
    if (chdir("/")) return ERROR_FAIL;
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0) return ERROR_FAIL;
    if (null_fd > STDERR_FILENO) close(null_fd);
    return 0;
}

/* One message, or none for "it watches": then the pipe closes. */
static void report(const char *text)
{
    if (text && write(REPORT_FD, text, strlen(text)) < 0) {
        /* Nobody listens, and the log, if there is one, has it too. */
    }
    close(REPORT_FD);
}

/* The daemon. Returns its exit status. */
static int monitor_daemon(const struct monitor_args *args, int report_fd)
{
    struct manage_error err = { .text = "" };
    xentoollog_logger_stdiostream *lg = NULL;
    struct monitor m;
    int rc;

    monitor_init(&m);
    m.domid = args->domid;
    m.uuid = args->uuid;

    rc = shed(report_fd);
    if (rc) {
        snprintf(err.text, sizeof(err.text), "cannot become a daemon: %s",
                 strerror(errno));
        goto out;
    }
    lg = xtl_createlogger_stdiostream(stderr, XTL_INFO,
                                      XTL_STDIOSTREAM_SHOW_DATE);
    if (!lg) {
        rc = ERROR_NOMEM;
        snprintf(err.text, sizeof(err.text), "out of memory");
        goto out;
    }
    m.lg = (xentoollog_logger *)lg;
    rc = libxl_ctx_alloc(&m.ctx, LIBXL_VERSION, 0, m.lg);
    if (rc) {
        snprintf(err.text, sizeof(err.text), "cannot talk to the hypervisor");
        goto out;
    }

    rc = monitor_begin(&m, args->after_pid, &err);
    if (rc == ERROR_LOCK_FAIL) {
        /* One of ours watches: what was asked for is so. */
        err.text[0] = '\0';
        rc = 0;
        goto out;
    }
    if (rc) goto out;
    rc = open_log(&m, &err);
    if (rc) goto out;
    monitor_announce(&m);
    if (m.after_pid)
        monitor_say(&m, XTL_NOTICE, "standing by until process %ld, which "
                    "watches it, ends", (long)m.after_pid);
    report(NULL);

    rc = monitor_run(&m);
    monitor_say(&m, XTL_NOTICE, "the monitor ends");

 out:
    if (rc && err.text[0]) report(err.text);
    monitor_dispose(&m);
    if (m.ctx) libxl_ctx_free(m.ctx);
    if (lg) xtl_logger_destroy((xentoollog_logger *)lg);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What the daemon reported, if anything. Returns the exit status. */
static int hear_report(int fd)
{
    char text[1024];
    size_t len = 0;
    ssize_t n;

    while (len < sizeof(text) - 1) {
        n = read(fd, text + len, sizeof(text) - 1 - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += n;
    }
    if (!len) return EXIT_SUCCESS;
    text[len] = '\0';
    fprintf(stderr, "error: %s\n", text);
    return EXIT_FAILURE;
}

int monitor_main(int argc, char **argv)
{
    struct monitor_args args;
    int fds[2], status;
    pid_t pid;

    if (!parse_args(argc, argv, &args)) {
        fprintf(stderr, "usage: xl " WATCHER_SUBCOMMAND
                " --domid N --uuid U [--after-pid P]\n");
        return EXIT_FAILURE;
    }

    if (pipe2(fds, O_CLOEXEC)) {
        fprintf(stderr, "error: cannot make a pipe: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    pid = fork();
    if (pid < 0) {
        fprintf(stderr, "error: cannot fork: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    if (!pid) {
        /* A session of its own, and then no leader of it, so that it never
         * gets a terminal. */
        close(fds[0]);
        if (setsid() < 0) _exit(EXIT_FAILURE);
        pid = fork();
        if (pid) _exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        exit(monitor_daemon(&args, fds[1]));
    }

    close(fds[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "error: cannot become a daemon\n");
        close(fds[0]);
        return EXIT_FAILURE;
    }
    status = hear_report(fds[0]);
    close(fds[0]);
    return status;
}

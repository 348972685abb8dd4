/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaded before the C library into a program under test: numbers the system
 * calls that the program itself makes, and has the N-th go wrong.
 *
 *   FAULT_IN=NAME           the program's file name; in any other this does
 *                           nothing, and is handed on
 *   FAULT_LOG=FILE          a line for each call: class, name, number, detail
 *   FAULT=KIND[:ERRNO]@NAME:N   at the N-th call of NAME (without FAULT they
 *                           are only numbered). FAULT_LOG then gets one line,
 *                           when that call is made.
 *
 *     fail      it fails, and nothing was done
 *     lie       it is done, and fails all the same
 *     short     half of what was asked is read or written
 *     kill      the process dies before it, killed after it
 *     killed
 *     delay     it comes half a second late
 *     full      from here on whatever needs space fails
 *     dead      from here on whatever changes anything fails
 *
 *   FAULT_CHILD=M           FAULT and FAULT_LOG are for the M-th program that
 *                           is started, if it is FAULT_IN_CHILD or, without
 *                           that, qemu-img. "all": each numbers its own calls
 *                           in FAULT_LOG.M
 *
 * Calls of the C library's own, such as stdio's, of the loader and of Xen's
 * libraries are not seen. What the program starts is free of all this, but
 * for the M-th, and for what is started after "full".
 */
#include "config.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum kind {
    NONE, FAIL, LIE, SHORT, KILL, KILLED, DELAY, FULL, DEAD,
};

static const char *const kind_names[] = {
    "none", "fail", "lie", "short", "kill", "killed", "delay", "full", "dead",
};

/* What a call is to whoever decides how it may go wrong. */
#define LOOK "look"         /* changes nothing */
#define GROW "grow"         /* changes something, and needs space for it */
#define CHANGE "change"     /* changes something */
#define LOCK "lock"
#define START "start"       /* a program */
#define TALK "talk"         /* with somebody else */

static struct {
    bool active;
    enum kind kind;
    int errnum;
    const char *name;       /* NULL: of none */
    long at;
    bool reached;
    long child;             /* the program to be started that it is for */
    char *preload, *log_path, *fault, *in_child;
    int log;
} plan = { .log = -1 };

static long starts;

/* So many of each name have been made. One that a race makes now and then, as
 * poll, does not shift the numbers of the others. */
static struct {
    const char *name;
    long calls;
} counts[64];
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

/* ---- whose calls ---- */

#define MAX_RANGES 64

static struct range {
    uintptr_t from, to;
} ranges[MAX_RANGES];
static int num_ranges;

/* The program itself comes without a name. */
static int note_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    int i;

    (void)size;
    (void)unused;
    if (info->dlpi_name[0] && !strstr(info->dlpi_name, "libxlsnapshot") &&
        !strstr(info->dlpi_name, "libarchive"))
        return 0;
    for (i = 0; i < info->dlpi_phnum && num_ranges < MAX_RANGES; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        ranges[num_ranges].from = info->dlpi_addr +
            info->dlpi_phdr[i].p_vaddr;
        ranges[num_ranges].to = ranges[num_ranges].from +
            info->dlpi_phdr[i].p_memsz;
        num_ranges++;
    }
    return 0;
}

static bool is_ours(const void *caller)
{
    int i;

    for (i = 0; i < num_ranges; i++)
        if ((uintptr_t)caller >= ranges[i].from &&
            (uintptr_t)caller < ranges[i].to)
            return true;
    return false;
}

/* ---- what is to happen ---- */

static char *take(const char *name)
{
    char *value = getenv(name);

    if (value) value = strdup(value);
    return value;
}

static const struct {
    const char *name;
    int errnum;
} errnos[] = {
    { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE },
    { "EINTR", EINTR }, { "EAGAIN", EAGAIN }, { "ENOMEM", ENOMEM },
    { "EACCES", EACCES }, { "ENOLCK", ENOLCK }, { "EROFS", EROFS },
    { "EPIPE", EPIPE }, { "ECONNREFUSED", ECONNREFUSED },
    { "ECONNRESET", ECONNRESET }, { "EDQUOT", EDQUOT }, { "ESTALE", ESTALE },
};

static int errno_of(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
        if (!strcmp(errnos[i].name, name)) return errnos[i].errnum;
    fprintf(stderr, "fault: there is no errno %s\n", name);
    abort();
}

static void parse(char *spec)
{
    char *at = strchr(spec, '@'), *errnum;
    size_t i;

    if (!at) abort();
    *at++ = '\0';
    plan.name = at;
    at = strchr(at, ':');
    if (!at) abort();
    *at++ = '\0';
    plan.at = atol(at);
    errnum = strchr(spec, ':');
    if (errnum) *errnum++ = '\0';
    plan.errnum = errnum ? errno_of(errnum) : EIO;
    for (i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
        if (!strcmp(kind_names[i], spec)) plan.kind = (enum kind)i;
    if (!plan.kind) abort();
}

static bool is_called(const char *name)
{
    char self[4096];
    ssize_t n = syscall(SYS_readlink, "/proc/self/exe", self, sizeof(self) - 1);
    char *base;

    if (n <= 0) return false;
    self[n] = '\0';
    base = strrchr(self, '/');
    return !strcmp(base ? base + 1 : self, name);
}

static void hand_on_nothing(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("FAULT_IN");
    unsetenv("FAULT_LOG");
    unsetenv("FAULT");
    unsetenv("FAULT_CHILD");
    unsetenv("FAULT_IN_CHILD");
}

__attribute__((constructor)) static void begin(void)
{
    const char *in = getenv("FAULT_IN");
    char *child;

    if (!in || !is_called(in)) return;
    plan.preload = take("LD_PRELOAD");
    plan.log_path = take("FAULT_LOG");
    plan.fault = take("FAULT");
    plan.in_child = take("FAULT_IN_CHILD");
    child = getenv("FAULT_CHILD");
    if (child) plan.child = strcmp(child, "all") ? atol(child) : -1;
    hand_on_nothing();
    dl_iterate_phdr(note_object, NULL);
    /* The child's are logged by itself; ours, while its turn has not come,
     * are of no interest. */
    if (plan.log_path && !plan.child)
        plan.log = (int)syscall(SYS_openat, AT_FDCWD, plan.log_path, O_WRONLY |
                                O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (plan.log >= 0) {
        int high = (int)syscall(SYS_fcntl, plan.log, F_DUPFD_CLOEXEC, 900);

        syscall(SYS_close, plan.log);
        plan.log = high;
    }
    if (plan.fault && !plan.child) parse(strdup(plan.fault));
    plan.active = true;
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    /* The first process of a namespace is spared its own signals. */
    syscall(SYS_exit_group, 128 + SIGKILL);
}

static void note(const char *class, const char *name, long number,
                 const char *detail)
{
    char line[512];
    int n;

    if (plan.log < 0) return;
    n = snprintf(line, sizeof(line), "%s\t%s\t%ld\t%.400s\n", class, name,
                 number, detail ? detail : "");
    if (syscall(SYS_write, plan.log, line, (size_t)n) < 0) return;
}

static long count(const char *name)
{
    long number;
    size_t i;

    pthread_mutex_lock(&counting);
    for (i = 0; counts[i].name && strcmp(counts[i].name, name); i++)
        if (i + 2 == sizeof(counts) / sizeof(counts[0])) abort();
    counts[i].name = name;
    number = ++counts[i].calls;
    pthread_mutex_unlock(&counting);
    return number;
}

static bool lasts(void)
{
    return plan.kind == FULL || plan.kind == DEAD;
}

static bool is_hit(const char *class)
{
    return !strcmp(class, GROW) ||
           (plan.kind == DEAD && !strcmp(class, CHANGE));
}

static enum kind arrive(const char *class, const char *name,
                        const char *detail, const void *caller)
{
    static const struct timespec late = { .tv_nsec = 500000000 };
    int saved = errno;
    bool now = false;
    long number;

    if (!plan.active || !is_ours(caller)) return NONE;
    number = count(name);
    if (plan.name && !strcmp(plan.name, "any")) now = number == 1;
    else if (plan.name) now = number == plan.at && !strcmp(name, plan.name);
    if (!plan.name || now) note(class, name, number, detail);
    if (now) plan.reached = true;
    errno = saved;
    if (plan.reached && lasts()) return is_hit(class) ? FAIL : NONE;
    if (!now) return NONE;
    if (plan.kind == KILL) die();
    if (plan.kind != DELAY) return plan.kind;
    nanosleep(&late, NULL);
    return NONE;
}

/* It was done; is that the last thing, or not to be believed? */
static bool spoilt(enum kind kind)
{
    if (kind == KILLED) die();
    return kind == LIE;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

#define CALLER __builtin_return_address(0)

/* type, what failure is, name, class, detail, (parameters), (arguments) */
#define CALL(type, bad, name, class, detail, params, args) \
    EXPORT type name params; \
    EXPORT type name params \
    { \
        REAL(name); \
        enum kind kind = arrive(class, #name, detail, CALLER); \
        type r; \
        if (kind == FAIL) { \
            errno = plan.errnum; \
            return bad; \
        } \
        r = real args; \
        if (spoilt(kind) && r != bad) { \
            errno = plan.errnum; \
            return bad; \
        } \
        return r; \
    }

/* And not a pipe, say, on which one's own threads wait for each other. */
static bool is_file(int fd)
{
    REAL(fstat);
    int saved = errno;
    struct stat st;
    bool file = !real(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));

    errno = saved;
    return file;
}

EXPORT ssize_t write(int fd, const void *data, size_t len);
EXPORT ssize_t write(int fd, const void *data, size_t len)
{
    REAL(write);
    enum kind kind;
    ssize_t r;

    /* What is said to people may get lost: that is for their shell to tell. */
    if (fd == STDOUT_FILENO || fd == STDERR_FILENO) return real(fd, data, len);
    if (is_file(fd)) kind = arrive(GROW, "write", NULL, CALLER);
    else kind = arrive(TALK, "write to", NULL, CALLER);
    if (kind == FAIL) {
        errno = plan.errnum;
        return -1;
    }
    r = real(fd, data, kind == SHORT && len > 1 ? len / 2 : len);
    if (spoilt(kind) && r >= 0) {
        errno = plan.errnum;
        return -1;
    }
    return r;
}

/* The same of what moves bytes, len of them. */
#define MOVE(name, class, params, args, len) \
    EXPORT ssize_t name params; \
    EXPORT ssize_t name params \
    { \
        REAL(name); \
        enum kind kind = arrive(class, #name, NULL, CALLER); \
        ssize_t r; \
        if (kind == FAIL) { \
            errno = plan.errnum; \
            return -1; \
        } \
        if (kind == SHORT && len > 1) len /= 2; \
        r = real args; \
        if (spoilt(kind) && r >= 0) { \
            errno = plan.errnum; \
            return -1; \
        } \
        return r; \
    }

/* ---- files ---- */

static const char *class_of_open(int flags)
{
    return flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? GROW : LOOK;
}

#define OPEN(name, at_params, at_args) \
    EXPORT int name(at_params const char *path, int flags, ...); \
    EXPORT int name(at_params const char *path, int flags, ...) \
    { \
        REAL(name); \
        enum kind kind = arrive(class_of_open(flags), #name, path, CALLER); \
        mode_t mode; \
        va_list ap; \
        int r; \
        va_start(ap, flags); \
        mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY \
             ? va_arg(ap, mode_t) : 0; \
        va_end(ap); \
        if (kind == FAIL) { \
            errno = plan.errnum; \
            return -1; \
        } \
        r = real(at_args path, flags, mode); \
        if (spoilt(kind) && r >= 0) { \
            close(r); \
            errno = plan.errnum; \
            return -1; \
        } \
        return r; \
    }

#define NOTHING
#define AT_PARAM int dirfd,
#define AT_ARG dirfd,

OPEN(open, NOTHING, NOTHING)
OPEN(open64, NOTHING, NOTHING)
OPEN(openat, AT_PARAM, AT_ARG)

CALL(int, -1, mkostemp, GROW, template, (char *template, int flags),
     (template, flags))
CALL(int, -1, mkdir, GROW, path, (const char *path, mode_t mode),
     (path, mode))
CALL(int, -1, rmdir, CHANGE, path, (const char *path), (path))
CALL(int, -1, unlink, CHANGE, path, (const char *path), (path))
CALL(int, -1, unlinkat, CHANGE, path, (int fd, const char *path, int flags),
     (fd, path, flags))
CALL(int, -1, rename, CHANGE, to, (const char *from, const char *to),
     (from, to))
CALL(int, -1, link, GROW, to, (const char *from, const char *to), (from, to))
CALL(int, -1, linkat, GROW, to,
     (int fromfd, const char *from, int tofd, const char *to, int flags),
     (fromfd, from, tofd, to, flags))
CALL(int, -1, ftruncate, GROW, NULL, (int fd, off_t len), (fd, len))
CALL(int, -1, ftruncate64, GROW, NULL, (int fd, off64_t len), (fd, len))
CALL(int, -1, fallocate64, GROW, NULL,
     (int fd, int mode, off64_t from, off64_t len), (fd, mode, from, len))
CALL(int, -1, fsync, GROW, NULL, (int fd), (fd))
CALL(int, -1, fdatasync, GROW, NULL, (int fd), (fd))
CALL(int, -1, flock, LOCK, NULL, (int fd, int operation), (fd, operation))

MOVE(pwrite, GROW, (int fd, const void *data, size_t len, off_t at),
     (fd, data, len, at), len)
MOVE(pwrite64, GROW, (int fd, const void *data, size_t len, off64_t at),
     (fd, data, len, at), len)
MOVE(pwritev, GROW, (int fd, const struct iovec *data, int num, off_t at),
     (fd, data, num, at), num)
MOVE(pwritev64, GROW, (int fd, const struct iovec *data, int num, off64_t at),
     (fd, data, num, at), num)
MOVE(copy_file_range, GROW, (int in, off64_t *from, int out, off64_t *to,
                             size_t len, unsigned int flags),
     (in, from, out, to, len, flags), len)
MOVE(splice, GROW, (int in, off64_t *from, int out, off64_t *to,
                    size_t len, unsigned int flags),
     (in, from, out, to, len, flags), len)
MOVE(read, LOOK, (int fd, void *data, size_t len), (fd, data, len), len)
MOVE(pread, LOOK, (int fd, void *data, size_t len, off_t at),
     (fd, data, len, at), len)

CALL(int, -1, stat, LOOK, path, (const char *path, struct stat *st),
     (path, st))
CALL(int, -1, lstat, LOOK, path, (const char *path, struct stat *st),
     (path, st))
CALL(int, -1, fstat, LOOK, NULL, (int fd, struct stat *st), (fd, st))
CALL(int, -1, fstatat, LOOK, path,
     (int fd, const char *path, struct stat *st, int flags),
     (fd, path, st, flags))
CALL(int, -1, access, LOOK, path, (const char *path, int mode), (path, mode))
CALL(int, -1, statvfs, LOOK, path, (const char *path, struct statvfs *st),
     (path, st))
CALL(off_t, -1, lseek, LOOK, NULL, (int fd, off_t to, int whence),
     (fd, to, whence))
CALL(ssize_t, -1, readlink, LOOK, path,
     (const char *path, char *target, size_t size), (path, target, size))
CALL(char *, NULL, realpath, LOOK, path,
     (const char *path, char *resolved), (path, resolved))
CALL(DIR *, NULL, opendir, LOOK, path, (const char *path), (path))
CALL(DIR *, NULL, fdopendir, LOOK, NULL, (int fd), (fd))
CALL(struct dirent *, NULL, readdir, LOOK, NULL, (DIR *dir), (dir))

/* ---- descriptors and processes ---- */

CALL(int, -1, pipe2, LOOK, NULL, (int fds[2], int flags), (fds, flags))
CALL(int, -1, memfd_create, LOOK, name, (const char *name, unsigned int flags),
     (name, flags))
CALL(int, -1, poll, LOOK, NULL,
     (struct pollfd *fds, nfds_t num, int timeout), (fds, num, timeout))
CALL(pid_t, -1, waitpid, LOOK, NULL, (pid_t pid, int *status, int options),
     (pid, status, options))

EXPORT int fcntl(int fd, int command, ...);
EXPORT int fcntl(int fd, int command, ...)
{
    REAL(fcntl);
    bool lock = command == F_SETLK || command == F_SETLKW;
    enum kind kind = arrive(lock ? LOCK : LOOK, "fcntl", NULL, CALLER);
    void *arg;
    va_list ap;
    int r;

    va_start(ap, command);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (kind == FAIL) {
        errno = plan.errnum;
        return -1;
    }
    r = real(fd, command, arg);
    spoilt(kind);
    return r;
}

/* What forks becomes another program, or a daemon of ours. */
EXPORT pid_t fork(void);
EXPORT pid_t fork(void)
{
    REAL(fork);
    enum kind kind = arrive(START, "fork", NULL, CALLER);
    pid_t pid;

    if (kind == FAIL) {
        errno = plan.errnum;
        return -1;
    }
    pid = real();
    if (pid > 0) spoilt(kind);
    return pid;
}

/* Have what is started now suffer, too, or instead of us. */
static bool prepare_child(void)
{
    long number = __atomic_add_fetch(&starts, 1, __ATOMIC_SEQ_CST);
    bool full = plan.kind == FULL && plan.reached;
    char log[4096];

    if (!full && plan.child != -1 && (!plan.child || number != plan.child))
        return false;
    if (plan.preload) setenv("LD_PRELOAD", plan.preload, 1);
    setenv("FAULT_IN", plan.in_child ? plan.in_child : "qemu-img", 1);
    if (full) {
        setenv("FAULT", "full:ENOSPC@any:1", 1);
    } else if (plan.child == -1) {
        snprintf(log, sizeof(log), "%s.%ld", plan.log_path, number);
        setenv("FAULT_LOG", log, 1);
    } else {
        if (plan.fault) setenv("FAULT", plan.fault, 1);
        if (plan.log_path) setenv("FAULT_LOG", plan.log_path, 1);
    }
    return true;
}

/* These return what others leave in errno. */
#define SPAWN(name) \
    EXPORT int name(pid_t *pid, const char *path, \
                    const posix_spawn_file_actions_t *actions, \
                    const posix_spawnattr_t *attr, char *const argv[], \
                    char *const envp[]); \
    EXPORT int name(pid_t *pid, const char *path, \
                    const posix_spawn_file_actions_t *actions, \
                    const posix_spawnattr_t *attr, char *const argv[], \
                    char *const envp[]) \
    { \
        REAL(name); \
        enum kind kind = arrive(START, #name, argv[1], CALLER); \
        bool ours = plan.active && envp == environ && is_ours(CALLER); \
        bool child; \
        int r; \
        if (kind == FAIL) return plan.errnum; \
        child = ours && prepare_child(); \
        r = real(pid, path, actions, attr, argv, child ? environ : envp); \
        if (child) hand_on_nothing(); \
        spoilt(kind); \
        return r; \
    }

SPAWN(posix_spawn)
SPAWN(posix_spawnp)

/* ---- talking ---- */

CALL(int, -1, socket, LOOK, NULL, (int domain, int type, int protocol),
     (domain, type, protocol))
CALL(int, -1, connect, TALK, NULL,
     (int fd, const struct sockaddr *address, socklen_t len),
     (fd, address, len))
MOVE(send, TALK, (int fd, const void *data, size_t len, int flags),
     (fd, data, len, flags), len)
MOVE(recv, TALK, (int fd, void *data, size_t len, int flags),
     (fd, data, len, flags), len)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system calls on their way: faults, and telling the recorder. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chain/disk.h"
#include "tests/chain/disk_record.h"

/* What the linker calls the system's own, and ours in their place. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dirfd, const char *path, int flags, ...);
int __wrap_openat(int dirfd, const char *path, int flags, ...);
int __real_mkostemp(char *path, int flags);
int __wrap_mkostemp(char *path, int flags);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);

/* ---- faults ---- */

static struct {
    bool on;
    bool reached;
    enum disk_fault fault;
    unsigned int n;
    unsigned int calls;
    int errnum;
} faults;

void disk_fault_begin(enum disk_fault fault, unsigned int n, int errnum)
{
    faults.on = true;
    faults.reached = false;
    faults.fault = fault;
    faults.n = n;
    faults.calls = 0;
    faults.errnum = errnum;
}

bool disk_fault_end(void)
{
    faults.on = false;
    return faults.reached;
}

/* Whether this call is to fail; errno is set then. */
static bool fails(void)
{
    if (!faults.on) return false;
    faults.calls++;
    switch (faults.fault) {
    case DISK_FAIL_ONCE:
        if (faults.calls != faults.n) return false;
        break;
    case DISK_FAIL_FROM:
        if (faults.calls < faults.n) return false;
        break;
    case DISK_KILL:
        if (faults.calls < faults.n) return false;
        kill(getpid(), SIGKILL);
        break;
    case DISK_STUTTER:
        return false;
    }
    faults.reached = true;
    errno = faults.errnum;
    return true;
}

/* Whether a call that may be interrupted is, this time. */
static bool interrupted(void)
{
    if (!faults.on || faults.fault != DISK_STUTTER || faults.calls % 2)
        return false;
    faults.reached = true;
    errno = EINTR;
    return true;
}

/* ---- the calls ---- */

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    bool existed;
    va_list ap;
    mode_t mode;
    int fd;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    if (fails() || interrupted()) return -1;
    existed = !access(path, F_OK);
    fd = __real_open(path, flags, mode);
    if (fd >= 0) record_open(path, fd, !existed);
    return fd;
}

int __wrap_openat(int dirfd, const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;
    int fd;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    if (fails()) return -1;
    fd = __real_openat(dirfd, path, flags, mode);
    if (fd >= 0) record_openat(dirfd, path, fd);
    return fd;
}

int __wrap_mkostemp(char *path, int flags)
{
    int fd;

    if (fails()) return -1;
    fd = __real_mkostemp(path, flags);
    if (fd >= 0) record_open(path, fd, true);
    return fd;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    ssize_t r;

    if (fails() || interrupted()) return -1;
    if (faults.on && faults.fault == DISK_STUTTER && len > 7) len = 7;
    r = __real_write(fd, data, len);
    if (r > 0) record_write(fd, data, (size_t)r);
    return r;
}

int __wrap_fsync(int fd)
{
    int r;

    if (fails() || interrupted()) return -1;
    r = __real_fsync(fd);
    if (!r) record_fsync(fd);
    return r;
}

int __wrap_rename(const char *from, const char *to)
{
    int r;

    if (fails()) return -1;
    r = __real_rename(from, to);
    if (!r) record_rename(from, to);
    return r;
}

int __wrap_link(const char *from, const char *to)
{
    int r;

    if (fails()) return -1;
    r = __real_link(from, to);
    if (!r) record_link(from, to);
    return r;
}

int __wrap_unlink(const char *path)
{
    int r;

    if (fails()) return -1;
    r = __real_unlink(path);
    if (!r) record_unlink(path);
    return r;
}

int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
    int r;

    if (fails()) return -1;
    r = __real_unlinkat(dirfd, path, flags);
    if (!r) record_unlinkat(dirfd, path);
    return r;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    int r;

    if (fails()) return -1;
    r = __real_mkdir(path, mode);
    if (!r) record_mkdir(path);
    return r;
}

int __wrap_rmdir(const char *path)
{
    int r;

    if (fails()) return -1;
    r = __real_rmdir(path);
    if (!r) record_unlink(path);
    return r;
}

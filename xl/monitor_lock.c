/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl.h>

#include "xl/monitor_lock.h"

static int lock_path(char *path, size_t size, const char *dir, uint32_t domid)
{
    int n = snprintf(path, size, "%s/xl-snapshot-monitor-%"PRIu32".lock", dir,
                     domid);

    if (n < 0 || (size_t)n >= size) {
        errno = ENAMETOOLONG;
        return ERROR_FAIL;
    }
    return 0;
}

void monitor_lock_init(struct monitor_lock *lock)
{
    lock->fd = -1;
    lock->path[0] = '\0';
}

/* Is what fd is locked on still what others find under that name? */
static bool still_named(int fd, const char *path)
{
    struct stat have, named;

    return !fstat(fd, &have) && !stat(path, &named) &&
           have.st_dev == named.st_dev && have.st_ino == named.st_ino;
}

int monitor_lock_take(struct monitor_lock *lock, const char *dir,
                      uint32_t domid)
{
    /* fcntl()'s kind: what libxl forks does not inherit it. */
    struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = -1, rc, e;

    rc = lock_path(lock->path, sizeof(lock->path), dir, domid);
    if (rc) goto out;

    for (;;) {
        fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            rc = ERROR_FAIL;
            goto out;
        }
        if (fcntl(fd, F_SETLK, &want)) {
            rc = errno == EAGAIN || errno == EACCES ? ERROR_LOCK_FAIL
                                                    : ERROR_FAIL;
            goto out;
        }
        if (still_named(fd, lock->path)) break;
        /* Its last holder removed it between our open and our lock. */
        close(fd);
    }
    lock->fd = fd;
    fd = -1;
    rc = 0;

 out:
    e = errno;
    if (fd >= 0) close(fd);
    errno = e;
    return rc;
}

void monitor_lock_release(struct monitor_lock *lock)
{
    if (lock->fd < 0) return;
    unlink(lock->path);     /* while it is ours */
    close(lock->fd);
    monitor_lock_init(lock);
}

pid_t monitor_lock_holder(const char *dir, uint32_t domid)
{
    struct flock look = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char path[sizeof(((struct monitor_lock *)0)->path)];
    pid_t pid = 0;
    int fd;

    if (lock_path(path, sizeof(path), dir, domid)) return 0;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return 0;
    if (!fcntl(fd, F_GETLK, &look) && look.l_type != F_UNLCK) pid = look.l_pid;
    close(fd);
    return pid;
}

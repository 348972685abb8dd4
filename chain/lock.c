/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chain/lock.h"

#define POLL_MS 20

struct chain_lock {
    int fd;
};

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Best effort, and not brought to the disk: nobody decides anything by it,
 * and a full disk must not keep people from deleting snapshots. */
static void write_holder(int fd, const char *verb)
{
    char text[64];
    int len;

    if (ftruncate(fd, 0) || !verb) return;
    len = snprintf(text, sizeof(text), "%ld %.40s\n", (long)getpid(), verb);
    if (pwrite(fd, text, (size_t)len, 0) != len && ftruncate(fd, 0))
        return;
}

/* "process 1234 (snapshot-create)", or less when the file does not say. */
static void describe_holder(int fd, char *text, size_t size)
{
    char holder[64] = "", verb[41] = "";
    ssize_t len;
    long pid;

    len = pread(fd, holder, sizeof(holder) - 1, 0);
    if (len > 0 && sscanf(holder, "%ld %40[A-Za-z0-9_-]", &pid, verb) == 2)
        snprintf(text, size, "process %ld (%s)", pid, verb);
    else
        snprintf(text, size, "another process");
}

/* Whether the file we have locked still has the name: it may have been
 * removed while we waited, and then the lock protects nothing. */
static bool still_named(int fd, const char *path)
{
    struct stat ours, named;

    return !fstat(fd, &ours) && !stat(path, &named) &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* One attempt. 0 with *fd_r, or with -1 in it when somebody else has it. */
static int try_once(const char *path, int *fd_r, char *holder, size_t size,
                    struct chain_error *err)
{
    int fd;

    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EINTR) continue;
        if (fd < 0)
            return chain_error_set_errno(err, errno, "cannot open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            int errnum = errno;
            if (errnum == EWOULDBLOCK) describe_holder(fd, holder, size);
            close(fd);
            if (errnum == EINTR) continue;
            *fd_r = -1;
            return errnum == EWOULDBLOCK ? 0
                   : chain_error_set_errno(err, errnum, "cannot lock %s", path);
        }
        if (still_named(fd, path)) break;
        close(fd);
    }
    *fd_r = fd;
    return 0;
}

int chain_lock_take(const char *path, const char *verb, unsigned int wait_ms,
                    struct chain_lock **lock_r, struct chain_error *err)
{
    const struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
    uint64_t deadline = now_ms() + wait_ms;
    struct chain_lock *lock;
    char holder[80];
    int fd, rc;

    lock = malloc(sizeof(*lock));
    if (!lock) return chain_error_set_nomem(err);
    for (;;) {
        rc = try_once(path, &fd, holder, sizeof(holder), err);
        if (rc) goto out;
        if (fd >= 0) break;
        if (now_ms() >= deadline) {
            rc = chain_error_set(err, ERROR_LOCK_FAIL,
                "%s is locked by %s: wait for it to finish", path, holder);
            goto out;
        }
        nanosleep(&nap, NULL);
    }
    write_holder(fd, verb);
    lock->fd = fd;
    *lock_r = lock;
    lock = NULL;

out:
    free(lock);
    return rc;
}

void chain_lock_release(struct chain_lock *lock)
{
    if (!lock) return;
    write_holder(lock->fd, NULL);
    /* closing is not enough when a child has the descriptor, too */
    flock(lock->fd, LOCK_UN);
    close(lock->fd);
    free(lock);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/domain_lock.h"

/*
 * We ask again and again instead of sleeping in flock(), which has no
 * time-out and cannot be left from a thread of somebody else's program.
 */
#define RETRY_MS 10

struct domain_lock {
    int fd;
    char *path;
};

static bool uuid_is_valid(const char *uuid)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i;

    if (!uuid || strlen(uuid) != sizeof(shape) - 1) return false;
    for (i = 0; shape[i]; i++) {
        if (shape[i] == '-' ? uuid[i] != '-' :
            !strchr("0123456789abcdef", uuid[i]))
            return false;
    }
    return true;
}

static int make_path(const struct domain_lock_params *params, char **path_r)
{
    if (asprintf(path_r, "%s/userdata-l.%" PRIu32 ".%s.%s",
                 params->lib_dir, params->domid, params->uuid,
                 params->name) < 0) {
        *path_r = NULL;
        return ERROR_NOMEM;
    }
    return 0;
}

/* 0, or 1 when somebody else has it, or a libxl error. */
static int try_flock(int fd, const char *path, struct diag *diag)
{
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK) return 1;
        if (errno == EINTR) continue;
        diag_set(diag, "cannot lock %s: %s", path, strerror(errno));
        return ERROR_LOCK_FAIL;
    }
    return 0;
}

/* Is the file at path still the one that fd is? 0, 1 if not, or an error. */
static int try_identity(int fd, const char *path, struct diag *diag)
{
    struct stat ours, there;

    if (fstat(fd, &ours)) goto fail;
    if (stat(path, &there)) {
        if (errno == ENOENT) return 1;
        goto fail;
    }
    return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino ? 0 : 1;
 fail:
    diag_set(diag, "cannot look at %s: %s", path, strerror(errno));
    return ERROR_LOCK_FAIL;
}

/* One try to lock the file that is at path now: 0, 1 to try again, an error. */
static int try_lock(struct domain_lock *lock, struct diag *diag)
{
    int rc;

    /* libxl makes it with this mode; the directory is root's alone. */
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0) {
        if (errno == EINTR) return 1;
        diag_set(diag, "cannot open libxl's lock %s: %s", lock->path,
                 strerror(errno));
        return ERROR_LOCK_FAIL;
    }
    rc = try_flock(lock->fd, lock->path, diag);
    if (!rc) rc = try_identity(lock->fd, lock->path, diag);
    if (rc) {
        close(lock->fd);
        lock->fd = -1;
    }
    return rc;
}

static int lock_until(struct domain_lock *lock, const char *what, deadline by,
                      struct diag *diag)
{
    int rc;

    for (;;) {
        rc = try_lock(lock, diag);
        if (rc <= 0) return rc;
        if (!deadline_left_ms(by)) {
            diag_set(diag, "%s is in use (lock %s); try again later", what,
                     lock->path);
            return ERROR_TIMEDOUT;
        }
        deadline_sleep(by, RETRY_MS);
    }
}

int domain_lock_acquire(const struct domain_lock_params *params, deadline by,
                         struct domain_lock **lock_r, struct diag *diag)
{
    struct domain_lock *lock = NULL;
    int rc;

    if (!uuid_is_valid(params->uuid)) {
        diag_set(diag, "not a domain's uuid");
        rc = ERROR_INVAL;
        goto out;
    }
    lock = calloc(1, sizeof(*lock));
    if (!lock) {
        rc = ERROR_NOMEM;
        goto nomem;
    }
    lock->fd = -1;
    rc = make_path(params, &lock->path);
    if (rc) goto nomem;

    rc = lock_until(lock, params->what, by, diag);
    if (rc) goto out;

    /* Only now nobody can take the domain's files away between the look and
     * the use: destroying it takes this lock's file too. */
    rc = params->check ? params->check(params->check_user) : 0;
    if (rc) {
        diag_set(diag, "the domain is gone");
        goto out;
    }
    *lock_r = lock;
    return 0;
 nomem:
    diag_set(diag, "out of memory");
 out:
    domain_lock_release(lock);
    return rc;
}

void domain_lock_release(struct domain_lock *lock)
{
    if (!lock) return;
    if (lock->fd >= 0) {
        /* Before the lock is let go, or it might be another's file that we
         * remove. */
        unlink(lock->path);
        flock(lock->fd, LOCK_UN);
        close(lock->fd);
    }
    free(lock->path);
    free(lock);
}

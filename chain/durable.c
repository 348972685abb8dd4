/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/durable.h"
#include "chain/store_internal.h"

#define MAX_DEPTH 8

/* ---- pieces ---- */

static int write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    ssize_t r;

    while (len) {
        r = write(fd, p, len);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        p += r;
        len -= (size_t)r;
    }
    return 0;
}

static int sync_fd(int fd)
{
    int r;

    do {
        r = fsync(fd);
    } while (r && errno == EINTR);
    return r;
}

/* Opens, and says what went wrong. */
static int open_path(const char *path, int flags, int *fd_r,
                     struct chain_error *err)
{
    int fd;

    do {
        fd = open(path, flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return chain_error_set_errno(err, errno, "cannot open %s", path);
    *fd_r = fd;
    return 0;
}

static int sync_path(const char *path, int flags, struct chain_error *err)
{
    int fd, rc;

    rc = open_path(path, O_RDONLY | flags, &fd, err);
    if (rc) return rc;
    if (sync_fd(fd))
        rc = chain_error_set_errno(err, errno, "cannot write %s to disk", path);
    close(fd);
    return rc;
}

/* The directory that a path's last part is in. Paths here are absolute, or
 * have a '/' in them at least. */
static int sync_parent(const char *path, struct chain_error *err)
{
    const char *slash = strrchr(path, '/');
    char *dir;
    int rc;

    dir = !slash ? strdup(".") : slash == path ? strdup("/")
        : strndup(path, (size_t)(slash - path));
    if (!dir) return chain_error_set_nomem(err);
    rc = sync_path(dir, O_DIRECTORY, err);
    free(dir);
    return rc;
}

static int write_and_sync(int fd, const char *path, const void *data,
                          size_t len, struct chain_error *err)
{
    if (write_all(fd, data, len))
        return chain_error_set_errno(err, errno, "cannot write %s", path);
    if (sync_fd(fd))
        return chain_error_set_errno(err, errno, "cannot write %s to disk",
                                     path);
    return 0;
}

/* ---- replacing ---- */

static const char temporary[] = ".tmp";
static const char temporary_random[] = ".tmp.XXXXXX";

bool chain_durable_is_temporary(const char *name, const char *base)
{
    const char *rest;
    size_t i;

    if (strncmp(name, base, strlen(base))) return false;
    rest = name + strlen(base);
    if (strncmp(rest, temporary, strlen(temporary))) return false;
    rest += strlen(temporary);
    if (!*rest) return true;
    if (*rest++ != '.') return false;
    for (i = 0; i < 6; i++)
        if (!isalnum((unsigned char)rest[i])) return false;
    return !rest[i];
}

/*
 * A second name for the file that is about to be replaced. link cannot
 * replace, so a name between the two takes the part of the temporary file.
 */
static int keep_as(const char *path, const char *keep, struct chain_error *err)
{
    char *between = NULL;
    int rc;

    if (asprintf(&between, "%s%s", keep, temporary) < 0) {
        between = NULL;
        rc = chain_error_set_nomem(err);
        goto out;
    }
    if (unlink(between) && errno != ENOENT) {
        rc = chain_error_set_errno(err, errno, "cannot remove %s", between);
        goto out;
    }
    if (link(path, between)) {
        rc = errno == ENOENT ? 0
           : chain_error_set_errno(err, errno, "cannot link %s to %s",
                                   path, between);
        goto out;
    }
    if (rename(between, keep)) {
        rc = chain_error_set_errno(err, errno, "cannot rename %s to %s",
                                   between, keep);
        unlink(between);
        goto out;
    }
    /* renaming does nothing when both were names of one file already */
    if (unlink(between) && errno != ENOENT) {
        rc = chain_error_set_errno(err, errno, "cannot remove %s", between);
        goto out;
    }
    rc = 0;

out:
    free(between);
    return rc;
}

/* Is this what the file holds? */
static bool holds(const char *path, const void *data, size_t len)
{
    size_t have = 0;
    char *text;
    bool same;

    if (chain_file_read(path, &text, &have, NULL)) return false;
    same = have == len && !memcmp(text, data, len);
    free(text);
    return same;
}

int chain_durable_replace(const char *path, const char *keep,
                          const void *data, size_t len,
                          struct chain_error *err)
{
    char *tmp = NULL;
    bool made = false;
    int fd = -1, rc;

    if (asprintf(&tmp, "%s%s", path, temporary_random) < 0) {
        tmp = NULL;
        rc = chain_error_set_nomem(err);
        goto out;
    }
    fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        rc = chain_error_set_errno(err, errno, "cannot create %s", tmp);
        goto out;
    }
    made = true;
    rc = write_and_sync(fd, tmp, data, len, err);
    if (rc) goto out;
    if (keep) {
        rc = keep_as(path, keep, err);
        if (rc) goto out;
    }
    if (rename(tmp, path)) {
        rc = chain_error_set_errno(err, errno, "cannot rename %s to %s", tmp,
                                   path);
    } else {
        made = false;
        rc = sync_parent(path, err);
    }
    /* As over a network, it may have come through all the same; then nobody
     * is to be told that nothing was changed. */
    if (rc && rc != ERROR_NOMEM && holds(path, data, len)) {
        if (!sync_parent(path, NULL)) rc = 0;
        else if (err) err->visible = true;
    }

out:
    if (fd >= 0) close(fd);
    if (made) unlink(tmp);
    free(tmp);
    return rc;
}

int chain_durable_create(const char *path, const void *data, size_t len,
                         struct chain_error *err)
{
    int fd, rc;

    rc = open_path(path, O_WRONLY | O_CREAT | O_EXCL, &fd, err);
    if (rc) return rc;
    rc = write_and_sync(fd, path, data, len, err);
    close(fd);
    if (rc) unlink(path);
    return rc;
}

/* ---- removing, and directories ---- */

int chain_durable_remove(const char *path, struct chain_error *err)
{
    /* Gone already is no reason to leave: who removed it may have been killed
     * before it was durable. */
    struct stat st;
    int errnum = unlink(path) ? errno : 0;

    if (errnum && errnum != ENOENT && (!lstat(path, &st) || errno != ENOENT))
        return chain_error_set_errno(err, errnum, "cannot remove %s", path);
    return sync_parent(path, err);
}

int chain_durable_mkdir(const char *path, struct chain_error *err)
{
    int errnum = mkdir(path, 0700) ? errno : 0, rc;

    if (errnum && errnum != EEXIST)
        return chain_error_set_errno(err, errnum, "cannot create directory %s",
                                     path);
    rc = sync_parent(path, err);
    if (!rc && errnum)
        rc = chain_error_set_errno(err, errnum, "cannot create directory %s",
                                   path);
    return rc;
}

/* Takes over dirfd. Returns an errno value. */
static int remove_contents(int dirfd, unsigned int depth)
{
    struct dirent *entry;
    DIR *dir;
    int fd, errnum = 0;

    dir = fdopendir(dirfd);
    if (!dir) {
        errnum = errno;
        close(dirfd);
        return errnum;
    }
    while (!errnum) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            errnum = errno;
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (!unlinkat(dirfd, entry->d_name, 0)) continue;
        if (errno != EISDIR) {
            errnum = errno;
            break;
        }
        if (depth >= MAX_DEPTH) {
            errnum = ENAMETOOLONG;
            break;
        }
        fd = openat(dirfd, entry->d_name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        errnum = fd < 0 ? errno : remove_contents(fd, depth + 1);
        if (!errnum && unlinkat(dirfd, entry->d_name, AT_REMOVEDIR))
            errnum = errno;
    }
    closedir(dir);
    return errnum;
}

int chain_durable_remove_dir(const char *path, struct chain_error *err)
{
    int fd, errnum;

    do {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    errnum = fd < 0 ? errno : remove_contents(fd, 0);
    if (!errnum && rmdir(path)) errnum = errno;
    if (errnum && errnum != ENOENT)
        return chain_error_set_errno(err, errnum, "cannot remove directory %s",
                                     path);
    return sync_parent(path, err);
}

int chain_durable_sync_dir(const char *path, struct chain_error *err)
{
    return sync_path(path, O_DIRECTORY, err);
}

/* A file of a payload; anything but a file has no business there. */
static int sync_entry(const char *dir, const char *name,
                      struct chain_error *err)
{
    struct stat st;
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return chain_error_set_nomem(err);
    if (lstat(path, &st))
        rc = chain_error_set_errno(err, errno, "cannot look at %s", path);
    else if (!S_ISREG(st.st_mode))
        rc = chain_error_set(err, ERROR_FAIL, "%s is not a file", path);
    else
        rc = sync_path(path, O_NOFOLLOW, err);
    free(path);
    return rc;
}

int chain_durable_sync_files(const char *path, struct chain_error *err)
{
    struct dirent *entry;
    DIR *dir;
    int rc = 0;

    dir = opendir(path);
    if (!dir) return chain_error_set_errno(err, errno, "cannot read %s", path);
    while (!rc) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = chain_error_set_errno(err, errno, "cannot read %s", path);
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        rc = sync_entry(path, entry->d_name, err);
    }
    closedir(dir);
    if (!rc) rc = chain_durable_sync_dir(path, err);
    if (!rc) rc = sync_parent(path, err);
    return rc;
}

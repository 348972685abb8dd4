/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/internal.h"
#include "manage/new_file.h"

void new_file_init(struct new_file *file)
{
    memset(file, 0, sizeof(*file));
    file->fd = -1;
}

void new_file_dispose(struct new_file *file)
{
    if (file->fd >= 0) close(file->fd);
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    free(file->dir);
    new_file_init(file);
}

static int cannot(struct manage_error *err, const char *what, const char *path)
{
    return manage_fail(err, errno == ENOSPC || errno == EDQUOT
                       ? MANAGE_NO_SPACE : MANAGE_FAILED, "cannot %s %s: %s",
                       what, path, strerror(errno));
}

/* For file systems without O_TMPFILE. */
static int open_named(struct new_file *file, const char *name,
                      struct manage_error *err)
{
    char *path;

    if (asprintf(&path, "%s/.%s.XXXXXX", file->dir, name) < 0)
        return manage_fail_nomem(err);
    file->fd = mkostemp(path, O_CLOEXEC);
    if (file->fd < 0) {
        cannot(err, "make a file in", file->dir);
        free(path);
        return ERROR_FAIL;
    }
    file->temporary = path;
    return 0;
}

static int open_in(struct new_file *file, const char *name,
                   struct manage_error *err)
{
    file->fd = open(file->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd >= 0) return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return cannot(err, "make a file in", file->dir);
    return open_named(file, name, err);
}

int new_file_open(struct new_file *file, const char *path,
                  struct manage_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct stat st;

    if (!*name)
        return manage_fail(err, MANAGE_USAGE, "'%s' is not a file's name",
                           path);
    file->path = strdup(path);
    file->dir = !slash ? strdup(".")
        : slash == path ? strdup("/") : strndup(path, slash - path);
    if (!file->path || !file->dir) return manage_fail_nomem(err);
    if (!lstat(path, &st))
        return manage_fail(err, MANAGE_REFUSED, "%s is there already, and is"
                           " not overwritten", path);
    if (errno != ENOENT) return cannot(err, "make", path);
    return open_in(file, name, err);
}

int new_file_scratch(struct new_file *file, const char *dir,
                     struct manage_error *err)
{
    int rc;

    file->dir = strdup(dir);
    if (!file->dir) return manage_fail_nomem(err);
    rc = open_in(file, "xl-snapshot", err);
    if (!rc && file->temporary) {
        unlink(file->temporary);
        free(file->temporary);
        file->temporary = NULL;
    }
    return rc;
}

static int sync_dir(const char *dir, struct manage_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);
    int rc = r ? cannot(err, "sync", dir) : 0;

    if (fd >= 0) close(fd);
    return rc;
}

int new_file_publish(struct new_file *file, struct manage_error *err)
{
    char unnamed[64];
    int r;

    if (fsync(file->fd)) return cannot(err, "write", file->path);
    snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", file->fd);
    r = linkat(AT_FDCWD, file->temporary ? file->temporary : unnamed,
               AT_FDCWD, file->path,
               file->temporary ? 0 : AT_SYMLINK_FOLLOW);
    if (r && errno == EEXIST)
        return manage_fail(err, MANAGE_REFUSED, "%s has come to be meanwhile,"
                           " and is not overwritten", file->path);
    if (r) return cannot(err, "make", file->path);
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    file->temporary = NULL;
    return sync_dir(file->dir, err);
}

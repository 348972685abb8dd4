/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/qmp/scratch.h"

void scratch_make(struct scratch *scratch)
{
    char *made;

    strcpy(scratch->path, "/tmp/xls-test.XXXXXX");
    made = mkdtemp(scratch->path);
    assert(made);
    (void)made;
}

static int remove_entry(const char *path, const struct stat *st, int flag,
                        struct FTW *ftw)
{
    return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
    int r;

    r = nftw(scratch->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert(!r);
    (void)r;
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
    static char paths[8][512];
    static unsigned int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", scratch->path, name);
    return path;
}

void scratch_write(const struct scratch *scratch, const char *name,
                   const char *content, mode_t mode)
{
    size_t len = strlen(content);
    ssize_t n;
    int fd;

    fd = open(scratch_path(scratch, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
              mode);
    assert(fd >= 0);
    n = write(fd, content, len);
    assert(n == (ssize_t)len);
    (void)n;
    close(fd);
}

void scratch_mkdir(const struct scratch *scratch, const char *name)
{
    int r = mkdir(scratch_path(scratch, name), 0700);

    assert(!r);
    (void)r;
}

bool scratch_exists(const struct scratch *scratch, const char *name)
{
    return !access(scratch_path(scratch, name), F_OK);
}

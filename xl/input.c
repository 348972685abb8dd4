/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xl/input.h"

static int fail(struct manage_error *err, enum manage_outcome outcome,
                const char *path, const char *why)
{
    err->outcome = outcome;
    snprintf(err->text, sizeof(err->text), "cannot read '%s': %s", path, why);
    return ERROR_FAIL;
}

int input_open(const char *path, int *fd_r, struct manage_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
                               : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

    if (fd < 0)
        return fail(err, errno == ENOENT ? MANAGE_NOT_FOUND : MANAGE_FAILED,
                    path, strerror(errno));
    *fd_r = fd;
    return 0;
}

static int read_fd(int fd, const char *path, size_t max, char **text_r,
                   size_t *len_r, struct manage_error *err)
{
    size_t len = 0, size = 64 << 10;
    char *text = malloc(size), *grown;
    ssize_t r;

    while (text) {
        if (len + 1 == size) {
            grown = realloc(text, size * 2);
            if (!grown) break;
            text = grown;
            size *= 2;
        }
        r = read(fd, text + len, size - len - 1);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            free(text);
            return fail(err, MANAGE_FAILED, path, strerror(errno));
        }
        if (!r) {
            text[len] = '\0';
            *text_r = text;
            *len_r = len;
            return 0;
        }
        len += r;
        if (len > max) {
            free(text);
            return fail(err, MANAGE_REFUSED, path, "it is too long");
        }
    }
    free(text);
    return fail(err, MANAGE_FAILED, path, "out of memory");
}

int input_read(const char *path, size_t max, char **text_r, size_t *len_r,
               struct manage_error *err)
{
    int fd, rc;

    rc = input_open(path, &fd, err);
    if (rc) return rc;
    rc = read_fd(fd, path, max, text_r, len_r, err);
    close(fd);
    return rc;
}

char *input_directory(const char *dir, struct manage_error *err)
{
    char *path = realpath(dir, NULL);

    if (path) return path;
    err->outcome = MANAGE_NOT_FOUND;
    snprintf(err->text, sizeof(err->text), "there is no directory '%s'", dir);
    return NULL;
}

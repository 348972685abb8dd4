/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/file.h"

int file_put(int fd, const void *data, size_t len, uint64_t offset)
{
    const char *p = data;
    ssize_t r;

    for (; len; p += r, len -= (size_t)r, offset += (uint64_t)r) {
        do r = pwrite(fd, p, len, (off_t)offset);
        while (r < 0 && errno == EINTR);
        if (r < 0) return errno;
    }
    return 0;
}

int file_get(int fd, void *data, size_t len, uint64_t offset)
{
    char *p = data;
    ssize_t r;

    for (; len; p += r, len -= (size_t)r, offset += (uint64_t)r) {
        do r = pread(fd, p, len, (off_t)offset);
        while (r < 0 && errno == EINTR);
        if (r < 0) return errno;
        if (!r) return FILE_ENDS;
    }
    return 0;
}

const char *file_error(int r)
{
    return r == FILE_ENDS ? "it ends too early" : strerror(r);
}

int file_failed(int r, struct diag *diag)
{
    diag_set(diag, r == FILE_ENDS ? "the memory image is damaged: %s"
                                  : "cannot read the memory image: %s",
             file_error(r));
    return r == FILE_ENDS ? ERROR_BADFAIL : ERROR_FAIL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that is written all the time, where the guest has a file system. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "counter.h"

#define PATH        "/files/count"
#define WRITE_MS    50

_Atomic unsigned long long files;

static bool write_count(unsigned long long value)
{
    char text[32];
    int fd = open(PATH ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int n = snprintf(text, sizeof(text), "%llu\n", value);
    bool ok = fd >= 0 && write(fd, text, n) == n && !fsync(fd);

    if (fd >= 0)
        close(fd);
    return ok && !rename(PATH ".new", PATH);
}

/* New names and new contents, so that the journal has work, too. */
void *writing_files(void *unused)
{
    while (write_count(files + 1)) {
        files++;
        sleep_ms(WRITE_MS);
    }
    complain("files:%s", strerrorname_np(errno));
    return unused;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

int fuzz_file(const void *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    return fd;
}

void fuzz_path(int fd, char path[FUZZ_PATH_BYTES])
{
    snprintf(path, FUZZ_PATH_BYTES, "/proc/self/fd/%d", fd);
}

static void write_seed(const char *dir, unsigned seed)
{
    char path[4096];
    uint8_t *data;
    size_t size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/seed-%02u", dir, seed);
    fuzz_begin_with(&seed, &data, &size);
    file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
        perror(path);
        exit(1);
    }
    free(data);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *dir = getenv("FUZZ_SEEDS");
    unsigned i;

    if (!dir) return 0;
    for (i = 0; i < FUZZ_NUM_SEEDS; i++) write_seed(dir, i);
    exit(0);
}

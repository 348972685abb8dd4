/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define RUNS 1000

static unsigned seed;

static size_t below(size_t n)
{
    return n ? (size_t)rand_r(&seed) % n : 0;
}

/* One change, of a kind that has found faults in other readers. */
static void change(uint8_t *data, size_t *size)
{
    static const uint64_t odd[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff, 0x80000000,
        0xffffffff, UINT64_MAX, UINT64_MAX / 2, UINT64_MAX - 4095,
    };
    size_t at = below(*size), len = (size_t)1 << below(4);
    uint64_t value = odd[below(sizeof(odd) / sizeof(*odd))];

    if (!*size) return;
    if (len > *size - at) len = *size - at;
    switch (below(6)) {
    case 0:
        data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        memcpy(data + at, &value, len);
        break;
    case 2:
        memmove(data + at, data + below(*size - len + 1), len);
        break;
    case 3:                     /* near the ends there is more to be broken */
        at = below(*size < 300 ? *size : 300);
        data[below(2) ? at : *size - 1 - at] = (uint8_t)rand_r(&seed);
        break;
    case 4:
        if (!below(4)) *size = at;
        break;
    case 5:
        data[at]++;
        break;
    }
}

/* ---- files ---- */

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;

    if (file && !fseek(file, 0, SEEK_END)) size = ftell(file);
    if (size >= 0) data = malloc((size_t)size + 1);
    if (!data || fseek(file, 0, SEEK_SET) ||
        fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(99);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

/* All of found/NAME/, in any order; few targets have one. */
static void run_found(const char *name)
{
    const char *srcdir = getenv("srcdir");
    struct dirent *entry;
    char path[4096];
    DIR *dir;
    int num = 0;

    snprintf(path, sizeof(path), "%s/tests/fuzz/found/%s", srcdir ? srcdir : ".",
             name);
    dir = opendir(path);
    if (!dir && errno != ENOENT) {
        perror(path);
        exit(99);
    }
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof(path), "%s/tests/fuzz/found/%s/%s",
                 srcdir ? srcdir : ".", name, entry->d_name);
        run_file(path);
        num++;
    }
    if (dir) closedir(dir);
    printf("%d inputs that once found something\n", num);
}

static void run_changed(long runs)
{
    uint8_t *sound = NULL, *data;
    size_t size = 0, n, changes;
    long i;

    for (i = 0; i < runs; i++) {
        if (i % 64 == 0) {
            free(sound);
            fuzz_begin_with(&seed, &sound, &size);
            LLVMFuzzerTestOneInput(sound, size);
        }
        n = size;
        data = malloc(n + 1);
        if (!data) exit(99);
        memcpy(data, sound, n);
        for (changes = below(4) + 1; changes; changes--) change(data, &n);
        LLVMFuzzerTestOneInput(data, n);
        free(data);
    }
    free(sound);
}

/* Without arguments the test; else these files, one after the other. */
int main(int argc, char **argv)
{
    const char *given = getenv("SEED"), *wanted = getenv("FUZZ_RUNS");
    long runs = wanted ? atol(wanted) : RUNS;
    int i;

    LLVMFuzzerInitialize(&argc, &argv);
    for (i = 1; i < argc; i++) run_file(argv[i]);
    if (argc > 1) return 0;
    run_found(program_invocation_short_name);
    seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL) ^ (unsigned)getpid();
    printf("SEED=%u FUZZ_RUNS=%ld\n", seed, runs);
    fflush(stdout);
    run_changed(runs);
    return 0;
}

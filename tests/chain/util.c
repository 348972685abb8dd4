/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/_chain_types_json.h"
#include "tests/chain/util.h"

char *util_make_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *dir;

    if (!base) base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    assert_true(asprintf(&dir, "%s/xls-chain.XXXXXX", base) > 0);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    return where->level ? remove(path) : 0;
}

void util_empty_dir(const char *dir)
{
    assert_int_equal(0, nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS));
}

void util_remove_dir(char *dir)
{
    util_empty_dir(dir);
    assert_int_equal(0, rmdir(dir));
    free(dir);
}

char *util_path(const char *dir, const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

void util_write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    if (len) assert_int_equal(len, fwrite(data, 1, len, f));
    assert_int_equal(0, fclose(f));
}

char *util_read_file(const char *path, size_t *len_r)
{
    FILE *f = fopen(path, "r");
    char *data;
    long size;

    if (!f) return NULL;
    assert_int_equal(0, fseek(f, 0, SEEK_END));
    size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(size, fread(data, 1, (size_t)size, f));
    data[size] = 0;
    fclose(f);
    if (len_r) *len_r = (size_t)size;
    return data;
}

bool util_exists(const char *path)
{
    struct stat st;

    return !lstat(path, &st);
}

static char *copy(const char *s)
{
    char *c = strdup(s);

    assert_non_null(c);
    return c;
}

void util_snapshot(chain_snapshot *snapshot, uint64_t serial, uint64_t parent,
                   const char *name)
{
    chain_disk *d;

    chain_snapshot_init(snapshot);
    snapshot->serial = serial;
    snapshot->parent = parent;
    snapshot->name = copy(name);
    snapshot->created = 1790000000 + serial;
    snapshot->domain_uuid = copy("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    snapshot->state = CHAIN_DOMAIN_STATE_RUNNING;
    snapshot->memory = true;
    snapshot->memory_bytes = 4096;
    snapshot->pause_us = 1234;
    snapshot->disks = calloc(2, sizeof(*snapshot->disks));
    assert_non_null(snapshot->disks);
    snapshot->num_disks = 2;
    d = &snapshot->disks[0];
    chain_disk_init(d);
    d->vdev = copy("xvda");
    d->path = copy("/srv/guest.qcow2");
    d->format = LIBXL_DISK_FORMAT_QCOW2;
    d->treatment = CHAIN_DISK_TREATMENT_INTERNAL;
    libxl_snapshot_handle_init_format(&d->handle, LIBXL_DISK_FORMAT_QCOW2);
    d->handle.u.qcow2.name = copy(name);
    d->id = copy("1");
    d->date_sec = snapshot->created;
    d->date_nsec = 999999999;
    d = &snapshot->disks[1];
    chain_disk_init(d);
    d->vdev = copy("xvdb");
    d->format = LIBXL_DISK_FORMAT_EMPTY;
    d->treatment = CHAIN_DISK_TREATMENT_SKIPPED_EMPTY;
}

void util_external(chain_snapshot *snapshot, int at, const char *path,
                   libxl_disk_format format)
{
    chain_disk *d = &snapshot->disks[at];
    char *vdev = d->vdev;

    d->vdev = NULL;
    chain_disk_dispose(d);
    chain_disk_init(d);
    d->vdev = vdev;
    d->path = copy(path);
    d->format = format;
    d->treatment = CHAIN_DISK_TREATMENT_EXTERNAL;
}

chain_disk *util_more_disk(chain_snapshot *snapshot, const char *vdev)
{
    chain_disk *grown = realloc(snapshot->disks,
                                ((size_t)snapshot->num_disks + 1) *
                                sizeof(*grown));

    assert_non_null(grown);
    snapshot->disks = grown;
    grown += snapshot->num_disks++;
    chain_disk_init(grown);
    grown->vdev = copy(vdev);
    return grown;
}

uint64_t util_add(struct chain_model *model, uint64_t parent,
                  const char *name)
{
    uint64_t serial = model->tree.next_serial;
    struct chain_error err = { 0 };
    chain_snapshot s;

    util_snapshot(&s, serial, parent, name);
    if (chain_model_add(model, &s, &err)) fail_msg("%s", err.text);
    chain_snapshot_dispose(&s);
    return serial;
}

char *util_tree_text(const chain_tree *tree)
{
    xjson_writer *w;
    char *text;

    assert_int_equal(0, xjson_writer_alloc(true, &w));
    assert_int_equal(0, chain_tree_gen_json(w, tree));
    assert_int_equal(0, xjson_writer_finish(w, &text, NULL));
    xjson_writer_free(w);
    return text;
}

void util_assert_sound(const struct chain_model *model)
{
    struct chain_error err;

    assert_null(model->damaged);
    if (chain_tree_validate(&model->tree, &err)) fail_msg("%s", err.text);
}

uint32_t util_random(uint64_t *state)
{
    /* a linear congruence, its upper half */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

int util_so_many(int number)
{
    return getenv("UNDER_VALGRIND") ? number / 10 : number;
}

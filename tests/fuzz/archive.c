/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What snapshot-import reads, from anybody, read as it does: member by member, in
 * the order that the manifest demands. The checksums in the headers of an archive
 * that is not compressed are put right first. (Those of the members find damage, not
 * forgery: what comes before they are compared is believed no more without them.)
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/_chain_types_json.h"
#include "manage/config_json.h"
#include "manage/import_check.h"
#include "manage/tar.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/samples.h"

#define MOST (256u << 10)
#define TAR_BLOCK 512u
#define TAR_SUM_AT 148

/* ---- reading ---- */

static void put_right(uint8_t *data, size_t size)
{
    unsigned sum;
    size_t at, i;
    char text[16];

    for (at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        uint8_t *head = data + at;

        if (memcmp(head + TAR_MAGIC_AT, "ustar", 5)) continue;
        memset(head + TAR_SUM_AT, ' ', 8);
        for (sum = 0, i = 0; i < TAR_BLOCK; i++) sum += head[i];
        snprintf(text, sizeof(text), "%06o", sum);
        memcpy(head + TAR_SUM_AT, text, 7);
    }
}

/* What is left of a member, into a file. */
static int receive(struct tar_reader *r, const char *name, int *fd_r)
{
    char chunk[4096];
    uint64_t size;
    size_t got = 0;
    int rc;

    rc = tar_reader_member(r, name, &size);
    if (rc) return rc;
    *fd_r = fuzz_file("", 0);
    do {
        rc = tar_reader_data(r, chunk, sizeof(chunk), &got);
        if (!rc && got && write(*fd_r, chunk, got) != (ssize_t)got) abort();
    } while (!rc && got);
    return rc;
}

static int read_config(struct tar_reader *r, const struct manifest *m,
                       struct manage_error *err)
{
    const struct config_disk where = { m->snapshot.num_disks ?
        m->snapshot.disks[0].vdev : "xvda", "/srv/new.qcow2",
        LIBXL_DISK_FORMAT_QCOW2 };
    const struct config_change change = { "new", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                                          &where, 1 };
    char *text = NULL, *changed = NULL, *name = NULL;
    size_t len;
    int rc;

    rc = tar_reader_text(r, TAR_CONFIG, &text, &len);
    if (rc) return rc;
    if (!config_json_change(text, "the archive", &change, &changed, err) &&
        (config_json_name(changed, "it", &name, err) || strcmp(name, "new")))
        abort();
    free(name);
    free(changed);
    free(text);
    return 0;
}

static int read_disk(struct tar_reader *r, const char *vdev,
                     struct manage_error *err)
{
    char name[64];
    int fd = -1, rc;

    snprintf(name, sizeof(name), TAR_DISKS "%s.qcow2", vdev);
    rc = receive(r, name, &fd);
    if (!rc) rc = import_check_image(fd, vdev, err);
    if (fd >= 0) close(fd);
    return rc;
}

static int read_members(struct tar_reader *r, struct manifest *m,
                        struct manage_error *err)
{
    char *text = NULL;
    size_t len;
    int fd = -1, i, rc;

    rc = tar_reader_text(r, TAR_MANIFEST, &text, &len);
    if (!rc) rc = manifest_parse(m, text, len, err);
    free(text);
    if (!rc) rc = read_config(r, m, err);
    if (!rc && m->snapshot.memory) rc = receive(r, TAR_MEMORY, &fd);
    if (fd >= 0) close(fd);
    for (i = 0; i < m->snapshot.num_disks && !rc; i++)
        if (manifest_has_disk(&m->snapshot.disks[i]))
            rc = read_disk(r, m->snapshot.disks[i].vdev, err);
    return rc ? rc : tar_reader_finish(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manage_error err = { 0 };
    struct tar_reader *r = NULL;
    struct manifest m;
    uint8_t *copy;
    int fd, rc;

    if (size > MOST) return 0;
    copy = malloc(size + 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    put_right(copy, size);
    fd = fuzz_file(copy, size);
    free(copy);
    manifest_init(&m);
    rc = tar_reader_open(fd, &r, &err);
    if (!rc) rc = read_members(r, &m, &err);
    if (rc && !*err.text) abort();
    manifest_dispose(&m);
    tar_reader_free(r);
    close(fd);
    return 0;
}

/* ---- to begin with ---- */

static char *sample_manifest(const chain_snapshot *s)
{
    xjson_writer *w;

    if (xjson_writer_alloc(true, &w)) abort();
    xjson_write_object(w);
    xjson_write_member_uint(w, "version", TAR_VERSION);
    xjson_write_member_string(w, "type", "xl-snapshot-export");
    xjson_write_member_string(w, "domain", SAMPLE_DOMAIN);
    xjson_write_name(w, "snapshot");
    chain_snapshot_gen_json(w, s);
    xjson_write_object_end(w);
    return sample_text(w, NULL);
}

static const char config[] =
    "{\"c_info\": {\"name\": \"" SAMPLE_DOMAIN "\", \"uuid\":"
    " \"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"}, \"b_info\": {\"type\": \"pv\"},"
    " \"disks\": [{\"pdev_path\": \"/srv/guest.qcow2\", \"vdev\": \"xvda\","
    " \"format\": \"qcow2\"}, {\"vdev\": \"xvdb\", \"format\": \"empty\"}]}";

static void write_member(struct tar_writer *w, const char *name, const void *data,
                         size_t size)
{
    if (tar_writer_member(w, name, size) || tar_writer_data(w, data, size)) abort();
}

/* A qcow2 image's header: version 3. */
static const uint8_t qcow2[112] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    static const char *const compress[] = { "none", "none", "gzip", "zstd", "xz" };
    struct manage_error err;
    struct tar_writer *w;
    chain_snapshot s;
    char *manifest, name[64];
    int fd = fuzz_file("", 0), i;

    sample_snapshot(&s, 1, 0, seed);
    manifest = sample_manifest(&s);
    if (tar_writer_open(fd, NULL, compress[rand_r(seed) % 5], &w, &err)) abort();
    if (tar_writer_text(w, TAR_MANIFEST, manifest) ||
        tar_writer_text(w, TAR_CONFIG, config))
        abort();
    if (s.memory) write_member(w, TAR_MEMORY, manifest, 100);
    for (i = 0; i < s.num_disks; i++) {
        if (!manifest_has_disk(&s.disks[i])) continue;
        snprintf(name, sizeof(name), TAR_DISKS "%s.qcow2", s.disks[i].vdev);
        write_member(w, name, qcow2, sizeof(qcow2));
    }
    if (tar_writer_finish(w)) abort();
    tar_writer_free(w);
    free(manifest);
    chain_snapshot_dispose(&s);
    *size_r = (size_t)lseek(fd, 0, SEEK_END);
    *data_r = malloc(*size_r);
    if (!*data_r || pread(fd, *data_r, *size_r, 0) != (ssize_t)*size_r) abort();
    close(fd);
}

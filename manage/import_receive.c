/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "manage/digest.h"
#include "manage/import_parts.h"
#include "manage/memory.h"
#include "manage/save_image.h"

#define MIB (1u << 20)

static int check_room(struct import *in, const char *dir, uint64_t size)
{
    struct statvfs fs;
    uint64_t there;

    if (statvfs(dir, &fs))
        return manage_fail(in->op.err, MANAGE_FAILED, "%s: %s", dir,
                           strerror(errno));
    there = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (size <= there) return 0;
    return manage_fail(in->op.err, MANAGE_NO_SPACE, "the archive has %" PRIu64
                       " MiB for %s, which has %" PRIu64 " MiB free",
                       size / MIB, dir, there / MIB);
}

/* What is left of the member. */
static int receive(struct import *in, int fd, uint64_t *bytes_r)
{
    uint64_t bytes = 0;
    size_t got;
    int rc;

    for (;;) {
        rc = tar_reader_data(in->tar, in->chunk, IMPORT_CHUNK, &got);
        if (rc) return rc;
        if (!got) break;
        rc = save_image_write(fd, in->chunk, got, in->op.err);
        if (rc) return rc;
        bytes += got;
    }
    if (bytes_r) *bytes_r = bytes;
    return 0;
}

static int check_memory(struct import *in)
{
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open(&in->op, in->manifest.snapshot.serial, &memory);
    if (!rc) rc = memory_files_verify(&in->op, &memory);
    memory_files_dispose(&memory);
    return rc;
}

static int receive_memory(struct import *in)
{
    struct operation *op = &in->op;
    chain_snapshot *s = &in->manifest.snapshot;
    uint64_t size;
    int fd = -1, rc;

    manage_reached(op->m, "import:memory");
    rc = tar_reader_member(in->tar, TAR_MEMORY, &size);
    if (!rc) rc = check_room(in, chain_store_dir(op->store), size);
    if (!rc) rc = memory_create(op, s->serial, &fd);
    if (rc) return rc;
    rc = receive(in, fd, &s->memory_bytes);
    if (!rc)
        rc = digest_check(fd, "the archive's " TAR_MEMORY, s->memory_sha256,
                          op->err);
    close(fd);
    return rc ? rc : check_memory(in);
}

static int receive_disk(struct import *in, int i)
{
    const char *vdev = in->where[i].vdev;
    char name[64];
    uint64_t size;
    int rc;

    manage_reached(in->op.m, "import:disk");
    snprintf(name, sizeof(name), TAR_DISKS "%s.qcow2", vdev);
    rc = tar_reader_member(in->tar, name, &size);
    if (!rc) rc = check_room(in, in->args->dir, size);
    if (!rc)
        rc = new_file_open(&in->files[i], in->where[i].path, in->op.err);
    if (!rc) rc = receive(in, in->files[i].fd, NULL);
    if (!rc) rc = import_check_image(in->files[i].fd, vdev, in->op.err);
    return rc;
}

int import_receive(struct import *in)
{
    struct operation *op = &in->op;
    const chain_snapshot *s = &in->manifest.snapshot;
    struct chain_error why;
    int i, rc;

    rc = chain_store_payload_create(op->store, s->serial, &why);
    if (!rc)
        rc = chain_store_payload_write(op->store, s->serial,
                                       CHAIN_PAYLOAD_CONFIG, in->config,
                                       strlen(in->config), &why);
    if (rc) return manage_fail_chain(op->err, &why);
    if (s->memory) rc = receive_memory(in);
    for (i = 0; i < in->num && !rc; i++) rc = receive_disk(in, i);
    if (!rc) rc = tar_reader_finish(in->tar);
    return rc;
}

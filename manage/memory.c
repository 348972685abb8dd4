/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manage/memory.h"

void memory_files_init(struct memory_files *m)
{
    memset(m, 0, sizeof(*m));
}

void memory_files_dispose(struct memory_files *m)
{
    int i;

    for (i = 0; i < m->num; i++) {
        close(m->files[i].fd);
        free(m->paths[i]);
    }
    free(m->files);
    free(m->paths);
    memory_files_init(m);
}

static int add(struct operation *op, struct memory_files *m, uint64_t serial)
{
    struct chain_error why;
    char *path;
    int fd, rc;

    rc = chain_store_payload_path(op->store, serial, CHAIN_PAYLOAD_MEMORY, &path,
                                  &why);
    if (rc) return manage_fail_chain(op->err, &why);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rc = manage_fail(op->err, MANAGE_DAMAGED, "the memory image %s cannot"
                         " be read: %s", path, strerror(errno));
        free(path);
        return rc;
    }
    m->files[m->num] = (libxl_memory_file){ fd, path };
    m->paths[m->num++] = path;
    return 0;
}

int memory_files_open(struct operation *op, const chain_snapshot *snapshot,
                      struct memory_files *m)
{
    m->files = calloc(1, sizeof(*m->files));
    m->paths = calloc(1, sizeof(*m->paths));
    if (!m->files || !m->paths) return manage_fail_nomem(op->err);
    return add(op, m, snapshot->serial);
}

int memory_fail(struct manage_error *err, int rc, const libxl_snapshot_diag *diag)
{
    if (rc == ERROR_BADFAIL || rc == ERROR_INVAL)
        return manage_fail(err, MANAGE_DAMAGED, "%s",
                           diag->message ? diag->message : "it is damaged");
    return manage_fail_library(err, rc, diag);
}

int memory_files_verify(struct operation *op, const struct memory_files *m)
{
    libxl_snapshot_diag diag;
    uint64_t bytes;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_memory_image_verify(op->m->sctx, m->files, m->num, &bytes, &diag);
    if (rc) memory_fail(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

int memory_create(struct operation *op, uint64_t serial, int *fd_r)
{
    struct chain_error why;
    char *path;
    int fd, rc;

    rc = chain_store_payload_path(op->store, serial, CHAIN_PAYLOAD_MEMORY, &path,
                                  &why);
    if (rc) return manage_fail_chain(op->err, &why);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        rc = manage_fail(op->err, MANAGE_FAILED, "cannot create %s: %s", path,
                         strerror(errno));
    else
        *fd_r = fd;
    free(path);
    return rc;
}

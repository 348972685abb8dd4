/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/memories.h"
#include "manage/digest.h"
#include "manage/memory.h"
#include "manage/note.h"

/* ---- files ---- */

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

static void drop_last(struct memory_files *m)
{
    m->num--;
    close(m->files[m->num].fd);
    free(m->paths[m->num]);
}

int memory_fail(struct manage_error *err, int rc, const libxl_snapshot_diag *diag)
{
    if (rc == ERROR_BADFAIL || rc == ERROR_INVAL)
        return manage_fail(err, MANAGE_DAMAGED, "%s",
                           diag->message ? diag->message : "it is damaged");
    return manage_fail_library(err, rc, diag);
}

static int look(struct operation *op, const libxl_memory_file *file,
                libxl_memory_image_info *info)
{
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_memory_image_info_get(op->m->sctx, file, info, &diag);
    if (rc) memory_fail(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

/*
 * The one that the last of them builds on, along what the chain says. One that is
 * in it already, since they were made one and the chain could not be told
 * any more, is left out. *whole_r: it builds on none.
 */
static int add_base(struct operation *op, struct memory_files *m,
                    uint64_t *serial, bool *whole_r)
{
    libxl_memory_image_info info, other;
    bool found = false;
    int rc;

    libxl_memory_image_info_init(&info);
    rc = look(op, &m->files[m->num - 1], &info);
    *whole_r = !rc && !info.depth;
    while (!rc && info.depth && !found) {
        *serial = chain_memory_base(&op->chain, *serial);
        if (!*serial) {
            rc = manage_fail(op->err, MANAGE_DAMAGED, "%s builds on a memory"
                             " image that is not there",
                             m->files[m->num - 1].name);
            break;
        }
        libxl_memory_image_info_init(&other);
        rc = add(op, m, *serial);
        if (rc) break;
        rc = look(op, &m->files[m->num - 1], &other);
        found = !rc && !strcmp(other.uuid, info.base);
        if (!rc && !found) drop_last(m);
        libxl_memory_image_info_dispose(&other);
    }
    libxl_memory_image_info_dispose(&info);
    return rc;
}

int memory_files_open(struct operation *op, uint64_t serial,
                      struct memory_files *m)
{
    bool whole = false;
    int rc;

    m->files = calloc(CHAIN_MAX_MEMORY_DEPTH + 2, sizeof(*m->files));
    m->paths = calloc(CHAIN_MAX_MEMORY_DEPTH + 2, sizeof(*m->paths));
    if (!m->files || !m->paths) return manage_fail_nomem(op->err);
    rc = add(op, m, serial);
    while (!rc && !whole) rc = add_base(op, m, &serial, &whole);
    return rc;
}

int memory_files_open_alone(struct operation *op, uint64_t serial,
                            struct memory_files *m)
{
    m->files = calloc(1, sizeof(*m->files));
    m->paths = calloc(1, sizeof(*m->paths));
    if (!m->files || !m->paths) return manage_fail_nomem(op->err);
    return add(op, m, serial);
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

/* ---- which base ---- */

/* A restore reads all of them: they may not become many, nor large beside the
 * whole one. With a sixth a restore takes no more than 1.3 times as long as that
 * of one that is whole, even where no disk is waited for (docs/design/speed.md). */
#define MAX_DEPTH 24

uint64_t memory_choose_base(const struct operation *op)
{
    const chain_snapshot *s = chain_model_current(&op->chain);
    uint64_t differences, whole;

    if (!s || !s->memory) return 0;
    if (chain_memory_depth(&op->chain, s->serial, &differences, &whole) >=
        MAX_DEPTH)
        return 0;
    return differences > whole / 6 ? 0 : s->serial;
}

/* ---- hidden ones ---- */

/* The heir's file, and what it was: next to each other until the name is moved. */
struct replacement {
    char *path, *temporary;
    int fd;
};

static void replacement_dispose(struct replacement *r)
{
    if (r->fd >= 0) close(r->fd);
    free(r->path);
    free(r->temporary);
}

static int replacement_open(struct operation *op, uint64_t serial,
                            struct replacement *r)
{
    struct chain_error why;
    int rc;

    *r = (struct replacement){ .fd = -1 };
    rc = chain_store_payload_path(op->store, serial, CHAIN_PAYLOAD_MEMORY,
                                  &r->path, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    if (asprintf(&r->temporary, "%s.new", r->path) < 0) {
        r->temporary = NULL;
        return manage_fail_nomem(op->err);
    }
    r->fd = open(r->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (r->fd >= 0) return 0;
    return manage_fail(op->err, MANAGE_FAILED, "cannot create %s: %s",
                       r->temporary, strerror(errno));
}

/* It holds the same as what had the name before, only more of it by itself. */
static int replacement_publish(struct operation *op, uint64_t serial,
                               struct replacement *r)
{
    struct chain_error why;
    int rc;

    if (fsync(r->fd) || rename(r->temporary, r->path))
        return manage_fail(op->err, MANAGE_FAILED, "cannot replace %s: %s",
                           r->path, strerror(errno));
    rc = chain_store_payload_seal(op->store, serial, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

/* NULL: of no image. */
static bool same_uuid(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Of the heir and the hidden one; the heir alone, if they were made one before. */
static int parts(struct operation *op, const struct chain_memory_step *step,
                 struct memory_files *m)
{
    libxl_memory_image_info heir, hidden;
    int rc;

    libxl_memory_image_info_init(&heir);
    libxl_memory_image_info_init(&hidden);
    m->files = calloc(2, sizeof(*m->files));
    m->paths = calloc(2, sizeof(*m->paths));
    if (!m->files || !m->paths) return manage_fail_nomem(op->err);
    rc = add(op, m, step->heir);
    if (!rc) rc = add(op, m, step->hidden);
    if (!rc) rc = look(op, &m->files[0], &heir);
    if (!rc) rc = look(op, &m->files[1], &hidden);
    if (!rc && !same_uuid(heir.base, hidden.uuid)) {
        if (same_uuid(heir.base, hidden.base))
            drop_last(m);
        else
            rc = manage_fail(op->err, MANAGE_DAMAGED, "%s does not build on %s,"
                             " as the chain says", m->files[0].name,
                             m->files[1].name);
    }
    libxl_memory_image_info_dispose(&heir);
    libxl_memory_image_info_dispose(&hidden);
    return rc;
}

/*
 * Of the heir's new file, when there was one of the old. The chain forgets that first:
 * it may lack one for a while, but never has one that is of another file.
 */
static int renew_digest(struct operation *op, uint64_t serial,
                        const struct replacement *r, char hex[DIGEST_HEX])
{
    const chain_snapshot *s = chain_model_by_serial(&op->chain, serial);
    struct chain_error why;
    int rc;

    if (!s || !s->memory_sha256) return 0;
    rc = digest_file(r->fd, r->temporary, hex, op->err);
    if (rc) return rc;
    rc = chain_model_set_memory_sha256(&op->chain, serial, NULL, &why);
    return rc ? manage_fail_chain(op->err, &why) : operation_save(op);
}

static int merge(struct operation *op, const struct chain_memory_step *step,
                 uint64_t *bytes_r, char hex[DIGEST_HEX])
{
    struct replacement r = { .fd = -1 };
    libxl_domain_snapshot_args args;
    libxl_snapshot_diag diag;
    struct chain_error why;
    struct memory_files m;
    bool made = false;
    int rc;

    memory_files_init(&m);
    libxl_snapshot_diag_init(&diag);
    libxl_domain_snapshot_args_init(&args);
    rc = parts(op, step, &m);
    if (rc) goto out;
    if (m.num == 1) {
        *bytes_r = (uint64_t)lseek(m.files[0].fd, 0, SEEK_END);
        /* Who did it may have been killed between the rename and this; and the
         * hidden one is about to be removed. */
        rc = chain_store_payload_seal(op->store, step->heir, &why);
        if (rc) manage_fail_chain(op->err, &why);
        goto out;
    }
    rc = replacement_open(op, step->heir, &r);
    if (rc) goto out;
    made = true;
    rc = libxl_memory_image_merge(op->m->sctx, m.files, m.num, args.memory_level,
                                  r.fd, bytes_r, &diag);
    if (rc) {
        memory_fail(op->err, rc, &diag);
        goto out;
    }
    manage_reached(op->m, "memory:merged");
    rc = renew_digest(op, step->heir, &r, hex);
    if (!rc) rc = replacement_publish(op, step->heir, &r);
out:
    if (rc && made) unlink(r.temporary);
    replacement_dispose(&r);
    memory_files_dispose(&m);
    libxl_snapshot_diag_dispose(&diag);
    libxl_domain_snapshot_args_dispose(&args);
    return rc;
}

static int settle_one(struct operation *op, const struct chain_memory_step *step)
{
    char sha256[DIGEST_HEX] = "";
    struct chain_error why;
    uint64_t bytes = 0;
    int rc;

    if (step->heir) {
        rc = merge(op, step, &bytes, sha256);
        if (rc) return rc;
        manage_reached(op->m, "memory:replaced");
    }
    chain_memory_merged(&op->chain, step, bytes);
    if (*sha256) {
        rc = chain_model_set_memory_sha256(&op->chain, step->heir, sha256, &why);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    rc = operation_save(op);
    if (rc) return rc;
    manage_reached(op->m, "memory:published");
    rc = chain_store_payload_remove(op->store, step->hidden, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

int memory_settle(struct operation *op, char **note)
{
    struct manage_error *err = op->err, mine = { MANAGE_OK, "" };
    struct chain_memory_step step;
    uint64_t after = 0;
    int rc;

    for (;;) {
        step = chain_memories_next(&op->chain, after);
        if (!step.hidden) return 0;
        /* One that cannot be merged stays, and does no harm. */
        mine.outcome = MANAGE_OK;
        op->err = step.heir ? &mine : err;
        rc = settle_one(op, &step);
        op->err = err;
        if (rc && !chain_memory_is_hidden(&op->chain, step.hidden)) {
            if (err && step.heir) *err = mine;
            return rc;
        }
        if (rc)
            note_add(note, "the memory of a deleted snapshot stays for now, as"
                     " others need it: %s", mine.text);
        after = step.heir ? step.hidden : after;
    }
}

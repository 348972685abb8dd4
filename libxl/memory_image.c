/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory images as callers know them: files in, files out. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/internal.h"
#include "libxl/memory.h"
#include "memory/diff.h"
#include "memory/feed.h"
#include "memory/intake.h"
#include "memory/merge.h"

#define COPY_BYTES (1u << 20)

static int told(int rc, const struct diag *d, libxl_snapshot_diag *diag)
{
    return rc ? xls_diag(diag, rc, NULL, "%s", d->text) : 0;
}

static int no_memory(libxl_snapshot_diag *diag)
{
    return xls_diag(diag, ERROR_NOMEM, NULL, "out of memory");
}

/* ---- images that there are ---- */

/* An image that has been opened, with the threads that read it. */
struct opened {
    struct work_pool *pool;
    struct memory_chain *chain;
};

static void opened_close(struct opened *o)
{
    memory_chain_close(o->chain);
    work_pool_stop(o->pool);
    *o = (struct opened){ NULL, NULL };
}

/* The list as memory/ has it, malloc'd; NULL: out of memory. */
static struct memory_file *as_list(const libxl_memory_file *files,
                                   int num_files)
{
    struct memory_file *list = calloc(num_files, sizeof(*list));
    int i;

    for (i = 0; list && i < num_files; i++)
        list[i] = (struct memory_file){ files[i].fd, files[i].name };
    return list;
}

static int opened_open(struct opened *o, const libxl_memory_file *files,
                       int num_files, bool part, libxl_snapshot_diag *diag)
{
    struct memory_file *list = as_list(files, num_files);
    struct diag d = { "" };
    int rc;

    if (!list) return no_memory(diag);
    rc = work_pool_start(&o->pool);
    if (rc) {
        xls_diag(diag, rc, NULL, "cannot start to read the memory image");
        goto out;
    }
    rc = memory_chain_open(list, (unsigned)num_files, part, o->pool, &o->chain,
                           &d);
    told(rc, &d, diag);
 out:
    if (rc) opened_close(o);
    free(list);
    return rc;
}

int libxl_memory_image_verify(libxl_snapshot_ctx *sctx,
                              const libxl_memory_file *files, int num_files,
                              uint64_t *bytes_r, libxl_snapshot_diag *diag)
{
    struct opened o = { NULL, NULL };
    struct diag d = { "" };
    int rc;

    rc = opened_open(&o, files, num_files, true, diag);
    if (rc) return rc;
    rc = memory_chain_verify(o.chain, bytes_r, &d);
    opened_close(&o);
    return told(rc, &d, diag);
}

int libxl_memory_image_read(libxl_snapshot_ctx *sctx,
                            const libxl_memory_file *files, int num_files,
                            int fd, libxl_snapshot_diag *diag)
{
    struct opened o = { NULL, NULL };
    struct diag d = { "" };
    uint64_t bytes;
    int rc;

    rc = opened_open(&o, files, num_files, false, diag);
    if (rc) return rc;
    rc = memory_feed(o.chain, fd, &bytes, &d);
    opened_close(&o);
    return told(rc, &d, diag);
}

int libxl_memory_image_merge(libxl_snapshot_ctx *sctx,
                             const libxl_memory_file *files, int num_files,
                             int level, int fd, uint64_t *bytes_r,
                             libxl_snapshot_diag *diag)
{
    struct opened o = { NULL, NULL };
    struct diag d = { "" };
    int rc;

    rc = opened_open(&o, files, num_files, true, diag);
    if (rc) return rc;
    rc = memory_merge(o.chain, fd, level, o.pool, bytes_r, &d);
    opened_close(&o);
    return told(rc, &d, diag);
}

/* ---- two of them ---- */

static void difference_give(const struct memory_difference *from,
                            libxl_memory_comparison *to)
{
    to->pages_a = from->pages_a;
    to->pages_b = from->pages_b;
    to->changed = from->changed;
    to->only_a = from->only_a;
    to->only_b = from->only_b;
    to->zero_a = from->zero_a;
    to->zero_b = from->zero_b;
}

int libxl_memory_image_compare(libxl_snapshot_ctx *sctx,
                               const libxl_memory_file *files_a, int num_a,
                               const libxl_memory_file *files_b, int num_b,
                               const libxl_snapshot_callbacks *callbacks,
                               libxl_memory_comparison *result_r,
                               libxl_snapshot_diag *diag)
{
    struct memory_file *a = as_list(files_a, num_a);
    struct memory_file *b = as_list(files_b, num_b);
    struct memory_difference difference;
    struct work_pool *pool = NULL;
    struct diag d = { "" };
    int rc;

    if (!a || !b) {
        rc = no_memory(diag);
        goto out;
    }
    rc = work_pool_start(&pool);
    if (rc) {
        xls_diag(diag, rc, NULL, "cannot start to read the memory images");
        goto out;
    }
    rc = memory_diff(a, (unsigned)num_a, b, (unsigned)num_b, pool,
                     callbacks ? callbacks->cancelled : NULL,
                     callbacks ? callbacks->user : NULL, &difference, &d);
    if (rc)
        told(rc, &d, diag);
    else
        difference_give(&difference, result_r);
    work_pool_stop(pool);
 out:
    free(a);
    free(b);
    return rc;
}

/* ---- what one says of itself ---- */

static char *uuid_text(const uint8_t uuid[16])
{
    char *text = malloc(37), *p = text;
    int i;

    for (i = 0; text && i < 16; i++)
        p += sprintf(p, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                     uuid[i]);
    return text;
}

static void count_pages(const struct memory_index *index,
                        libxl_memory_image_info *info)
{
    size_t i;

    for (i = 0; i < index->num_runs; i++) {
        const struct memory_run *run = &index->runs[i];

        switch (memory_state_kind(run->state)) {
        case MEMORY_ABSENT:
        case MEMORY_BARE: continue;
        case MEMORY_DATA: info->stored += run->pages; break;
        case MEMORY_ZERO: info->zero += run->pages; break;
        case MEMORY_PARENT: info->same += run->pages; break;
        }
        info->pages += run->pages;
    }
}

int libxl_memory_image_info_get(libxl_snapshot_ctx *sctx,
                                const libxl_memory_file *file,
                                libxl_memory_image_info *info_r,
                                libxl_snapshot_diag *diag)
{
    const struct memory_header *header;
    struct memory_reader *reader = NULL;
    libxl_memory_image_info info;
    struct diag d = { "" };
    struct stat st;
    int rc;

    libxl_memory_image_info_init(&info);
    rc = memory_reader_open(file->fd, file->name, NULL, &reader, &d);
    if (rc) {
        told(rc, &d, diag);
        goto out;
    }
    header = memory_reader_header(reader);
    info.depth = header->depth;
    info.bytes = fstat(file->fd, &st) ? 0 : (uint64_t)st.st_size;
    count_pages(memory_reader_index(reader), &info);
    info.uuid = uuid_text(header->uuid);
    if (header->depth) info.base = uuid_text(header->parent);
    if (!info.uuid || (header->depth && !info.base)) {
        rc = no_memory(diag);
        goto out;
    }
    *info_r = info;
    libxl_memory_image_info_init(&info);
 out:
    memory_reader_close(reader);
    libxl_memory_image_info_dispose(&info);
    return rc;
}

/* ---- a new one ---- */

static int make(struct intake *intake, const struct intake_image_args *image,
                libxl_domain_snapshot_result *result,
                libxl_snapshot_diag *diag)
{
    struct intake_result done = { 0 };
    struct diag d = { "" };
    int rc;

    rc = intake_image(intake, image, &done, &d);
    if (rc) return told(rc, &d, diag);
    result->memory_bytes = done.bytes;
    result->memory_has_base = done.has_parent;
    result->ram_bytes = done.pages * MEMORY_PAGE_BYTES;
    result->ram_zero = done.zero * MEMORY_PAGE_BYTES;
    result->ram_same = done.same * MEMORY_PAGE_BYTES;
    result->memory_as_it_is = !done.whole;
    return 0;
}

/* A base that cannot be read, or is damaged, is no reason to lose what we have:
 * then all pages are stored. */
static int make_on_base(struct intake *intake,
                        const libxl_memory_target *target,
                        struct intake_image_args *image,
                        libxl_domain_snapshot_result *result)
{
    struct opened base = { NULL, NULL };
    int rc;

    rc = opened_open(&base, target->base, target->num_base, false, NULL);
    if (rc) return rc;
    image->parent = base.chain;
    image->pool = base.pool;
    rc = make(intake, image, result, NULL);
    opened_close(&base);
    image->parent = NULL;
    image->pool = NULL;
    return rc;
}

int memory_image_make(struct intake *intake, const libxl_memory_target *target,
                      const libxl_domain_snapshot_args *args,
                      libxl_domain_snapshot_result *result,
                      libxl_snapshot_diag *diag)
{
    struct intake_image_args image = { .level = args->memory_level };
    struct diag d = { "" };
    int rc;

    rc = intake_end(intake, &d);
    if (rc) return told(rc, &d, diag);
    if (getrandom(image.uuid, sizeof(image.uuid), 0) != sizeof(image.uuid))
        return xls_diag(diag, ERROR_FAIL, NULL, "there are no random numbers:"
                        " %s", strerror(errno));
    if (target->num_base && !make_on_base(intake, target, &image, result))
        return 0;
    rc = work_pool_start(&image.pool);
    if (rc)
        return xls_diag(diag, rc, NULL, "cannot start to write the memory"
                        " image");
    rc = make(intake, &image, result, diag);
    work_pool_stop(image.pool);
    return rc;
}

/* All that fd has, into the pipe. */
static int pour(int fd, int pipe_fd, libxl_snapshot_diag *diag)
{
    char *data = malloc(COPY_BYTES), *p;
    ssize_t r, w;
    int rc = 0;

    if (!data) return no_memory(diag);
    while (!rc) {
        r = read(fd, data, COPY_BYTES);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0)
            rc = xls_diag(diag, ERROR_FAIL, NULL, "cannot read the saved"
                          " memory: %s", strerror(errno));
        if (r <= 0) break;
        for (p = data; r > 0; r -= w, p += w) {
            do w = write(pipe_fd, p, (size_t)r);
            while (w < 0 && errno == EINTR);
            if (w < 0) {
                rc = xls_diag(diag, ERROR_FAIL, NULL, "cannot hand on the"
                              " saved memory: %s", strerror(errno));
                break;
            }
        }
    }
    free(data);
    return rc;
}

int libxl_memory_image_write(libxl_snapshot_ctx *sctx, int fd,
                             uint64_t memory_bytes,
                             const libxl_domain_snapshot_args *args,
                             const libxl_memory_target *target,
                             libxl_domain_snapshot_result *result_r,
                             libxl_snapshot_diag *diag)
{
    struct intake_args how = {
        .fd = target->fd, .memory_bytes = memory_bytes,
    };
    libxl_domain_snapshot_result result;
    struct intake *intake = NULL;
    int pipe_fd, rc;

    libxl_domain_snapshot_result_init(&result);
    memory_choose_limit(memory_bytes, args->memory_buffer, &how);
    how.ready = 0;
    rc = intake_start(&how, &intake, &pipe_fd);
    if (rc) {
        xls_diag(diag, rc, NULL, "cannot start to take the memory");
        goto out;
    }
    rc = pour(fd, pipe_fd, diag);
    if (!rc) rc = memory_image_make(intake, target, args, &result, diag);
    if (rc) goto out;
    *result_r = result;
    libxl_domain_snapshot_result_init(&result);
 out:
    intake_free(intake);
    libxl_domain_snapshot_result_dispose(&result);
    return rc;
}

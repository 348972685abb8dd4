/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/output.h"
#include "xl/output_block.h"
#include "xl/output_json_write.h"
#include "xl/progress.h"
#include "xl/text.h"

static void print_escaped(const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s", safe ? safe : "?");
    free(safe);
}

/* ---- the images ---- */

static int chain_json(const char *domain, const char *vdev,
                      const struct manage_block_chain *chain,
                      struct manage_error *err)
{
    xjson_writer *w = write_begin();
    int i;

    if (!w) return output_out_of_memory(err);
    write_text(w, "domain", domain);
    write_text(w, "vdev", vdev);
    xjson_write_name(w, "images");
    xjson_write_array(w);
    for (i = 0; i < chain->num; i++) {
        const struct manage_block_image *image = &chain->images[i];

        xjson_write_object(w);
        write_text(w, "path", image->path);
        xjson_write_member_string(w, "format",
                                  libxl_disk_format_to_string(image->format));
        xjson_write_member_bool(w, "active", i == 0);
        xjson_write_member_bool(w, "ours", image->ours);
        write_text(w, "snapshot", image->snapshot);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    return write_end(w, err);
}

int output_block_chain(const struct xl_app *app, const char *domain,
                       const char *vdev, const struct manage_block_chain *chain,
                       struct manage_error *err)
{
    int i;

    if (app->json) return chain_json(domain, vdev, chain, err);
    for (i = 0; i < chain->num; i++) {
        const struct manage_block_image *image = &chain->images[i];

        print_escaped(image->path);
        printf(" (%s%s", libxl_disk_format_to_string(image->format),
               i ? "" : ", active");
        if (image->snapshot) {
            printf(", the snapshot '");
            print_escaped(image->snapshot);
            printf("' needs it");
        }
        printf(")\n");
    }
    return 0;
}

/* ---- jobs ---- */

static void job_json(const struct output_job *job)
{
    const libxl_disk_job_info *info = job->info;
    xjson_writer *w = NULL;
    char *text = NULL;

    if (xjson_writer_alloc(false, &w)) return;
    xjson_write_object(w);
    write_text(w, "domain", job->domain);
    write_text(w, "vdev", job->vdev);
    xjson_write_member_string(w, "kind",
                              libxl_disk_job_kind_to_string(info->kind));
    xjson_write_member_string(w, "status",
                              libxl_disk_job_status_to_string(info->status));
    xjson_write_member_uint(w, "current", info->current);
    xjson_write_member_uint(w, "end", info->end);
    write_text(w, "error", info->error);
    xjson_write_object_end(w);
    if (!xjson_writer_finish(w, &text, NULL)) {
        output_json(text);
        fflush(stdout);     /* it may be a pipe, whose reader waits */
    }
    free(text);
    xjson_writer_free(w);
}

static void print_job(const struct output_job *job, const char *verb)
{
    printf("%s of disk ", verb);
    print_escaped(job->vdev);
    printf(" of domain '");
    print_escaped(job->domain);
    printf("'");
}

void output_block_job(const struct xl_app *app, const struct output_job *job)
{
    const libxl_disk_job_info *info = job->info;
    char current[TEXT_SIZE_LEN], end[TEXT_SIZE_LEN];

    if (app->progress) progress_clear(app->progress);
    if (app->json) {
        job_json(job);
        return;
    }
    if (info->status == LIBXL_DISK_JOB_STATUS_NONE) {
        print_job(job, "No block job");
        printf(".\n");
        return;
    }
    print_job(job, "Pull");
    switch (info->status) {
    case LIBXL_DISK_JOB_STATUS_COMPLETED:
        printf(" completed.\n");
        break;
    case LIBXL_DISK_JOB_STATUS_FAILED:
        printf(" failed: ");
        print_escaped(info->error ? info->error : "?");
        printf("; the disk is as it was, but for what has been copied.\n");
        break;
    default:
        printf(": %s of %s (%" PRIu64 " %%).\n", text_size(info->current, current),
               text_size(info->end, end), info->end ?
               (uint64_t)(100.0 * info->current / info->end) : 0);
    }
}

void output_block_job_done(const struct xl_app *app,
                           const struct output_job *job, const char *what)
{
    if (app->progress) progress_clear(app->progress);
    if (app->json) {
        job_json(job);
        return;
    }
    print_job(job, "Pull");
    printf(" %s.\n", what);
}

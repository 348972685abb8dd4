/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/app.h"
#include "xl/output.h"
#include "xl/output_json_write.h"
#include "xl/progress.h"
#include "xl/text.h"

/* Escaped; on lack of memory what is left is still true. */
static void print_text(const char *before, const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s%s", before, safe ? safe : "?");
    free(safe);
}

static void print_json(const struct manage_clone *args,
                       const struct manage_clone_result *result)
{
    xjson_writer *w = write_begin();
    int i;

    if (!w) {
        write_end_anyhow(w);
        return;
    }
    write_text(w, "domain", args->domain);
    write_text(w, "snapshot", args->name);
    write_text(w, "clone", args->clone);
    xjson_write_member_string(w, "uuid", result->uuid);
    xjson_write_member_string(w, "state", output_state(result->state));
    xjson_write_name(w, "domid");
    if (result->state == CHAIN_DOMAIN_STATE_OFF)
        xjson_write_null(w);
    else
        xjson_write_uint(w, result->domid);
    xjson_write_name(w, "disks");
    xjson_write_array(w);
    for (i = 0; i < result->num_disks; i++) {
        xjson_write_object(w);
        write_text(w, "vdev", result->disks[i].vdev);
        write_text(w, "path", result->disks[i].path);
        write_text(w, "backing", result->disks[i].base);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    if (result->note) write_text(w, "note", result->note);
    write_clock(w, &result->clock);
    write_end_anyhow(w);
}

static void print_disk(const struct manage_clone_disk *disk)
{
    print_text("  ", disk->vdev);
    print_text(": ", disk->path);
    if (disk->base)
        print_text(", on ", disk->base);
    putchar('\n');
}

/* One line of the note at a time. */
static void print_note(const char *note)
{
    char *copy = note ? strdup(note) : NULL, *line, *rest = NULL;

    for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        print_text("Note: ", line);
        printf(".\n");
    }
    free(copy);
}

void output_cloned(const struct xl_app *app, const struct manage_clone *args,
                   const struct manage_clone_result *result)
{
    int i;

    if (app->progress) progress_clear(app->progress);
    if (app->json) {
        print_json(args, result);
        return;
    }
    print_text("Domain '", args->clone);
    print_text("' cloned from snapshot '", args->name);
    print_text("' of domain '", args->domain);
    if (result->state == CHAIN_DOMAIN_STATE_OFF)
        printf("'; it is off. Its disks:\n");
    else
        printf("', and %s as domain %" PRIu32 ". Its disks:\n",
               output_state(result->state), result->domid);
    for (i = 0; i < result->num_disks; i++) print_disk(&result->disks[i]);
    print_note(result->note);
    output_clock(&result->clock);
}

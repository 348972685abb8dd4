/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xl/output.h"
#include "xl/output_json_write.h"
#include "xl/text.h"

/* Of a guest, and of a memory image. */
#define PAGE_BYTES 4096u

/* ---- JSON ---- */

static void write_bytes(xjson_writer *w, const char *name, bool known,
                        uint64_t bytes)
{
    xjson_write_name(w, name);
    if (known)
        xjson_write_uint(w, bytes);
    else
        xjson_write_null(w);
}

/* NULL is null, where write_text has "". */
static void write_maybe(xjson_writer *w, const char *name, const char *text)
{
    if (text) {
        write_text(w, name, text);
        return;
    }
    xjson_write_name(w, name);
    xjson_write_null(w);
}

static void write_memory(xjson_writer *w,
                         const struct manage_memory_difference *m)
{
    const libxl_memory_comparison *pages = &m->pages;
    bool known = !m->problem;

    xjson_write_name(w, "memory");
    xjson_write_object(w);
    write_bytes(w, "bytes_a", known, pages->pages_a * PAGE_BYTES);
    write_bytes(w, "bytes_b", known, pages->pages_b * PAGE_BYTES);
    write_bytes(w, "changed_bytes", known, pages->changed * PAGE_BYTES);
    write_bytes(w, "only_a_bytes", known, pages->only_a * PAGE_BYTES);
    write_bytes(w, "only_b_bytes", known, pages->only_b * PAGE_BYTES);
    write_bytes(w, "zero_a_bytes", known, pages->zero_a * PAGE_BYTES);
    write_bytes(w, "zero_b_bytes", known, pages->zero_b * PAGE_BYTES);
    write_maybe(w, "problem", m->problem);
    xjson_write_object_end(w);
}

static void write_disk(xjson_writer *w, const struct manage_disk_difference *d)
{
    bool known = !d->problem;

    xjson_write_object(w);
    write_text(w, "vdev", d->vdev);
    write_maybe(w, "path_a", d->path_a);
    write_maybe(w, "path_b", d->path_b);
    write_bytes(w, "bytes_a", known, d->bytes.bytes_a);
    write_bytes(w, "bytes_b", known, d->bytes.bytes_b);
    write_bytes(w, "changed_bytes", known, d->bytes.changed_bytes);
    write_bytes(w, "read_bytes", known, d->bytes.read_bytes);
    write_maybe(w, "problem", d->problem);
    xjson_write_object_end(w);
}

static void print_json(const struct manage_diff *args,
                       const struct manage_difference *difference)
{
    xjson_writer *w = write_begin();
    int i;

    if (!w) {
        write_end_anyhow(w);
        return;
    }
    write_text(w, "domain", args->domain);
    write_text(w, "a", args->a);
    write_maybe(w, "b", args->b);
    write_memory(w, &difference->memory);
    xjson_write_name(w, "disks");
    xjson_write_array(w);
    for (i = 0; i < difference->num_disks; i++)
        write_disk(w, &difference->disks[i]);
    xjson_write_array_end(w);
    xjson_write_name(w, "config");
    xjson_write_array(w);
    for (i = 0; i < difference->num_config; i++) {
        xjson_write_object(w);
        write_text(w, "key", difference->config[i].key);
        write_maybe(w, "a", difference->config[i].a);
        write_maybe(w, "b", difference->config[i].b);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    write_end_anyhow(w);
}

/* ---- text ---- */

/* Escaped; on lack of memory what is left is still true. */
static void print_text(const char *before, const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s%s", before, safe ? safe : "?");
    free(safe);
}

/* "4.0 KiB of 1.0 GiB changed" */
static void print_changed(uint64_t changed, uint64_t all)
{
    char part[TEXT_SIZE_LEN], whole[TEXT_SIZE_LEN];

    text_size(all, whole);
    if (changed)
        printf("%s of %s changed", text_size(changed, part), whole);
    else
        printf("no change in %s", whole);
}

static void print_more(uint64_t bytes, const char *what)
{
    char size[TEXT_SIZE_LEN];

    if (bytes) printf("; %s %s", text_size(bytes, size), what);
}

static void print_memory(const struct manage_memory_difference *m)
{
    const libxl_memory_comparison *pages = &m->pages;
    uint64_t both = pages->pages_a - pages->only_a;

    printf("Memory: ");
    if (m->problem) {
        print_text("not compared: ", m->problem);
    } else {
        print_changed(pages->changed * PAGE_BYTES, both * PAGE_BYTES);
        print_more(pages->only_a * PAGE_BYTES, "gone");
        print_more(pages->only_b * PAGE_BYTES, "new");
    }
    putchar('\n');
}

static void print_disk(const struct manage_disk_difference *d)
{
    char was[TEXT_SIZE_LEN], is[TEXT_SIZE_LEN];

    print_text("Disk ", d->vdev);
    printf(": ");
    if (d->problem) {
        print_text("not compared: ", d->problem);
    } else {
        print_changed(d->bytes.changed_bytes,
                      d->bytes.bytes_a > d->bytes.bytes_b
                      ? d->bytes.bytes_a : d->bytes.bytes_b);
        if (d->bytes.bytes_a != d->bytes.bytes_b)
            printf("; its size from %s to %s",
                   text_size(d->bytes.bytes_a, was),
                   text_size(d->bytes.bytes_b, is));
    }
    putchar('\n');
}

static void print_config(const struct manage_config_difference *c)
{
    print_text("  ", c->key);
    if (!c->a) {
        print_text(": new: ", c->b);
    } else if (!c->b) {
        print_text(": gone: ", c->a);
    } else {
        print_text(": ", c->a);
        print_text(" -> ", c->b);
    }
    putchar('\n');
}

void output_difference(const struct xl_app *app,
                       const struct manage_diff *args,
                       const struct manage_difference *difference)
{
    int i;

    if (app->json) {
        print_json(args, difference);
        return;
    }
    print_text("From snapshot '", args->a);
    if (args->b) {
        print_text("' to snapshot '", args->b);
        print_text("' of domain '", args->domain);
    } else {
        print_text("' to the present of domain '", args->domain);
    }
    printf("':\n");
    print_memory(&difference->memory);
    for (i = 0; i < difference->num_disks; i++)
        print_disk(&difference->disks[i]);
    printf("Configuration:%s\n", difference->num_config ? "" : " no change");
    for (i = 0; i < difference->num_config; i++)
        print_config(&difference->config[i]);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "xl/output.h"
#include "xl/output_json_write.h"
#include "xl/text.h"

/* Escaped; on lack of memory what is left is still true. */
static void print_text(const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s", safe ? safe : "?");
    free(safe);
}

static void print_one(const char *domain, const struct manage_verified *v)
{
    char size[TEXT_SIZE_LEN];

    print_text(domain);
    putchar(' ');
    print_text(v->name);
    if (v->problem) {
        printf(": DAMAGED: ");
        print_text(v->problem);
    } else if (v->memory) {
        printf(": sound, %s of memory", text_size(v->bytes, size));
    } else {
        printf(": sound, without memory");
    }
    putchar('\n');
}

static void print_json(const struct output_domain *domains, size_t num)
{
    xjson_writer *w = write_begin();
    size_t i;
    int k;

    if (!w) {
        write_end_anyhow(w);
        return;
    }
    xjson_write_name(w, "domains");
    xjson_write_array(w);
    for (i = 0; i < num; i++) {
        xjson_write_object(w);
        write_text(w, "domain", domains[i].name);
        if (domains[i].err.outcome != MANAGE_OK)
            write_error(w, &domains[i].err);
        xjson_write_name(w, "snapshots");
        xjson_write_array(w);
        for (k = 0; k < domains[i].num_verified; k++) {
            const struct manage_verified *v = &domains[i].verified[k];

            xjson_write_object(w);
            write_text(w, "name", v->name);
            xjson_write_member_bool(w, "memory", v->memory);
            xjson_write_member_uint(w, "bytes", v->bytes);
            write_text(w, "problem", v->problem);
            xjson_write_object_end(w);
        }
        xjson_write_array_end(w);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    write_end_anyhow(w);
}

void output_verified(const struct xl_app *app,
                     const struct output_domain *domains, size_t num)
{
    bool something = false;
    size_t i;
    int k;

    if (app->json) {
        print_json(domains, num);
        return;
    }
    for (i = 0; i < num; i++)
        for (k = 0; k < domains[i].num_verified; k++) {
            print_one(domains[i].name, &domains[i].verified[k]);
            something = true;
        }
    if (!something) printf("There was nothing to verify.\n");
}

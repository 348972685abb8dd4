/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What snapshot-redefine reads: text that snapshot-dump is said to have printed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/_chain_types_json.h"
#include "manage/dump_read.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/samples.h"

#define MOST (64u << 10)

/* Each once, and after its parent. */
static void check_order(const struct dumps *dumps)
{
    bool *seen = calloc(dumps->num, sizeof(*seen));
    size_t i;

    if (!seen) abort();
    for (i = 0; i < dumps->num; i++) {
        const struct dump *dump = &dumps->list[dumps->order[i]];

        if (seen[dumps->order[i]]) abort();
        if (dump->parent && !seen[dump->parent - dumps->list]) abort();
        seen[dumps->order[i]] = true;
    }
    free(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manage_error err = { 0 };
    struct dumps dumps;

    if (size > MOST) return 0;
    dumps_init(&dumps);
    if (!dumps_parse(&dumps, (const char *)data, size, &err)) check_order(&dumps);
    else if (!*err.text) abort();
    dumps_dispose(&dumps);
    return 0;
}

/* As chain.json has it, and the parent's name. */
static void write_snapshot(xjson_writer *w, uint64_t serial, unsigned *seed)
{
    const xjson *member;
    chain_snapshot s;
    xjson_writer *plain;
    xjson *value;
    char *text;
    size_t len;

    sample_snapshot(&s, serial, serial / 2, seed);
    if (xjson_writer_alloc(false, &plain)) abort();
    chain_snapshot_gen_json(plain, &s);
    text = sample_text(plain, &len);
    if (xjson_parse(text, len, &value, NULL)) abort();
    xjson_write_object(w);
    for (member = xjson_first(value); member; member = xjson_next(member)) {
        xjson_write_name(w, xjson_name(member));
        xjson_write_value(w, member);
    }
    if (s.parent == 1) xjson_write_member_string(w, "parent_name", "s1");
    else if (s.parent) xjson_write_member_string(w, "parent_name", "s2");
    xjson_write_object_end(w);
    xjson_free(value);
    free(text);
    chain_snapshot_dispose(&s);
}

static void write_dump(xjson_writer *w, uint64_t serial, unsigned *seed)
{
    xjson_write_object(w);
    xjson_write_member_uint(w, "version", DUMP_VERSION);
    xjson_write_member_string(w, "domain", SAMPLE_DOMAIN);
    xjson_write_name(w, "snapshot");
    write_snapshot(w, serial, seed);
    xjson_write_name(w, "config");
    xjson_write_object(w);
    xjson_write_member_string(w, "name", SAMPLE_DOMAIN);
    xjson_write_object_end(w);
    xjson_write_object_end(w);
}

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    unsigned num = (unsigned)rand_r(seed) % 6;
    xjson_writer *w;

    if (xjson_writer_alloc(rand_r(seed) % 2, &w)) abort();
    if (!num) {
        write_dump(w, 1, seed);
    } else {
        xjson_write_array(w);
        for (; num; num--) write_dump(w, num, seed);
        xjson_write_array_end(w);
    }
    *data_r = (uint8_t *)sample_text(w, size_r);
}

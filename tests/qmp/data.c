/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/qmp/data.h"

const char *const data_versions[] = { "7.2", "10.0", NULL };

char *data_read(const char *version, const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[4096], *text;
    FILE *file;
    long size;
    size_t n;

    snprintf(path, sizeof(path), "%s/tests/data/qmp/%s/%s",
             srcdir ? srcdir : ".", version, name);
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        abort();
    }
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    assert(size >= 0);
    text = malloc((size_t)size + 1);
    assert(text);
    n = fread(text, 1, (size_t)size, file);
    assert(n == (size_t)size);
    text[n] = 0;
    fclose(file);
    return text;
}

/* A tree of its own for one part of a recording. */
static xjson *copy_value(const xjson *value)
{
    xjson_writer *w;
    xjson *copy;
    char *text;
    size_t len;
    int rc;

    rc = xjson_writer_alloc(false, &w);
    assert(!rc);
    xjson_write_value(w, value);
    rc = xjson_writer_finish(w, &text, &len);
    assert(!rc);
    xjson_writer_free(w);
    rc = xjson_parse(text, len, &copy, NULL);
    assert(!rc);
    free(text);
    return copy;
}

static char *copy_member(const xjson *value, const char *name)
{
    const char *s = xjson_member_string(value, name);

    return s ? strdup(s) : NULL;
}

static void load_devices(const xjson *qom, struct block_replies *replies)
{
    struct block_device_properties *device;
    const xjson *value;

    replies->devices = calloc(xjson_count(qom) + 1, sizeof(*device));
    assert(replies->devices);
    for (value = xjson_first(qom); value; value = xjson_next(value)) {
        if (!xjson_name(value)) continue;
        device = &replies->devices[replies->num_devices++];
        device->qdev = strdup(xjson_name(value));
        device->type = copy_member(value, "type");
        device->vdev = copy_member(value, "vdev");
        device->drive = copy_member(value, "drive");
    }
}

bool data_parse_replies(const char *text, size_t len,
                        struct block_replies *replies)
{
    xjson *all = NULL;

    if (xjson_parse(text, len, &all, NULL)) return false;
    replies->block = copy_value(xjson_member(all, "query-block"));
    replies->nodes = copy_value(xjson_member(all, "query-named-block-nodes"));
    replies->jobs = copy_value(xjson_member(all, "query-jobs"));
    load_devices(xjson_member(all, "qom-get"), replies);
    xjson_free(all);
    return true;
}

void data_load_replies(const char *version, const char *name,
                       struct block_replies *replies)
{
    char *text = data_read(version, name);
    bool parsed;

    block_replies_init(replies);
    parsed = data_parse_replies(text, strlen(text), replies);
    assert(parsed);
    (void)parsed;
    free(text);
}

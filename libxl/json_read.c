/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "libxl/json_internal.h"
#include "libxl/json_memory.h"

struct reader {
    xjson *root;
    xjson *open;            /* the innermost array or object still open */
    char *name;             /* a member's name whose value has not come yet */
    unsigned int depth;
    unsigned int values;
    int rc;
    struct xjson_error *err;
    struct json_memory memory;
};

static int reader_fail(struct reader *rd, int rc, const char *what)
{
    rd->rc = rc;
    xjson_error_set(rd->err, "%s", what);
    return 0;               /* tells yajl to stop */
}

static char *copy_text(struct reader *rd, const unsigned char *s, size_t len)
{
    char *copy;

    if (memchr(s, 0, len)) {
        reader_fail(rd, ERROR_INVAL, "a string contains a NUL");
        return NULL;
    }
    if (!json_is_utf8(s, len)) {
        reader_fail(rd, ERROR_INVAL, "a string is not UTF-8");
        return NULL;
    }
    copy = malloc(len + 1);
    if (!copy) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(copy, s, len);
    copy[len] = 0;
    return copy;
}

/* Hang a new value into the tree; NULL after a failure was noted. */
static xjson *add_value(struct reader *rd, xjson_type type)
{
    xjson *v;

    if (++rd->values > XJSON_MAX_VALUES) {
        reader_fail(rd, ERROR_INVAL, "too many values");
        return NULL;
    }
    v = calloc(1, sizeof(*v));
    if (!v) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    v->type = type;
    v->name = rd->name;
    rd->name = NULL;
    v->parent = rd->open;
    if (!rd->open) {
        rd->root = v;
        return v;
    }
    if (rd->open->last)
        rd->open->last->next = v;
    else
        rd->open->first = v;
    rd->open->last = v;
    rd->open->count++;
    return v;
}

static int on_null(void *ctx)
{
    return add_value(ctx, XJSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int b)
{
    xjson *v = add_value(ctx, XJSON_BOOL);

    if (!v) return 0;
    v->boolean = b;
    return 1;
}

static int on_number(void *ctx, const char *s, size_t len)
{
    struct reader *rd = ctx;
    xjson *v;
    char *end;
    bool integer = !memchr(s, '.', len) && !memchr(s, 'e', len) &&
                   !memchr(s, 'E', len);

    v = add_value(rd, integer ? XJSON_INTEGER : XJSON_REAL);
    if (!v) return 0;
    v->text = copy_text(rd, (const unsigned char *)s, len);
    if (!v->text) return 0;
    if (!integer) return 1;

    v->negative = v->text[0] == '-';
    errno = 0;
    v->magnitude = strtoull(v->text + v->negative, &end, 10);
    if (errno || *end ||
        (v->negative && v->magnitude > (uint64_t)INT64_MAX + 1))
        return reader_fail(rd, ERROR_INVAL, "a number is out of range");
    return 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
    xjson *v = add_value(ctx, XJSON_STRING);

    if (!v) return 0;
    v->text = copy_text(ctx, s, len);
    return v->text != NULL;
}

static int on_open(struct reader *rd, xjson_type type)
{
    xjson *v;

    if (++rd->depth > XJSON_MAX_DEPTH)
        return reader_fail(rd, ERROR_INVAL, "nested too deep");
    v = add_value(rd, type);
    if (!v) return 0;
    rd->open = v;
    return 1;
}

static int on_object(void *ctx)
{
    return on_open(ctx, XJSON_OBJECT);
}

static int on_array(void *ctx)
{
    return on_open(ctx, XJSON_ARRAY);
}

static int on_name(void *ctx, const unsigned char *s, size_t len)
{
    struct reader *rd = ctx;

    rd->name = copy_text(rd, s, len);
    return rd->name != NULL;
}

static int on_close(void *ctx)
{
    struct reader *rd = ctx;

    rd->open = rd->open->parent;
    rd->depth--;
    return 1;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted rather than pair by pair: the text may be hostile. */
static int on_object_end(void *ctx)
{
    struct reader *rd = ctx;
    const char **names;
    const xjson *v;
    size_t i = 0;
    int ok = 1;

    if (rd->open->count > 1) {
        names = calloc(rd->open->count, sizeof(*names));
        if (!names) return reader_fail(rd, ERROR_NOMEM, "out of memory");
        for (v = rd->open->first; v; v = v->next) names[i++] = v->name;
        qsort(names, i, sizeof(*names), compare_names);
        while (ok && --i > 0)
            if (!strcmp(names[i], names[i - 1])) {
                reader_fail(rd, ERROR_INVAL, "");
                xjson_error_set(rd->err, "duplicate member '%.100s'", names[i]);
                ok = 0;
            }
        free(names);
    }
    return ok && on_close(rd);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

/* The code unit of an escape (\uXXXX) at s, or -1. */
static long escaped_unit(const char *s, const char *end)
{
    long unit = 0;
    int i;

    if (end - s < 6 || s[0] != '\\' || s[1] != 'u') return -1;
    for (i = 2; i < 6; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *d = s[i] ? strchr(digits, s[i] | 0x20) : NULL;

        if (!d) return -1;
        unit = unit << 4 | (d - digits);
    }
    return unit;
}

/* The library reads half a surrogate pair as a question mark. */
static bool has_lone_surrogate(const char *s, const char *end)
{
    long unit, low;

    while ((s = memchr(s, '\\', (size_t)(end - s)))) {
        unit = escaped_unit(s, end);
        if (unit < 0) {
            s += end - s < 2 ? 1 : 2;
            continue;
        }
        s += 6;
        if (unit < 0xd800 || unit > 0xdfff) continue;
        low = escaped_unit(s, end);
        if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return true;
        s += 6;
    }
    return false;
}

/* Its own frame, with nothing in it that changes: it may be jumped back to. */
static void run_reader(struct reader *rd, const char *text, size_t len)
{
    yajl_alloc_funcs funcs = json_memory_funcs(&rd->memory);
    yajl_handle h;
    yajl_status status;

    if (setjmp(rd->memory.nomem)) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return;
    }
    h = yajl_alloc(&callbacks, &funcs, rd);
    status = yajl_parse(h, (const unsigned char *)text, len);
    if (status == yajl_status_ok) status = yajl_complete_parse(h);
    if (rd->rc || (status == yajl_status_ok && rd->root)) return;
    rd->rc = ERROR_INVAL;
    xjson_error_set(rd->err, "not JSON, or cut short, at byte %zu of %zu",
                    yajl_get_bytes_consumed(h), len);
}

int xjson_parse(const char *text, size_t len, xjson **value_r,
                struct xjson_error *err)
{
    struct reader rd = { .err = err };

    if (len > XJSON_MAX_BYTES) {
        xjson_error_set(err, "longer than %u bytes", XJSON_MAX_BYTES);
        return ERROR_INVAL;
    }
    if (has_lone_surrogate(text, text + len)) {
        xjson_error_set(err, "half of a surrogate pair");
        return ERROR_INVAL;
    }
    run_reader(&rd, text, len);
    json_memory_free(&rd.memory);
    free(rd.name);
    if (rd.rc)
        xjson_free(rd.root);
    else
        *value_r = rd.root;
    return rd.rc;
}

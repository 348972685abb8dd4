/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions of the types.
 * Made from tiny.idl by idl/idlc.py: do not edit.
 */
#include <stdlib.h>
#include <string.h>

#include "idl/runtime.h"
#include "tiny_json.h"

const char *tiny_kind_to_string(tiny_kind e)
{
    switch (e) {
    case TINY_KIND_NONE: return "none";
    case TINY_KIND_FILE: return "file";
    }
    return NULL;
}

int tiny_kind_from_string(const char *s, tiny_kind *e)
{
    static const struct xidl_enum_value values[] = {
        { "none", TINY_KIND_NONE },
        { "file", TINY_KIND_FILE },
        { NULL, 0 }
    };
    int n, rc;

    rc = xidl_enum_from_string(values, s, &n);
    if (!rc) *e = (tiny_kind)n;
    return rc;
}

int tiny_kind_gen_json(xjson_writer *w, const tiny_kind *p)
{
    return xidl_write_enum(w, tiny_kind_to_string(*p));
}

int tiny_kind_parse_json(const xjson *v, tiny_kind *p, struct xjson_error *err)
{
    if (tiny_kind_from_string(xidl_enum_string(v), p))
        return xidl_unknown_value(v, err);
    return 0;
}

char *tiny_kind_to_json(libxl_ctx *ctx, tiny_kind p)
{
    xjson_writer *w;
    char *text = NULL;

    (void)ctx;
    if (xjson_writer_alloc(true, &w)) return NULL;
    if (!tiny_kind_gen_json(w, &p)) xjson_writer_finish(w, &text, NULL);
    xjson_writer_free(w);
    return text;
}

int tiny_kind_from_json(libxl_ctx *ctx, tiny_kind *p, const char *s)
{
    xjson *v = NULL;
    int rc;

    (void)ctx;
    if (!s) return ERROR_INVAL;
    rc = xjson_parse(s, strlen(s), &v, NULL);
    if (!rc) rc = tiny_kind_parse_json(v, p, NULL);
    xjson_free(v);
    return rc;
}

static void tiny_item__u_dispose(tiny_item *p)
{
    switch (p->kind) {
    case TINY_KIND_FILE:
        free(p->u.file.path);
        break;
    default:
        break;
    }
}

void tiny_item_dispose(tiny_item *p)
{
    int i;

    if (!p) return;
    for (i = 0; i < p->num_tags; i++)
        free(p->tags[i]);
    free(p->tags);
    tiny_item__u_dispose(p);
    memset(p, 0, sizeof(*p));
}

void tiny_item_init(tiny_item *p)
{
    memset(p, 0, sizeof(*p));
    p->size = 512;
}

/* From one key to another: what the union held is disposed of. */
void tiny_item_init_kind(tiny_item *p, tiny_kind kind)
{
    tiny_item__u_dispose(p);
    memset(&p->u, 0, sizeof(p->u));
    p->kind = kind;
}

static int tiny_item__tags_copy(libxl_ctx *ctx, tiny_item *dst,
                                const tiny_item *src)
{
    int rc;

    (void)ctx;
    if (src->num_tags <= 0) return 0;
    dst->tags = calloc((size_t)src->num_tags, sizeof(*dst->tags));
    if (!dst->tags) return ERROR_NOMEM;
    /* dst counts what it owns, so that a failure can be undone */
    for (; dst->num_tags < src->num_tags; dst->num_tags++) {
        rc = xidl_copy_string(&dst->tags[dst->num_tags],
                              src->tags[dst->num_tags]);
        if (rc) return rc;
    }
    return 0;
}

int tiny_item_copy(libxl_ctx *ctx, tiny_item *dst, const tiny_item *src)
{
    int rc;

    tiny_item_init(dst);
    dst->size = src->size;
    rc = tiny_item__tags_copy(ctx, dst, src);
    if (rc) goto out;
    tiny_item_init_kind(dst, src->kind);
    switch (src->kind) {
    case TINY_KIND_FILE:
        rc = xidl_copy_string(&dst->u.file.path, src->u.file.path);
        if (rc) goto out;
        break;
    default:
        break;
    }
    rc = 0;

out:
    if (rc) {
        tiny_item_dispose(dst);
        tiny_item_init(dst);
    }
    return rc;
}

static int tiny_item__u_file_gen_json(xjson_writer *w, const tiny_item *p)
{
    xjson_write_object(w);
    if (p->u.file.path)
        xjson_write_member_string(w, "path", p->u.file.path);
    return xjson_write_object_end(w);
}

int tiny_item_gen_json(xjson_writer *w, const tiny_item *p)
{
    int i, rc;

    xjson_write_object(w);
    if (p->size != 512) xjson_write_member_uint(w, "size", p->size);
    if (p->num_tags > 0) {
        xjson_write_name(w, "tags");
        xjson_write_array(w);
        for (i = 0; i < p->num_tags; i++)
            xjson_write_string(w, p->tags[i]);
        xjson_write_array_end(w);
    }
    switch (p->kind) {
    case TINY_KIND_NONE:
        xjson_write_name(w, "kind.none");
        xjson_write_object(w);
        xjson_write_object_end(w);
        break;
    case TINY_KIND_FILE:
        xjson_write_name(w, "kind.file");
        rc = tiny_item__u_file_gen_json(w, p);
        if (rc) return rc;
        break;
    default:
        return ERROR_INVAL;
    }
    return xjson_write_object_end(w);
}

static int tiny_item__tags_parse_json(const xjson *v, tiny_item *p,
                                      struct xjson_error *err)
{
    const xjson *e;
    int count, rc;

    rc = xidl_check_array(v, &count, err);
    if (rc || !count) return rc;
    p->tags = calloc((size_t)count, sizeof(*p->tags));
    if (!p->tags) return xidl_nomem(err);
    for (e = xjson_first(v); e; e = xjson_next(e)) {
        /* counted first: a half-read element is disposed of with the rest */
        p->num_tags++;
        rc = xidl_parse_string(e, &p->tags[p->num_tags - 1], err);
        if (rc) return xidl_within_element(rc, p->num_tags - 1, err);
    }
    return 0;
}

static int tiny_item__u_file_parse_json(const xjson *v, tiny_item *p,
                                        struct xjson_error *err)
{
    static const char *const members[] = {
        "path",
        NULL
    };
    const xjson *m;
    int rc;

    rc = xidl_check_object(v, members, err);
    if (rc) return rc;

    m = xjson_member(v, "path");
    rc = m ? xidl_parse_string(m, &p->u.file.path, err) : 0;
    if (rc) return xidl_within(rc, "path", err);
    return 0;
}

static int tiny_item__u_parse_json(const xjson *v, tiny_item *p,
                                   struct xjson_error *err)
{
    const xjson *m;
    const char *variant;
    int rc;

    rc = xidl_find_variant(v, "kind.", &m, &variant, err);
    if (rc || !m) return rc;

    if (!strcmp(variant, "none")) {
        tiny_item_init_kind(p, TINY_KIND_NONE);
        return xidl_within(xidl_check_empty(m, err), xjson_name(m), err);
    }
    if (!strcmp(variant, "file")) {
        tiny_item_init_kind(p, TINY_KIND_FILE);
        return xidl_within(tiny_item__u_file_parse_json(m, p, err),
                           xjson_name(m), err);
    }
    return xidl_unknown_variant(m, err);
}

int tiny_item_parse_json(const xjson *v, tiny_item *p, struct xjson_error *err)
{
    static const char *const members[] = {
        "size",
        "tags",
        "kind.",
        NULL
    };
    const xjson *m;
    int rc;

    rc = xidl_check_object(v, members, err);
    if (rc) return rc;

    m = xjson_member(v, "size");
    rc = m ? xidl_parse_uint(m, &p->size, sizeof(p->size), err) : 0;
    if (rc) return xidl_within(rc, "size", err);

    m = xjson_member(v, "tags");
    rc = m ? tiny_item__tags_parse_json(m, p, err) : 0;
    if (rc) return xidl_within(rc, "tags", err);

    rc = tiny_item__u_parse_json(v, p, err);
    if (rc) return rc;
    return 0;
}

char *tiny_item_to_json(libxl_ctx *ctx, const tiny_item *p)
{
    xjson_writer *w;
    char *text = NULL;

    (void)ctx;
    if (xjson_writer_alloc(true, &w)) return NULL;
    if (!tiny_item_gen_json(w, p)) xjson_writer_finish(w, &text, NULL);
    xjson_writer_free(w);
    return text;
}

int tiny_item_from_json(libxl_ctx *ctx, tiny_item *p, const char *s)
{
    xjson *v = NULL;
    int rc;

    (void)ctx;
    tiny_item_init(p);
    if (!s) return ERROR_INVAL;
    rc = xjson_parse(s, strlen(s), &v, NULL);
    if (!rc) rc = tiny_item_parse_json(v, p, NULL);
    xjson_free(v);
    if (rc) {
        tiny_item_dispose(p);
        tiny_item_init(p);
    }
    return rc;
}

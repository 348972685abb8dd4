/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/_chain_types_json.h"
#include "chain/name.h"
#include "manage/dump_read.h"
#include "manage/internal.h"

void dumps_init(struct dumps *dumps)
{
    memset(dumps, 0, sizeof(*dumps));
}

void dumps_dispose(struct dumps *dumps)
{
    size_t i;

    for (i = 0; i < dumps->num; i++) {
        free(dumps->list[i].domain);
        free(dumps->list[i].parent_name);
        free(dumps->list[i].config);
        chain_snapshot_dispose(&dumps->list[i].snapshot);
    }
    free(dumps->list);
    free(dumps->order);
    dumps_init(dumps);
}

/* ---- the text ---- */

static int bad(struct xjson_error *why, const char *member, const char *text)
{
    xjson_error_set(why, "%s", text);
    if (member) xjson_error_within_member(why, member);
    return ERROR_INVAL;
}

/* A copy of a value; without one member, if it has it. */
static int copy_text(const xjson *value, const char *without, char **text_r,
                     size_t *len_r)
{
    const xjson *member;
    xjson_writer *w;
    int rc;

    rc = xjson_writer_alloc(true, &w);
    if (rc) return rc;
    xjson_write_object(w);
    for (member = xjson_first(value); member; member = xjson_next(member)) {
        if (without && !strcmp(xjson_name(member), without)) continue;
        xjson_write_name(w, xjson_name(member));
        xjson_write_value(w, member);
    }
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, text_r, len_r);
    xjson_writer_free(w);
    return rc;
}

static int copy_string(const xjson *value, const char *member, bool needed,
                       char **s_r, struct xjson_error *why)
{
    const xjson *v = xjson_member(value, member);

    if (!needed && xjson_type_of(v) == XJSON_NULL) return 0;
    if (!xjson_string(v)) return bad(why, member, "expected a string");
    *s_r = strdup(xjson_string(v));
    return *s_r ? 0 : ERROR_NOMEM;
}

/* As in chain.json, but for the name of the parent. */
static int read_snapshot(const xjson *value, struct dump *dump,
                         struct xjson_error *why)
{
    xjson *plain = NULL;
    char *text = NULL;
    size_t len;
    int rc;

    if (xjson_type_of(value) != XJSON_OBJECT)
        return bad(why, "snapshot", "expected an object");
    rc = copy_string(value, "parent_name", false, &dump->parent_name, why);
    if (!rc) rc = copy_text(value, "parent_name", &text, &len);
    if (!rc) rc = xjson_parse(text, len, &plain, why);
    if (!rc) rc = chain_snapshot_parse_json(plain, &dump->snapshot, why);
    if (!rc && !dump->snapshot.name) rc = bad(why, "name", "there is none");
    if (!rc && dump->snapshot.parent && !dump->parent_name)
        rc = bad(why, "parent_name", "there is a parent, but not its name");
    if (rc) xjson_error_within_member(why, "snapshot");
    xjson_free(plain);
    free(text);
    return rc;
}

static bool is_member(const char *name)
{
    return !strcmp(name, "version") || !strcmp(name, "domain") ||
           !strcmp(name, "snapshot") || !strcmp(name, "images") ||
           !strcmp(name, "config");
}

static int read_dump(const xjson *value, struct dump *dump,
                     struct xjson_error *why)
{
    const xjson *config = xjson_member(value, "config"), *member;
    uint64_t version;
    size_t len;
    int rc;

    if (xjson_type_of(value) != XJSON_OBJECT)
        return bad(why, NULL, "expected what snapshot-dump prints");
    if (xjson_uint(xjson_member(value, "version"), UINT32_MAX, &version))
        return bad(why, "version", "expected a number");
    if (version != DUMP_VERSION)
        return bad(why, "version", version > DUMP_VERSION
                   ? "later than what is known here; use the xl that wrote it"
                   : "there is none");
    for (member = xjson_first(value); member; member = xjson_next(member))
        if (!is_member(xjson_name(member)))
            return bad(why, xjson_name(member), "unknown");
    rc = copy_string(value, "domain", true, &dump->domain, why);
    if (rc) return rc;
    rc = read_snapshot(xjson_member(value, "snapshot"), dump, why);
    if (rc) return rc;
    if (xjson_type_of(config) == XJSON_NULL) return 0;
    if (xjson_type_of(config) != XJSON_OBJECT)
        return bad(why, "config", "expected an object");
    return copy_text(config, NULL, &dump->config, &len);
}

static int read_all(struct dumps *dumps, const xjson *value,
                    struct xjson_error *why)
{
    bool many = xjson_type_of(value) == XJSON_ARRAY;
    const xjson *one = many ? xjson_first(value) : value;
    size_t num = many ? xjson_count(value) : 1;
    int rc = 0;

    if (!num) return bad(why, NULL, "there is no snapshot in it");
    if (num > DUMP_MAX) return bad(why, NULL, "too many snapshots");
    dumps->list = calloc(num, sizeof(*dumps->list));
    if (!dumps->list) return ERROR_NOMEM;
    while (dumps->num < num && !rc) {
        struct dump *dump = &dumps->list[dumps->num++];

        chain_snapshot_init(&dump->snapshot);
        rc = read_dump(one, dump, why);
        if (rc && many) xjson_error_within_element(why, dumps->num - 1);
        if (many) one = xjson_next(one);
    }
    return rc;
}

/* ---- the order ---- */

static int by_serial(const void *a, const void *b)
{
    uint64_t x = (*(struct dump *const *)a)->snapshot.serial;
    uint64_t y = (*(struct dump *const *)b)->snapshot.serial;

    return x < y ? -1 : x > y;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct dump *const *)a)->snapshot.name,
                  (*(struct dump *const *)b)->snapshot.name);
}

static const struct dump *find_parent(const struct dump *dump,
                                      struct dump **names, size_t num)
{
    struct dump wanted = { .snapshot.name = dump->parent_name };
    struct dump *key = &wanted, **found;

    if (!dump->parent_name) return NULL;
    found = bsearch(&key, names, num, sizeof(*names), by_name);
    return found ? *found : NULL;
}

/*
 * By serial, so that those that can be had are had again. Each has one parent at most: go up from each as far as nobody has been, and
 * note that way back down. states: 0 not seen, 1 on this way, 2 noted.
 */
static int sort(struct dumps *dumps, struct dump **serials, char *states,
                size_t *way, struct manage_error *err)
{
    const struct dump *at;
    size_t i, depth, noted = 0;

    for (i = 0; i < dumps->num; i++) {
        depth = 0;
        for (at = serials[i]; at && states[at - dumps->list] != 2;
             at = at->parent) {
            if (states[at - dumps->list] == 1)
                return manage_fail(err, MANAGE_REFUSED, "the snapshot '%s'"
                                   " would be its own descendant",
                                   at->snapshot.name);
            states[at - dumps->list] = 1;
            way[depth++] = at - dumps->list;
        }
        while (depth) {
            states[way[--depth]] = 2;
            dumps->order[noted++] = way[depth];
        }
    }
    return 0;
}

static int put_in_order(struct dumps *dumps, struct manage_error *err)
{
    size_t i, num = dumps->num;
    struct dump **names = calloc(num, sizeof(*names));
    struct dump **serials = calloc(num, sizeof(*serials));
    size_t *way = calloc(num, sizeof(*way));
    char *states = calloc(num, 1);
    int rc = 0;

    dumps->order = calloc(num, sizeof(*dumps->order));
    if (!names || !serials || !way || !states || !dumps->order) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    for (i = 0; i < num; i++) names[i] = serials[i] = &dumps->list[i];
    qsort(names, num, sizeof(*names), by_name);
    qsort(serials, num, sizeof(*serials), by_serial);
    for (i = 1; i < num; i++) {
        if (!strcmp(names[i]->snapshot.name, names[i - 1]->snapshot.name)) {
            rc = manage_fail(err, MANAGE_REFUSED, "two of the snapshots are"
                             " called '%s'", names[i]->snapshot.name);
            goto out;
        }
    }
    for (i = 1; i < num; i++) {
        if (serials[i]->snapshot.serial &&
            serials[i]->snapshot.serial == serials[i - 1]->snapshot.serial) {
            rc = manage_fail(err, MANAGE_REFUSED, "'%s' and '%s' have the same"
                             " serial", serials[i - 1]->snapshot.name,
                             serials[i]->snapshot.name);
            goto out;
        }
    }
    for (i = 0; i < num; i++)
        dumps->list[i].parent = find_parent(&dumps->list[i], names, num);
    rc = sort(dumps, serials, states, way, err);
out:
    free(states);
    free(way);
    free(serials);
    free(names);
    return rc;
}

int dumps_parse(struct dumps *dumps, const char *text, size_t len,
                struct manage_error *err)
{
    struct xjson_error why = { "" };
    struct chain_error bad_name;
    xjson *value = NULL;
    size_t i;
    int rc;

    rc = xjson_parse(text, len, &value, &why);
    if (!rc) rc = read_all(dumps, value, &why);
    if (rc == ERROR_NOMEM)
        rc = manage_fail_nomem(err);
    else if (rc)
        rc = manage_fail(err, MANAGE_REFUSED, "this is not what snapshot-dump"
                         " prints: %s", why.text);
    /* From here on names are put into messages and paths. */
    for (i = 0; i < dumps->num && !rc; i++) {
        rc = chain_name_check(dumps->list[i].snapshot.name, &bad_name);
        if (rc)
            manage_fail(err, MANAGE_REFUSED, "the name of a snapshot: %s",
                        bad_name.text);
    }
    if (!rc) rc = put_in_order(dumps, err);
    xjson_free(value);
    return rc;
}

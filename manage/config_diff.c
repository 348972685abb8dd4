/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/config_diff.h"
#include "manage/internal.h"

/* One value of a configuration that is neither object nor array. */
struct leaf {
    char *key, *value;
};

struct leaves {
    struct leaf *list;
    size_t num, room;
};

static void leaves_dispose(struct leaves *leaves)
{
    size_t i;

    for (i = 0; i < leaves->num; i++) {
        free(leaves->list[i].key);
        free(leaves->list[i].value);
    }
    free(leaves->list);
}

/* ---- flattening ---- */

/* What each start of the domain gives anew. */
static bool is_passing(const char *key)
{
    return !strcmp(key, "c_info.domid");
}

static char *leaf_text(const xjson *value)
{
    xjson_writer *w = NULL;
    char *text = NULL;

    if (xjson_string(value)) return strdup(xjson_string(value));
    if (xjson_writer_alloc(false, &w)) return NULL;
    xjson_write_value(w, value);
    if (xjson_writer_finish(w, &text, NULL)) text = NULL;
    xjson_writer_free(w);
    /* A document ends with its line. */
    if (text) text[strcspn(text, "\n")] = '\0';
    return text;
}

static int add(struct leaves *leaves, const char *key, const xjson *value)
{
    struct leaf *grown, leaf;

    if (is_passing(key)) return 0;
    if (leaves->num == leaves->room) {
        grown = realloc(leaves->list, 2 * leaves->room * sizeof(*grown));
        if (!grown) return ERROR_NOMEM;
        leaves->list = grown;
        leaves->room *= 2;
    }
    leaf.key = strdup(key);
    leaf.value = leaf_text(value);
    if (!leaf.key || !leaf.value) {
        free(leaf.key);
        free(leaf.value);
        return ERROR_NOMEM;
    }
    leaves->list[leaves->num++] = leaf;
    return 0;
}

static int flatten(struct leaves *leaves, const char *key, const xjson *value);

/* How an element is known, wherever in the array it stands; NULL: by that. */
static const char *element_name(const char *array, const xjson *element)
{
    if (!strcmp(array, "disks")) return xjson_member_string(element, "vdev");
    if (!strcmp(array, "nics")) return xjson_member_string(element, "mac");
    return NULL;
}

static int flatten_element(struct leaves *leaves, const char *array, size_t i,
                           const xjson *element)
{
    const char *name = element_name(array, element);
    char *key;
    int rc;

    if ((name ? asprintf(&key, "%s[%s]", array, name)
              : asprintf(&key, "%s[%zu]", array, i)) < 0)
        return ERROR_NOMEM;
    rc = flatten(leaves, key, element);
    free(key);
    return rc;
}

static int flatten_member(struct leaves *leaves, const char *object,
                          const xjson *member)
{
    char *key;
    int rc;

    if (asprintf(&key, "%s%s%s", object, *object ? "." : "",
                 xjson_name(member)) < 0)
        return ERROR_NOMEM;
    rc = flatten(leaves, key, member);
    free(key);
    return rc;
}

/* No deeper than the parser allows. */
static int flatten(struct leaves *leaves, const char *key, const xjson *value)
{
    xjson_type type = xjson_type_of(value);
    const xjson *part;
    size_t i = 0;
    int rc = 0;

    if (type != XJSON_OBJECT && type != XJSON_ARRAY)
        return add(leaves, key, value);
    for (part = xjson_first(value); part && !rc; part = xjson_next(part))
        rc = type == XJSON_OBJECT ? flatten_member(leaves, key, part)
                                  : flatten_element(leaves, key, i++, part);
    return rc;
}

static int compare_leaves(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static int read_leaves(const char *text, const char *whose,
                       struct leaves *leaves, struct manage_error *err)
{
    struct xjson_error why = { "" };
    xjson *config = NULL;
    int rc;

    rc = xjson_parse(text, strlen(text), &config, &why);
    if (!rc && xjson_type_of(config) != XJSON_OBJECT) {
        xjson_error_set(&why, "it is no object");
        rc = ERROR_INVAL;
    }
    if (rc) {
        rc = manage_fail(err, MANAGE_DAMAGED, "the configuration of %s is none"
                         " of a domain: %s", whose, why.text);
        goto out;
    }
    leaves->room = 64;
    leaves->list = calloc(leaves->room, sizeof(*leaves->list));
    rc = leaves->list ? flatten(leaves, "", config) : ERROR_NOMEM;
    if (rc) {
        manage_fail_nomem(err);
        goto out;
    }
    qsort(leaves->list, leaves->num, sizeof(*leaves->list), compare_leaves);
out:
    xjson_free(config);
    return rc;
}

/* ---- comparing ---- */

void config_diff_free(struct manage_config_difference *list, int num)
{
    int i;

    for (i = 0; i < num; i++) {
        free(list[i].key);
        free(list[i].a);
        free(list[i].b);
    }
    free(list);
}

/* Takes what is in a leaf of one side, and of the other if that has it, too. */
static void take(struct manage_config_difference *to, struct leaf *leaf,
                 char **value, struct leaf *other, char **other_value)
{
    to->key = leaf->key;
    *value = leaf->value;
    leaf->key = leaf->value = NULL;
    if (!other) return;
    *other_value = other->value;
    other->value = NULL;
}

int config_diff(const char *a, const char *whose_a, const char *b,
                const char *whose_b, struct manage_config_difference **list_r,
                int *num_r, struct manage_error *err)
{
    struct manage_config_difference *list = NULL;
    struct leaves la = { NULL, 0, 0 }, lb = { NULL, 0, 0 };
    size_t i = 0, k = 0;
    int num = 0, order, rc;

    rc = read_leaves(a, whose_a, &la, err);
    if (!rc) rc = read_leaves(b, whose_b, &lb, err);
    if (rc) goto out;
    list = calloc(la.num + lb.num + 1, sizeof(*list));
    if (!list) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    while (i < la.num || k < lb.num) {
        struct manage_config_difference *to = &list[num];
        struct leaf *x = &la.list[i], *y = &lb.list[k];

        order = i == la.num ? 1 : k == lb.num ? -1 : strcmp(x->key, y->key);
        if (order < 0)
            take(to, x, &to->a, NULL, NULL);
        else if (order > 0)
            take(to, y, &to->b, NULL, NULL);
        else if (strcmp(x->value, y->value))
            take(to, x, &to->a, y, &to->b);
        num += order || to->key;
        i += order <= 0;
        k += order >= 0;
    }
    *list_r = list;
    *num_r = num;
out:
    leaves_dispose(&la);
    leaves_dispose(&lb);
    return rc;
}

const char *config_diff_disk(const char *key, char *vdev, size_t len)
{
    const char *from = key + strlen("disks["), *end;

    if (strncmp(key, "disks[", strlen("disks["))) return NULL;
    end = strstr(from, "].");
    if (!end || (size_t)(end - from) >= len) return NULL;
    snprintf(vdev, len, "%.*s", (int)(end - from), from);
    return end + 2;
}

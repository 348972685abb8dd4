/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/name.h"
#include "chain/utf8.h"

#define NAME_RULE "use a letter, then up to 99 letters, digits, '.', '_' or '-'"

/* Not isalpha and its kind: those depend on the locale. */
static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- checking ---- */

int chain_name_check(const char *name, struct chain_error *err)
{
    const char *c;

    if (!name || !name[0])
        return chain_error_set(err, ERROR_INVAL,
                               "the snapshot name is empty: " NAME_RULE);
    if (strlen(name) > CHAIN_NAME_MAX)
        return chain_error_set(err, ERROR_INVAL,
            "the snapshot name '%.20s...' is %zu characters long: " NAME_RULE,
            name, strlen(name));
    if (!is_letter(name[0]))
        return chain_error_set(err, ERROR_INVAL,
            "the snapshot name '%s' does not begin with a letter: " NAME_RULE,
            name);
    for (c = name; *c; c++)
        if (!is_letter(*c) && !is_digit(*c) && !strchr("._-", *c))
            return chain_error_set(err, ERROR_INVAL,
                "the snapshot name '%s' has a character that is not allowed, "
                "the %zuth: " NAME_RULE, name, (size_t)(c - name) + 1);
    return 0;
}

/* UTF-8 without control characters, except those in allowed. */
static bool is_plain_text(const char *text, const char *allowed)
{
    uint32_t point;
    size_t len;

    for (; *text; text += len) {
        len = chain_utf8_next(text, &point);
        if (!len) return false;
        if (point < 0x20 && !strchr(allowed, (int)point)) return false;
        if (point >= 0x7f && point < 0xa0) return false;
    }
    return true;
}

int chain_domain_name_check(const char *domain, struct chain_error *err)
{
    const char *why;

    if (!domain || !domain[0])
        return chain_error_set(err, ERROR_INVAL, "the domain name is empty");
    if (strlen(domain) > CHAIN_DOMAIN_NAME_MAX)
        return chain_error_set(err, ERROR_INVAL,
            "the domain name '%.20s...' is longer than the %u bytes that a "
            "domain with snapshots may have: rename the domain",
            domain, CHAIN_DOMAIN_NAME_MAX);

    if (domain[0] == '.')
        why = "begins with '.'";
    else if (strchr(domain, '/'))
        why = "has a '/' in it";
    else if (!is_plain_text(domain, ""))
        why = "is not plain UTF-8 text";
    else
        return 0;
    return chain_error_set(err, ERROR_INVAL,
        "the domain name '%s' %s, so it cannot be the name of a directory "
        "that keeps its snapshots: rename the domain", domain, why);
}

int chain_description_check(const char *text, struct chain_error *err)
{
    if (strlen(text) > CHAIN_DESCRIPTION_MAX)
        return chain_error_set(err, ERROR_INVAL,
            "the description has %zu bytes: shorten it to %u",
            strlen(text), CHAIN_DESCRIPTION_MAX);
    if (!is_plain_text(text, "\n\t"))
        return chain_error_set(err, ERROR_INVAL,
            "the description is not plain UTF-8 text: leave out control "
            "characters");
    return 0;
}

/* ---- making ---- */

/* The names that are no longer free, sorted. It borrows them. */
struct taken {
    const char **names;
    size_t num;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_taken(const struct taken *taken, const char *name)
{
    return taken->num && bsearch(&name, taken->names, taken->num,
                                 sizeof(*taken->names), compare_names);
}

static const char *handle_name(const chain_disk *disk)
{
    return disk->handle.format == LIBXL_DISK_FORMAT_QCOW2
           ? disk->handle.u.qcow2.name : NULL;
}

/* base, else base-2, base-3 ...; as many are tried as there are names taken,
 * and one more, so one is free. */
static int first_free(struct taken *taken, const char *base, char **name_r,
                      struct chain_error *err)
{
    char name[CHAIN_NAME_MAX + 1], suffix[24] = "";
    size_t n;

    if (taken->num)
        qsort(taken->names, taken->num, sizeof(*taken->names), compare_names);
    for (n = 1; ; n++) {
        if (n > 1) snprintf(suffix, sizeof(suffix), "-%zu", n);
        snprintf(name, sizeof(name), "%.*s%s",
                 (int)(CHAIN_NAME_MAX - strlen(suffix)), base, suffix);
        if (!is_taken(taken, name)) break;
    }
    *name_r = strdup(name);
    return *name_r ? 0 : chain_error_set_nomem(err);
}

int chain_name_default(const struct chain_model *model, time_t now,
                       char **name_r, struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct taken taken = { 0 };
    char base[64], *name;
    struct tm tm;
    int i, rc;

    if (!gmtime_r(&now, &tm) ||
        !strftime(base, sizeof(base), "snapshot-%Y%m%d-%H%M%S", &tm)) {
        rc = chain_error_set(err, ERROR_INVAL,
                             "the clock is out of range: set it, or name the "
                             "snapshot");
        goto out;
    }
    taken.names = calloc((size_t)tree->num_snapshots + 1,
                         sizeof(*taken.names));
    if (!taken.names) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    for (i = 0; i < tree->num_snapshots; i++)
        if (tree->snapshots[i].name)
            taken.names[taken.num++] = tree->snapshots[i].name;
    rc = first_free(&taken, base, &name, err);
    if (rc) goto out;
    *name_r = name;

out:
    free(taken.names);
    return rc;
}

int chain_name_handle(const struct chain_model *model, const char *name,
                      const char *const *further, size_t num_further,
                      char **handle_r, struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct taken taken = { 0 };
    size_t num = num_further;
    char *handle;
    int i, j, rc;

    rc = chain_name_check(name, err);
    if (rc) goto out;

    for (i = 0; i < tree->num_snapshots; i++)
        num += (size_t)tree->snapshots[i].num_disks;
    taken.names = calloc(num + 1, sizeof(*taken.names));
    if (!taken.names) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    for (i = 0; i < tree->num_snapshots; i++) {
        const chain_snapshot *s = &tree->snapshots[i];
        for (j = 0; j < s->num_disks; j++)
            if (handle_name(&s->disks[j]))
                taken.names[taken.num++] = handle_name(&s->disks[j]);
    }
    while (num_further) taken.names[taken.num++] = further[--num_further];
    rc = first_free(&taken, name, &handle, err);
    if (rc) goto out;
    *handle_r = handle;

out:
    free(taken.names);
    return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "xl/disk_argument.h"

/* How a member of libxl_device_disk is said in a disk specification. */
enum word_kind {
    WORD_IGNORED,       /* said otherwise, or follows from others */
    WORD_VALUE,         /* the word, then the value */
    WORD_IF_TRUE,       /* the word alone */
    WORD_DEFBOOL,       /* the word, or the other one */
};

static const struct word {
    const char *member;
    enum word_kind kind;
    const char *word, *other;
} words[] = {
    { "vdev", WORD_VALUE, "vdev=", NULL },
    { "backend", WORD_VALUE, "backendtype=", NULL },
    { "backend_domname", WORD_VALUE, "backend=", NULL },
    { "script", WORD_VALUE, "script=", NULL },
    { "specification", WORD_VALUE, "specification=", NULL },
    { "is_cdrom", WORD_IF_TRUE, "cdrom", NULL },
    { "direct_io_safe", WORD_IF_TRUE, "direct-io-safe", NULL },
    { "discard_enable", WORD_DEFBOOL, "discard", "no-discard" },
    { "trusted", WORD_DEFBOOL, "trusted", "untrusted" },
    { "pdev_path", WORD_IGNORED, NULL, NULL },
    { "format", WORD_IGNORED, NULL, NULL },
    { "readwrite", WORD_IGNORED, NULL, NULL },
    { "removable", WORD_IGNORED, NULL, NULL },  /* that is what a CD-ROM is */
};

/* Does the member say anything? libxl leaves most of those out that do not,
 * and each type has its own word for it. */
static bool is_said(const xjson *value)
{
    const char *text = xjson_string(value);
    int64_t n;
    bool b;

    if (text)
        return *text && strcmp(text, "unknown") && strcmp(text, "<default>");
    if (!xjson_bool(value, &b)) return b;
    if (!xjson_int(value, 0, 0, &n)) return false;
    return xjson_type_of(value) != XJSON_NULL;
}

static int fail(char *why, size_t len, const xjson *disk, const char *member)
{
    const char *vdev = xjson_member_string(disk, "vdev");

    snprintf(why, len, "disk %s: its option '%s' cannot be handed on to the"
             " system's xl; name its active image in the configuration"
             " instead of using --active", vdev ? vdev : "?", member);
    return ERROR_INVAL;
}

static int put_member(FILE *f, const xjson *disk, const xjson *value,
                      char *why, size_t len)
{
    const char *name = xjson_name(value), *text = xjson_string(value);
    const struct word *w = words, *end = words + sizeof(words) /
                                                 sizeof(words[0]);

    while (w < end && strcmp(w->member, name)) w++;
    if (w < end && w->kind == WORD_IGNORED) return 0;
    if (!is_said(value)) return 0;
    if (w == end) return fail(why, len, disk, name);
    switch (w->kind) {
    case WORD_IGNORED:
        break;
    case WORD_VALUE:
        if (!text || strpbrk(text, ",\n")) return fail(why, len, disk, name);
        fprintf(f, "%s%s,", w->word, text);
        break;
    case WORD_IF_TRUE:
        fprintf(f, "%s,", w->word);
        break;
    case WORD_DEFBOOL:
        if (!text) return fail(why, len, disk, name);
        fprintf(f, "%s,", strcmp(text, "True") ? w->other : w->word);
        break;
    }
    return 0;
}

/*
 * "format=" and "target=", which must come last: it takes all that follows.
 * But xl reads it without the spaces at its ends, and not past a line's.
 */
static int put_image(FILE *f, const xjson *disk,
                     const chain_active_disk *active, char *why, size_t len)
{
    const char *path = xjson_member_string(disk, "pdev_path");
    const char *format = xjson_member_string(disk, "format");

    if (active) {
        path = active->path;
        format = libxl_disk_format_to_string(active->format);
    }
    if (format && strcmp(format, "unknown") && strcmp(format, "empty"))
        fprintf(f, "format=%s,", format);
    fprintf(f, "access=%s,", is_said(xjson_member(disk, "readwrite"))
            ? "rw" : "ro");
    if (!path) path = "";
    if (*path &&
        (strchr(path, '\n') || strchr(" \t\r", path[strlen(path) - 1])))
        return fail(why, len, disk, "target");
    fprintf(f, "target=%s", path);
    return 0;
}

static int make_spec(const xjson *disk, const chain_active_disk *active,
                     char **spec_r, char *why, size_t len)
{
    const xjson *v;
    size_t size;
    FILE *f;
    int rc = 0;

    *spec_r = NULL;
    f = open_memstream(spec_r, &size);
    if (!f) goto nomem;
    for (v = xjson_first(disk); v && !rc; v = xjson_next(v))
        rc = put_member(f, disk, v, why, len);
    if (!rc) rc = put_image(f, disk, active, why, len);
    if (fclose(f)) goto nomem;
    return rc;
nomem:
    snprintf(why, len, "out of memory");
    return ERROR_NOMEM;
}

/* A string of xl's configuration syntax. */
static void put_quoted(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') fputc('\\', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static bool differs(const xjson *disk, const chain_active_disk *active)
{
    const char *path = xjson_member_string(disk, "pdev_path");

    return active && (!path || strcmp(path, active->path));
}

static const chain_active_disk *active_of(const struct chain_model *model,
                                          const xjson *disk)
{
    const char *vdev = xjson_member_string(disk, "vdev");

    return vdev ? chain_images_active(model, vdev) : NULL;
}

int disk_argument_make(const xjson *disks, const struct chain_model *model,
                       char **text_r, char *why, size_t len)
{
    const chain_active_disk *active;
    bool changed = false;
    char *text = NULL, *spec;
    const xjson *disk;
    size_t size;
    FILE *f;
    int rc = 0;

    f = open_memstream(&text, &size);
    if (!f) goto nomem;
    fputs("disk=[", f);
    for (disk = xjson_first(disks); disk && !rc; disk = xjson_next(disk)) {
        active = active_of(model, disk);
        if (differs(disk, active)) changed = true;
        rc = make_spec(disk, active, &spec, why, len);
        if (!rc) put_quoted(f, spec);
        if (!rc && xjson_next(disk)) fputc(',', f);
        free(spec);
    }
    fputc(']', f);
    if (fclose(f)) goto nomem;
    if (rc || !changed) {
        free(text);
        text = NULL;
    }
    if (!rc) *text_r = text;
    return rc;
nomem:
    free(text);
    snprintf(why, len, "out of memory");
    return ERROR_NOMEM;
}

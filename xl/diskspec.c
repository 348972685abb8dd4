/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/diskspec.h"

void diskspecs_dispose(struct diskspecs *specs)
{
    int i;

    for (i = 0; i < specs->num; i++) free(specs->texts[i]);
    free(specs->texts);
    free(specs->list);
    memset(specs, 0, sizeof(*specs));
}

/* Cuts the next field off *rest, in place; NULL after the last one. */
static char *next_field(char **rest)
{
    char *field = *rest, *from = field, *to = field;

    if (!field) return NULL;
    for (; *from; *to++ = *from++) {
        if (*from != ',') continue;
        if (from[1] != ',') break;
        from++;
    }
    *rest = *from ? from + 1 : NULL;
    *to = '\0';
    return field;
}

static bool set_kind(struct manage_disk_spec *spec, const char *value)
{
    if (!strcmp(value, "internal")) spec->kind = MANAGE_DISK_INTERNAL;
    else if (!strcmp(value, "external")) spec->kind = MANAGE_DISK_EXTERNAL;
    else if (!strcmp(value, "manual")) spec->kind = MANAGE_DISK_MANUAL;
    else if (!strcmp(value, "no")) spec->kind = MANAGE_DISK_NONE;
    else return false;
    return true;
}

static bool set_format(struct manage_disk_spec *spec, const char *value)
{
    if (!strcmp(value, "qcow2")) spec->format = LIBXL_DISK_FORMAT_QCOW2;
    else if (!strcmp(value, "qed")) spec->format = LIBXL_DISK_FORMAT_QED;
    else return false;
    return true;
}

static bool set_member(struct manage_disk_spec *spec, char *field, char *why,
                       size_t why_size)
{
    char *value = strchr(field, '=');

    if (value) *value++ = '\0';
    if (value && !strcmp(field, "snapshot")) {
        if (set_kind(spec, value)) return true;
        snprintf(why, why_size, "snapshot=%s is neither internal, external, "
                 "manual nor no", value);
    } else if (value && !strcmp(field, "format")) {
        if (set_format(spec, value)) return true;
        snprintf(why, why_size, "an overlay's format is qcow2 or qed, not %s",
                 value);
    } else if (value && !strcmp(field, "file")) {
        spec->file = value;
        if (*value == '/') return true;
        snprintf(why, why_size, "file=%s is not an absolute path", value);
    } else if (value && !strcmp(field, "hook")) {
        spec->hook = value;
        if (*value == '/') return true;
        snprintf(why, why_size, "hook=%s is not an absolute path", value);
    } else if (!value && !strcmp(field, "reuse")) {
        spec->reuse = true;
        return true;
    } else {
        snprintf(why, why_size, "'%s' is not snapshot=, file=, format=, "
                 "reuse or hook=", field);
    }
    return false;
}

static bool is_hook_sound(const struct manage_disk_spec *spec, char *why,
                          size_t why_size)
{
    if ((spec->kind == MANAGE_DISK_MANUAL) == (spec->hook != NULL))
        return true;
    snprintf(why, why_size, spec->hook
             ? "%s: hook= is for snapshot=manual"
             : "%s: snapshot=manual needs hook=PROGRAM; one for LVM thin "
               "volumes is " HOOK_DIR "/lvm-thin", spec->vdev);
    return false;
}

static bool is_sound(const struct manage_disk_spec *spec, char *why,
                     size_t why_size)
{
    if (!is_hook_sound(spec, why, why_size)) return false;
    if (spec->kind == MANAGE_DISK_EXTERNAL) {
        if (spec->file || !spec->reuse) return true;
        snprintf(why, why_size, "%s: reuse needs file=PATH", spec->vdev);
        return false;
    }
    if (!spec->file && !spec->reuse &&
        spec->format == LIBXL_DISK_FORMAT_UNKNOWN)
        return true;
    snprintf(why, why_size, "%s: file=, format= and reuse are for "
             "snapshot=external", spec->vdev);
    return false;
}

static bool parse(struct diskspecs *specs, char *text, char *why,
                  size_t why_size)
{
    struct manage_disk_spec *spec = &specs->list[specs->num - 1];
    bool kind_given = false;
    char *rest = text, *field;
    int i;

    spec->vdev = next_field(&rest);
    if (!spec->vdev[0] || strchr(spec->vdev, '=')) {
        snprintf(why, why_size, "it begins with the disk, as in "
                 "xvda,snapshot=external");
        return false;
    }
    while ((field = next_field(&rest))) {
        if (!strncmp(field, "snapshot=", strlen("snapshot=")))
            kind_given = true;
        if (!set_member(spec, field, why, why_size)) return false;
    }
    /* A file says it all, and so does a hook. */
    if (!kind_given && (spec->file || spec->reuse))
        spec->kind = MANAGE_DISK_EXTERNAL;
    else if (!kind_given && spec->hook)
        spec->kind = MANAGE_DISK_MANUAL;
    for (i = 0; i < specs->num - 1; i++)
        if (!strcmp(specs->list[i].vdev, spec->vdev)) {
            snprintf(why, why_size, "%s is named twice", spec->vdev);
            return false;
        }
    return is_sound(spec, why, why_size);
}

bool diskspecs_add(struct diskspecs *specs, const char *text, char *why,
                   size_t why_size)
{
    struct manage_disk_spec *list;
    char **texts, *copy;

    list = realloc(specs->list, (specs->num + 1) * sizeof(*list));
    if (list) specs->list = list;
    texts = realloc(specs->texts, (specs->num + 1) * sizeof(*texts));
    if (texts) specs->texts = texts;
    copy = strdup(text);
    if (!list || !texts || !copy) {
        free(copy);
        snprintf(why, why_size, "out of memory");
        return false;
    }
    memset(&list[specs->num], 0, sizeof(*list));
    texts[specs->num++] = copy;
    return parse(specs, copy, why, why_size);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/config_json.h"
#include "manage/internal.h"

/* An object's members, but for those that change() has written in its way. */
static void write_members(xjson_writer *w, const xjson *object,
                          bool (*write)(xjson_writer *w, const xjson *member,
                                        void *user), void *user)
{
    const xjson *member;

    for (member = xjson_first(object); member; member = xjson_next(member)) {
        if (write(w, member, user)) continue;
        xjson_write_name(w, xjson_name(member));
        xjson_write_value(w, member);
    }
}

static bool is(const xjson *member, const char *name)
{
    return !strcmp(xjson_name(member), name);
}

static bool write_c_info_member(xjson_writer *w, const xjson *member,
                                void *user)
{
    const struct config_change *change = user;

    return (is(member, "name") && change->name) ||
           (is(member, "uuid") && change->uuid);
}

static void write_c_info(xjson_writer *w, const xjson *c_info,
                         const struct config_change *change)
{
    xjson_write_object(w);
    write_members(w, c_info, write_c_info_member, (void *)change);
    if (change->name) xjson_write_member_string(w, "name", change->name);
    if (change->uuid) xjson_write_member_string(w, "uuid", change->uuid);
    xjson_write_object_end(w);
}

static bool write_disk_member(xjson_writer *w, const xjson *member,
                              void *user)
{
    return is(member, "pdev_path") || is(member, "format") ||
           is(member, "backend");
}

static void write_disk(xjson_writer *w, const xjson *disk,
                       const struct config_disk *now)
{
    xjson_write_object(w);
    write_members(w, disk, write_disk_member, NULL);
    xjson_write_member_string(w, "pdev_path", now->path);
    xjson_write_member_string(w, "format",
                              libxl_disk_format_to_string(now->format));
    xjson_write_member_string(w, "backend", "qdisk");
    xjson_write_object_end(w);
}

static void write_disks(xjson_writer *w, const xjson *disks,
                        const struct config_change *change)
{
    const xjson *disk;
    int i;

    xjson_write_array(w);
    for (disk = xjson_first(disks); disk; disk = xjson_next(disk)) {
        const char *vdev = xjson_member_string(disk, "vdev");

        for (i = 0; i < change->num_disks; i++)
            if (vdev && !strcmp(vdev, change->disks[i].vdev)) break;
        if (i < change->num_disks)
            write_disk(w, disk, &change->disks[i]);
        else
            xjson_write_value(w, disk);
    }
    xjson_write_array_end(w);
}

static bool write_config_member(xjson_writer *w, const xjson *member,
                                void *user)
{
    const struct config_change *change = user;

    if (is(member, "c_info")) {
        xjson_write_name(w, "c_info");
        write_c_info(w, member, change);
        return true;
    }
    if (is(member, "disks") && xjson_type_of(member) == XJSON_ARRAY) {
        xjson_write_name(w, "disks");
        write_disks(w, member, change);
        return true;
    }
    return false;
}

static int parse(const char *text, const char *whose, xjson **config_r,
                 struct manage_error *err)
{
    struct xjson_error why = { "" };
    xjson *config = NULL;
    int rc;

    rc = xjson_parse(text, strlen(text), &config, &why);
    if (!rc && xjson_type_of(xjson_member(config, "c_info")) != XJSON_OBJECT) {
        xjson_error_set(&why, "there is no c_info in it");
        rc = ERROR_INVAL;
    }
    if (rc) {
        xjson_free(config);
        return manage_fail(err, MANAGE_REFUSED, "the configuration of %s is"
                           " none of a domain: %s", whose, why.text);
    }
    *config_r = config;
    return 0;
}

static int check_disks(const xjson *config, const char *whose,
                       const struct config_change *change,
                       struct manage_error *err)
{
    const xjson *disk;
    int i, found;

    for (i = 0; i < change->num_disks; i++) {
        found = 0;
        disk = xjson_first(xjson_member(config, "disks"));
        for (; disk; disk = xjson_next(disk)) {
            const char *vdev = xjson_member_string(disk, "vdev");

            if (vdev && !strcmp(vdev, change->disks[i].vdev)) found++;
        }
        if (found != 1)
            return manage_fail(err, MANAGE_REFUSED, "the configuration of %s"
                               " has %s disk %s", whose, found ? "more than"
                               " one" : "no", change->disks[i].vdev);
    }
    return 0;
}

int config_json_change(const char *text, const char *whose,
                       const struct config_change *change, char **text_r,
                       struct manage_error *err)
{
    xjson_writer *w = NULL;
    xjson *config = NULL;
    int rc;

    rc = parse(text, whose, &config, err);
    if (rc) goto out;
    rc = check_disks(config, whose, change, err);
    if (rc) goto out;
    rc = xjson_writer_alloc(true, &w);
    if (!rc) {
        xjson_write_object(w);
        write_members(w, config, write_config_member, (void *)change);
        xjson_write_object_end(w);
        rc = xjson_writer_finish(w, text_r, NULL);
    }
    if (rc == ERROR_NOMEM)
        manage_fail_nomem(err);
    else if (rc)
        rc = manage_fail(err, MANAGE_REFUSED, "the configuration of %s cannot"
                         " be written with the new names in it: one is not"
                         " UTF-8", whose);
out:
    xjson_writer_free(w);
    xjson_free(config);
    return rc;
}

int config_json_name(const char *text, const char *whose, char **name_r,
                     struct manage_error *err)
{
    xjson *config = NULL;
    const char *name;
    int rc;

    rc = parse(text, whose, &config, err);
    if (rc) return rc;
    name = xjson_member_string(xjson_member(config, "c_info"), "name");
    if (!name)
        rc = manage_fail(err, MANAGE_REFUSED, "the configuration of %s gives"
                         " the domain no name", whose);
    else if (!(*name_r = strdup(name)))
        rc = manage_fail_nomem(err);
    xjson_free(config);
    return rc;
}

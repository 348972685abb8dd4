/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/cmdtable.h"
#include "xl/image_guard.h"
#include "xl/system_disks.h"
#include "xl/system_xl.h"

static int list_domains(struct xl_app *app, char ***names_r, int *num_r,
                        struct manage_error *err)
{
    *names_r = NULL;
    *num_r = 0;
    return manage_list_domains(app->manage, names_r, num_r, err);
}

static void free_names(char **names, int num)
{
    int i;

    for (i = 0; i < num; i++) free(names[i]);
    free(names);
}

bool system_disks_have_chains(struct xl_app *app)
{
    struct manage_error err = { MANAGE_OK, "" };
    char **names;
    int num, rc;

    if (!app->ctx) return false;
    rc = list_domains(app, &names, &num, &err);
    free_names(names, num);
    /* A list that cannot be had may well have something in it. */
    return rc || num;
}

int system_disks_ask(const struct xl_app *app, const char *const *words,
                     xjson **value_r, struct manage_error *err)
{
    struct system_xl_result result;
    struct xjson_error why = { "" };
    xjson *value = NULL;
    const char *text;
    int rc;

    system_xl_result_init(&result);
    rc = system_xl_run(app, words, SYSTEM_XL_STDERR_KEEP, &result, err);
    if (rc || !system_xl_succeeded(&result)) goto out;
    /* block-attach has a word in front. */
    text = strchr(result.out, '{');
    if (!text) text = result.out;
    rc = xjson_parse(text, strlen(text), &value, &why);
    if (!rc) goto out;
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "cannot tell which images this is"
             " about, since what the system's xl says of it is not"
             " understood: %s (is output_format in xl.conf \"json\"?); %s %s"
             " does it without a look at the snapshots", why.text,
             app->system_xl, app->cmd->name);
out:
    system_xl_result_dispose(&result);
    if (!rc) *value_r = value;
    return rc;
}

const char *system_disks_writable(const xjson *disk)
{
    const xjson *readwrite = xjson_member(disk, "readwrite");
    const char *domain = xjson_member_string(disk, "backend_domname");
    int64_t n;
    bool b = false;

    if (domain && strcmp(domain, "0") && strcmp(domain, "Domain-0"))
        return NULL;
    if (xjson_int(readwrite, 1, INT64_MAX, &n) &&
        (xjson_bool(readwrite, &b) || !b))
        return NULL;
    return xjson_member_string(disk, "pdev_path");
}

int system_disks_check(struct xl_app *app, const xjson *disk,
                       const char *hint, struct manage_error *err)
{
    const char *path = system_disks_writable(disk);
    const char *vdev = xjson_member_string(disk, "vdev");
    struct manage_error ignored;
    struct manage_view view;
    char **names, why[512];
    int num, rc, i;

    if (!path) return 0;
    rc = list_domains(app, &names, &num, err);
    for (i = 0; i < num && !rc; i++) {
        manage_view_init(&view);
        ignored.outcome = MANAGE_OK;
        /* Another domain's damaged chain is no reason to start nothing. */
        if (!manage_look(app->manage, names[i], &view, &ignored) &&
            image_guard_refuses(&view.chain, path, why, sizeof(why))) {
            err->outcome = MANAGE_REFUSED;
            snprintf(err->text, sizeof(err->text),
                     "disk %s: its image %s %s; %s", vdev ? vdev : "?", path,
                     why, hint);
            rc = ERROR_INVAL;
        }
        manage_view_dispose(&view);
    }
    free_names(names, num);
    return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xl create, which is the system's, and stays so. A configuration is the
 * user's own and names the images that the domain began with; after external
 * snapshots those are frozen. So a domain that has snapshots is looked at
 * first, and --active, which is ours, puts the active images in their place.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/images.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/disk_argument.h"
#include "xl/image_guard.h"
#include "xl/output.h"
#include "xl/system_disks.h"
#include "xl/system_xl.h"

static const char hint[] = "xl create --active starts the domain with the"
    " active images; or name those in the configuration, or delete the"
    " snapshots that need this one";

struct request {
    char **argv;                /* what the system's xl gets; NULL at its end */
    int argc;
    const char **words;         /* the dry run of it */
    bool active;                /* --active */
    bool dry_run, help;
    char *disks;                /* the argument that overrides the file's */
    xjson *config;
    struct manage_view view;
};

static void request_dispose(struct request *r)
{
    free(r->argv);
    free(r->words);
    free(r->disks);
    xjson_free(r->config);
    manage_view_dispose(&r->view);
}

/* One word of short options, "-pf": does the next word belong to it? */
static bool look_at_letters(struct request *r, const char *letters)
{
    for (; *letters; letters++) {
        if (*letters == 'n') r->dry_run = true;
        if (*letters == 'h') r->help = true;
        if (*letters == 'f') return !letters[1];
    }
    return false;
}

static bool look_at_option(struct request *r, const char *word)
{
    if (word[1] != '-') return look_at_letters(r, word + 1);
    if (!strcmp(word, "--dryrun")) r->dry_run = true;
    if (!strcmp(word, "--help")) r->help = true;
    return !strcmp(word, "--defconfig");
}

/* at: where the subcommand is. Takes --active out, which only we know. */
static int request_init(struct request *r, const struct xl_app *app, int at)
{
    bool options = true;
    int i;

    memset(r, 0, sizeof(*r));
    manage_view_init(&r->view);
    r->dry_run = app->dry_run;
    r->argv = calloc(app->argc + 2, sizeof(*r->argv));
    r->words = calloc(app->argc + 5, sizeof(*r->words));
    if (!r->argv || !r->words) return ERROR_NOMEM;
    for (i = 0; i < app->argc; i++) {
        if (i > at && options && !strcmp(app->argv[i], "--active")) {
            r->active = true;
            continue;
        }
        r->argv[r->argc++] = app->argv[i];
        if (i <= at || !options || app->argv[i][0] != '-') continue;
        if (!strcmp(app->argv[i], "--"))
            options = false;
        else if (look_at_option(r, app->argv[i]) && i + 1 < app->argc)
            r->argv[r->argc++] = app->argv[++i];
    }
    r->words[0] = "-N";
    r->words[1] = "create";
    r->words[2] = "-q";
    for (i = at + 1; i < r->argc; i++) r->words[i - at + 2] = r->argv[i];
    return 0;
}

/* The chain as it is, when the domain has one; else an empty view. */
static int look(struct xl_app *app, const char *name, struct manage_view *view,
                struct manage_error *err)
{
    int rc = manage_look(app->manage, name, view, err);

    if (!rc || err->outcome != MANAGE_NOT_FOUND) return rc;
    command_error_init(err);
    return 0;
}

/*
 * A killed snapshot command may have left images part way, and one that is at
 * work has the lock: neither is the time to start the domain.
 */
static int recover(struct xl_app *app, struct request *r, const char *name,
                   struct manage_error *err)
{
    char *report = NULL;
    int rc;

    output_note(app, "a snapshot-%s of domain '%s' was interrupted; recovering"
                " first", output_verb(r->view.journal.verb), name);
    app_close(app);
    rc = app_open(app, APP_CHANGE, err);
    if (!rc) rc = manage_recover(app->manage, name, &report, err);
    if (report) output_stderr(report);
    free(report);
    if (rc) return rc;
    app_close(app);
    rc = app_open(app, APP_READ, err);
    return rc ? rc : look(app, name, &r->view, err);
}

/* It was the disk's image, and merged with another one since. */
static int check_there(const struct request *r, const xjson *disk,
                       struct manage_error *err)
{
    const char *path = xjson_member_string(disk, "pdev_path");
    const char *vdev = xjson_member_string(disk, "vdev");
    const chain_active_disk *active;

    active = vdev ? chain_images_active(&r->view.chain, vdev) : NULL;
    if (!active || !path || !strcmp(path, active->path) ||
        !access(path, F_OK))
        return 0;
    err->outcome = MANAGE_REFUSED;
    snprintf(err->text, sizeof(err->text), "disk %s: its image %s is not there"
             " any more, its active one is %s: start the domain with xl create"
             " --active, or name that one in the configuration", vdev, path,
             active->path);
    return ERROR_INVAL;
}

static bool gets_active(const struct request *r, const xjson *disk)
{
    const char *vdev = xjson_member_string(disk, "vdev");

    return r->active && vdev && chain_images_active(&r->view.chain, vdev);
}

static int check_disks(struct xl_app *app, const struct request *r,
                       const xjson *disks, struct manage_error *err)
{
    const xjson *disk;
    int rc = 0;

    for (disk = xjson_first(disks); disk && !rc; disk = xjson_next(disk)) {
        if (gets_active(r, disk)) continue;
        rc = check_there(r, disk, err);
        if (!rc) rc = system_disks_check(app, disk, hint, err);
    }
    return rc;
}

static int override(struct request *r, const xjson *disks,
                    struct manage_error *err)
{
    int rc;

    rc = disk_argument_make(disks, &r->view.chain, &r->disks, err->text,
                            sizeof(err->text));
    if (rc) {
        err->outcome = rc == ERROR_INVAL ? MANAGE_REFUSED : MANAGE_FAILED;
        return rc;
    }
    if (r->disks) r->argv[r->argc++] = r->disks;
    return 0;
}

/* 0: the system's xl may have it. */
static int consider(struct xl_app *app, struct request *r,
                    struct manage_error *err)
{
    const xjson *disks;
    const char *name;
    int rc;

    if (!system_disks_have_chains(app)) return 0;
    rc = system_disks_ask(app, r->words, &r->config, err);
    if (rc || !r->config) return rc;
    name = xjson_member_string(xjson_member(r->config, "c_info"), "name");
    if (!name) return 0;
    rc = look(app, name, &r->view, err);
    /* One of that name runs: the system's xl refuses that. */
    if (rc || r->view.running) return rc;
    if (r->view.in_flight && !r->dry_run) rc = recover(app, r, name, err);
    if (rc || r->view.running) return rc;
    disks = xjson_member(r->config, "disks");
    if (!r->dry_run) rc = check_disks(app, r, disks, err);
    if (!rc && r->active) rc = override(r, disks, err);
    return rc;
}

int main_domain_create(struct xl_app *app, int argc, char **argv)
{
    struct manage_error err;
    struct request r;
    int rc, status;

    command_error_init(&err);
    rc = request_init(&r, app, app->argc - argc);
    if (!rc && !r.help) {
        rc = app_open(app, APP_READ, &err);
        if (!rc) rc = consider(app, &r, &err);
    }
    if (rc)
        status = command_end(app, rc, &err, MANAGE_OK);
    else {
        app_close(app);
        status = system_xl_exec(app, r.argv);
    }
    request_dispose(&r);
    return status;
}

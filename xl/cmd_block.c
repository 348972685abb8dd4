/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xl block-attach, block-detach and config-update, which are the system's: a
 * frozen image is not attached to be written, be it now or at the domain's
 * next reboot; who detaches a disk that snapshots have is told what becomes
 * of those, and QEMU closes its images.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/image_guard.h"
#include "xl/output.h"
#include "xl/system_disks.h"
#include "xl/system_xl.h"

static const char any_hint[] = "attach an overlay of it instead, or attach it"
    " read-only";

static const char update_hint[] = "name the disk's active image in the"
    " configuration: the domain's next reboot follows it";

/* Hand it on, whatever was done so far. */
static int hand_on(struct xl_app *app)
{
    app_close(app);
    return system_xl_exec(app, app->argv);
}

/* A disk that is attached again as the configuration has it: what it had last
 * is what is meant. malloc'd; NULL: nothing is known of such a disk. */
static char *active_hint(struct xl_app *app, const char *domain,
                         const char *vdev)
{
    const chain_active_disk *active;
    struct manage_error ignored;
    struct manage_view view;
    char *hint = NULL;

    command_error_init(&ignored);
    manage_view_init(&view);
    if (manage_look(app->manage, domain, &view, &ignored)) goto out;
    active = chain_images_active(&view.chain, vdev);
    if (active && asprintf(&hint, "its active image is %s (%s): attach that",
                           active->path,
                           libxl_disk_format_to_string(active->format)) < 0)
        hint = NULL;
out:
    manage_view_dispose(&view);
    return hint;
}

/*
 * A disk that was the domain's before. What QEMU may have kept open of it (by
 * another's block-detach) has to be closed first: libxl does not notice that
 * a disk of that name does not come up, and the guest would have one that
 * never answers.
 */
static int check_closed(struct xl_app *app, const char *domain,
                        const xjson *disk, struct manage_error *err)
{
    const char *path = system_disks_writable(disk);
    const char *vdev = xjson_member_string(disk, "vdev");
    const chain_tree *tree;
    struct manage_error ignored;
    struct manage_view view;
    int rc = 0, i;

    command_error_init(&ignored);
    manage_view_init(&view);
    if (!vdev || manage_look(app->manage, domain, &view, &ignored)) goto out;
    tree = &view.chain.tree;
    if (chain_images_active(&view.chain, vdev))
        rc = manage_close_detached(app->manage, domain, err);
    for (i = 0; path && i < tree->num_images && !rc; i++)
        if (image_guard_same(tree->images[i].path, path))
            rc = manage_check_unused(app->manage, vdev, &tree->images[i], err);
out:
    manage_view_dispose(&view);
    return rc;
}

/* disk: what the system's xl makes of the words for domain. */
static int check_disk(struct xl_app *app, const char *domain,
                      const xjson *disk, struct manage_error *err)
{
    const char *vdev = xjson_member_string(disk, "vdev");
    char *hint = vdev ? active_hint(app, domain, vdev) : NULL;
    int rc;

    rc = system_disks_check(app, disk, hint ? hint : any_hint, err);
    free(hint);
    if (!rc) rc = check_closed(app, domain, disk, err);
    return rc;
}

static int check_attach(struct xl_app *app, int argc, char **argv,
                        struct manage_error *err)
{
    const char **words;
    xjson *disk = NULL;
    int rc, i;

    words = calloc(argc + 2, sizeof(*words));
    if (!words) return ERROR_NOMEM;
    words[0] = "-N";
    words[1] = "block-attach";
    for (i = 1; i < argc; i++) words[i + 1] = argv[i];
    rc = system_disks_ask(app, words, &disk, err);
    if (!rc && disk) rc = check_disk(app, argv[1], disk, err);
    xjson_free(disk);
    free(words);
    return rc;
}

int main_block_attach(struct xl_app *app, int argc, char **argv)
{
    struct manage_error err;
    int rc;

    command_error_init(&err);
    /* Too few arguments, or a question for help. */
    if (app->dry_run || argc < 3 || argv[1][0] == '-') return hand_on(app);
    rc = app_open(app, APP_CHANGE, &err);
    if (!rc && system_disks_have_chains(app))
        rc = check_attach(app, argc, argv, &err);
    return rc ? command_end(app, rc, &err, MANAGE_OK) : hand_on(app);
}

/* The disks of the file: config-update takes it and what follows as create
 * does. */
static int check_update(struct xl_app *app, int argc, char **argv,
                        struct manage_error *err)
{
    const xjson *disk;
    const char **words;
    xjson *config = NULL;
    int rc, i;

    words = calloc(argc + 2, sizeof(*words));
    if (!words) return ERROR_NOMEM;
    words[0] = "-N";
    words[1] = "create";
    words[2] = "-q";
    for (i = 2; i < argc; i++) words[i + 1] = argv[i];
    rc = system_disks_ask(app, words, &config, err);
    disk = xjson_first(xjson_member(config, "disks"));
    for (; disk && !rc; disk = xjson_next(disk))
        rc = system_disks_check(app, disk, update_hint, err);
    xjson_free(config);
    free(words);
    return rc;
}

int main_config_update(struct xl_app *app, int argc, char **argv)
{
    struct manage_error err;
    int rc;

    command_error_init(&err);
    if (app->dry_run || argc < 3 || argv[1][0] == '-') return hand_on(app);
    rc = app_open(app, APP_READ, &err);
    if (!rc && system_disks_have_chains(app))
        rc = check_update(app, argc, argv, &err);
    return rc ? command_end(app, rc, &err, MANAGE_OK) : hand_on(app);
}

static bool is_in(const chain_snapshot *snapshot, const char *vdev)
{
    const chain_disk *disk;
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        disk = &snapshot->disks[i];
        if (strcmp(disk->vdev, vdev)) continue;
        return chain_disk_included(disk);
    }
    return false;
}

/* *may_stay_r: the domain has images that QEMU would not close by itself. */
static void remark_detach(struct xl_app *app, const char *domain,
                          const char *vdev, bool *may_stay_r)
{
    struct manage_view view;
    const chain_active_disk *active;
    struct manage_error err;
    int i, num = 0;

    command_error_init(&err);
    manage_view_init(&view);
    if (manage_look(app->manage, domain, &view, &err)) goto out;
    for (i = 0; i < view.chain.tree.num_snapshots; i++)
        num += is_in(&view.chain.tree.snapshots[i], vdev);
    if (num)
        output_note(app, "%d snapshot%s of domain '%s' %s the disk %s: %s, and"
                    " later ones will be without it", num, num == 1 ? "" : "s",
                    view.domain, num == 1 ? "has" : "have", vdev,
                    num == 1 ? "it stays" : "they stay");
    active = chain_images_active(&view.chain, vdev);
    if (num && active)
        output_note(app, "to attach %s again, name its image %s (%s)", vdev,
                    active->path, libxl_disk_format_to_string(active->format));
    /* Whichever disk it is: it may be named as a number. */
    *may_stay_r = view.running && view.chain.tree.num_active;
out:
    manage_view_dispose(&view);
}

/* The system's xl does it as a child of ours: something is left to do. */
static int detach_and_close(struct xl_app *app, const char *domain)
{
    struct system_xl_result result;
    struct manage_error err;
    int rc, outcome, status = EXIT_FAILURE;

    command_error_init(&err);
    system_xl_result_init(&result);
    rc = system_xl_run(app, (const char *const *)app->argv + 1,
                       SYSTEM_XL_STDERR_SHARE, &result, &err);
    if (rc) goto out;
    fwrite(result.out, 1, result.out_len, stdout);
    if (WIFEXITED(result.status)) status = WEXITSTATUS(result.status);
    if (system_xl_succeeded(&result))
        rc = manage_close_detached(app->manage, domain, &err);
out:
    system_xl_result_dispose(&result);
    outcome = command_end(app, rc, &err, MANAGE_OK);
    return outcome ? outcome : status;
}

/* The domain and the device, wherever the options are. */
static int detach_words(int argc, char **argv, const char *words_r[2])
{
    int i, num = 0;

    for (i = 1; i < argc && num < 2; i++)
        if (argv[i][0] != '-') words_r[num++] = argv[i];
    return num;
}

int main_block_detach(struct xl_app *app, int argc, char **argv)
{
    const char *words[2];
    struct manage_error err;
    bool may_stay = false;

    command_error_init(&err);
    if (app->dry_run || detach_words(argc, argv, words) < 2)
        return hand_on(app);
    if (!app_open(app, APP_CHANGE, &err) && system_disks_have_chains(app))
        remark_detach(app, words[0], words[1], &may_stay);
    return may_stay ? detach_and_close(app, words[0]) : hand_on(app);
}

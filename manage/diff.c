/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What differs between two snapshots, or one and the present. See
 * docs/design/diff.md.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "manage/config_diff.h"
#include "manage/diff.h"
#include "manage/memory.h"

struct diff {
    struct operation op;
    struct diff_side a, b;
    chain_snapshot present;     /* its disks, if they are one side */
    char *config_a, *config_b;
    struct memory_files memory_a, memory_b;
    struct diff_disks *disks;
    struct manage_difference result;
};

void manage_difference_init(struct manage_difference *difference)
{
    memset(difference, 0, sizeof(*difference));
}

void manage_difference_dispose(struct manage_difference *difference)
{
    int i;

    free(difference->memory.problem);
    for (i = 0; i < difference->num_disks; i++) {
        free(difference->disks[i].vdev);
        free(difference->disks[i].path_a);
        free(difference->disks[i].path_b);
        free(difference->disks[i].problem);
    }
    free(difference->disks);
    config_diff_free(difference->config, difference->num_config);
    manage_difference_init(difference);
}

static void diff_init(struct diff *d)
{
    memset(d, 0, sizeof(*d));
    operation_init(&d->op);
    chain_snapshot_init(&d->present);
    memory_files_init(&d->memory_a);
    memory_files_init(&d->memory_b);
    manage_difference_init(&d->result);
}

static void diff_dispose(struct diff *d)
{
    diff_disks_free(d->disks);
    memory_files_dispose(&d->memory_a);
    memory_files_dispose(&d->memory_b);
    free(d->config_a);
    free(d->config_b);
    free(d->a.whose);
    free(d->b.whose);
    chain_snapshot_dispose(&d->present);
    manage_difference_dispose(&d->result);
    operation_dispose(&d->op);
}

/* ---- the two sides ---- */

static int of_snapshot(struct diff *d, const char *name,
                       struct diff_side *side, char **config_r)
{
    struct chain_error why;
    size_t len;
    int rc;

    side->snapshot = operation_find(&d->op, name);
    if (!side->snapshot) return ERROR_NOTFOUND;
    if (asprintf(&side->whose, "the snapshot '%s'", name) < 0) {
        side->whose = NULL;
        return manage_fail_nomem(d->op.err);
    }
    rc = chain_store_payload_read(d->op.store, side->snapshot->serial,
                                  CHAIN_PAYLOAD_CONFIG, config_r, &len, &why);
    return rc ? manage_fail_chain(d->op.err, &why) : 0;
}

/* Its disks, as if each image were frozen now. */
static int of_present(struct diff *d, struct diff_side *side, char **config_r)
{
    const struct manage_create as_it_is = { .external = true };
    libxl_domain_config config;
    int rc;

    side->present = true;
    side->snapshot = &d->present;
    side->whose = strdup("the present");
    if (!side->whose) return manage_fail_nomem(d->op.err);
    libxl_domain_config_init(&config);
    rc = domain_configuration(&d->op, &config);
    if (!rc)
        rc = disks_of_configuration(&config, &as_it_is, &d->present,
                                    d->op.err);
    if (rc) goto out;
    *config_r = libxl_domain_config_to_json(d->op.m->ctx, &config);
    if (!*config_r) rc = manage_fail_nomem(d->op.err);
out:
    libxl_domain_config_dispose(&config);
    return rc;
}

/* ---- memory ---- */

static int not_memory(struct diff *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int not_memory(struct diff *d, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = vasprintf(&d->result.memory.problem, fmt, ap);
    va_end(ap);
    if (r >= 0) return 0;
    d->result.memory.problem = NULL;
    return manage_fail_nomem(d->op.err);
}

/* Of an image that is damaged that is said, and the rest goes on. */
static int memory_failed(struct diff *d, int rc,
                         const struct manage_error *why)
{
    if (rc == ERROR_NOMEM || rc == ERROR_ABORTED)
        return manage_fail(d->op.err, why->outcome, "%s", why->text);
    d->result.memory.failed = true;
    return not_memory(d, "%s", why->text);
}

static int open_memory(struct diff *d)
{
    struct manage_error *err = d->op.err, mine = { MANAGE_OK, "" };
    int rc;

    if (!d->a.snapshot->memory)
        return not_memory(d, "%s has none", d->a.whose);
    if (d->b.present)
        return not_memory(d, "that of %s is in no image; take a snapshot, and"
                          " compare with that", d->b.whose);
    if (!d->b.snapshot->memory)
        return not_memory(d, "%s has none", d->b.whose);
    d->op.err = &mine;
    rc = memory_files_open(&d->op, d->a.snapshot->serial, &d->memory_a);
    if (!rc)
        rc = memory_files_open(&d->op, d->b.snapshot->serial, &d->memory_b);
    d->op.err = err;
    return rc ? memory_failed(d, rc, &mine) : 0;
}

static int compare_memory(struct diff *d)
{
    const libxl_snapshot_callbacks callbacks = {
        .user = d->op.m->app.user, .cancelled = d->op.m->app.cancelled,
    };
    struct manage_error mine = { MANAGE_OK, "" };
    libxl_snapshot_diag diag;
    int rc;

    if (d->result.memory.problem) return 0;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_memory_image_compare(d->op.m->sctx, d->memory_a.files,
                                    d->memory_a.num, d->memory_b.files,
                                    d->memory_b.num, &callbacks,
                                    &d->result.memory.pages, &diag);
    if (rc) memory_fail(&mine, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc ? memory_failed(d, rc, &mine) : 0;
}

/* ---- configuration ---- */

static const char *image_of(const struct diff_side *side, const char *vdev)
{
    const chain_disk *disk = chain_snapshot_disk(side->snapshot, vdev);

    return disk ? disk->path : NULL;
}

/* Snapshots themselves give a disk other images; that is none of the user's
 * changes. */
static bool is_our_doing(const struct diff *d,
                         const struct manage_config_difference *c)
{
    const char *member, *a, *b;
    char vdev[64];

    member = config_diff_disk(c->key, vdev, sizeof(vdev));
    if (!member || (strcmp(member, "pdev_path") && strcmp(member, "format")))
        return false;
    a = image_of(&d->a, vdev);
    b = image_of(&d->b, vdev);
    return a && b && !strcmp(image_root(&d->op.chain, a),
                             image_root(&d->op.chain, b));
}

static int compare_config(struct diff *d)
{
    struct manage_config_difference *list;
    int i, kept = 0, rc;

    rc = config_diff(d->config_a, d->a.whose, d->config_b, d->b.whose,
                     &d->result.config, &d->result.num_config, d->op.err);
    if (rc) return rc;
    list = d->result.config;
    for (i = 0; i < d->result.num_config; i++) {
        if (is_our_doing(d, &list[i])) {
            free(list[i].key);
            free(list[i].a);
            free(list[i].b);
        } else {
            list[kept++] = list[i];
        }
    }
    d->result.num_config = kept;
    return 0;
}

/* ---- all of it ---- */

static int prepare(struct diff *d, struct manage *m,
                   const struct manage_diff *args, struct manage_error *err)
{
    int rc;

    rc = operation_begin(&d->op, m, "snapshot-diff", args->domain, true, false,
                         err);
    if (rc) return rc;
    d->op.like = args->a;
    rc = of_snapshot(d, args->a, &d->a, &d->config_a);
    if (rc) return rc;
    return args->b ? of_snapshot(d, args->b, &d->b, &d->config_b)
                   : of_present(d, &d->b, &d->config_b);
}

static int open_all(struct diff *d)
{
    int rc;

    rc = open_memory(d);
    return rc ? rc : diff_disks_open(&d->op, &d->a, &d->b, &d->result,
                                     &d->disks);
}

static int changed(struct diff *d, const char *whose)
{
    return manage_fail(d->op.err, MANAGE_BUSY, "%s was changed by another"
                       " command while it was read; try again", whose);
}

/*
 * What is removed, or merged, is gone from the chain first. So if the chain is
 * still as it was, what was read was there until the end.
 */
static int check_unchanged(struct diff *d)
{
    struct chain_model now;
    struct chain_error why;
    bool was_running = d->op.running;
    int rc;

    chain_model_init(&now);
    rc = chain_store_load(d->op.store, &now, &why);
    if (rc) {
        manage_fail_chain(d->op.err, &why);
        goto out;
    }
    if (!diff_disks_unchanged(&d->op.chain, &now, d->a.snapshot))
        rc = changed(d, d->a.whose);
    else if (!d->b.present &&
             !diff_disks_unchanged(&d->op.chain, &now, d->b.snapshot))
        rc = changed(d, d->b.whose);
    if (rc || !d->b.present) goto out;
    rc = operation_look(&d->op);
    if (!rc && (was_running != d->op.running ||
                now.tree.current != d->op.chain.tree.current))
        rc = changed(d, d->b.whose);
out:
    chain_model_dispose(&now);
    return rc;
}

int manage_diff(struct manage *m, const struct manage_diff *args,
                struct manage_difference *difference_r,
                struct manage_error *err)
{
    struct diff d;
    int rc;

    diff_init(&d);
    rc = prepare(&d, m, args, err);
    if (!rc) rc = compare_config(&d);
    if (!rc) rc = open_all(&d);
    if (rc) goto out;
    chain_store_unlock(d.op.store);
    manage_reached(m, "diff:opened");
    rc = compare_memory(&d);
    if (!rc) rc = diff_disks_run(&d.op, d.disks);
    if (!rc) rc = check_unchanged(&d);
    if (rc) goto out;
    *difference_r = d.result;
    manage_difference_init(&d.result);
out:
    diff_dispose(&d);
    return rc;
}

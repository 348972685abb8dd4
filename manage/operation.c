/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame around every change: name, lock, recover, load. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>
#include <xentoollog.h>

#include "chain/name.h"
#include "manage/internal.h"
#include "manage/resolve.h"

void operation_init(struct operation *op)
{
    memset(op, 0, sizeof(*op));
    op->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    libxl_dominfo_init(&op->info);
    chain_model_init(&op->chain);
    chain_journal_init(&op->journal);
}

void operation_dispose(struct operation *op)
{
    chain_store_close(op->store);
    chain_journal_dispose(&op->journal);
    chain_model_dispose(&op->chain);
    libxl_dominfo_dispose(&op->info);
    free(op->configuration);
    free(op->domain);
    operation_init(op);
}

int operation_look(struct operation *op)
{
    uint32_t domid;
    int rc;

    op->running = false;
    op->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    libxl_dominfo_dispose(&op->info);
    libxl_dominfo_init(&op->info);
    if (!op->m->ctx)
        return manage_fail(op->err, MANAGE_FAILED, "cannot talk to Xen; is"
                           " this a running Xen host, and are you root?");
    rc = libxl_name_to_domid(op->m->ctx, op->domain, &domid);
    if (rc) return 0;
    rc = libxl_domain_info(op->m->ctx, &op->info, domid);
    if (rc == ERROR_DOMAIN_NOTFOUND) return 0;
    if (rc)
        return manage_fail(op->err, MANAGE_FAILED,
                           "cannot ask Xen about the domain '%s'", op->domain);
    op->running = true;
    op->domid = domid;
    return 0;
}

static int load(struct operation *op)
{
    struct chain_error why;
    int rc;

    rc = chain_store_journal_read(op->store, &op->journal, &op->journaled,
                                  &why);
    if (!rc) rc = chain_store_load(op->store, &op->chain, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

/* Nobody here knows the domain; perhaps there is a file about it. */
static int ask_application(struct operation *op)
{
    const struct manage_application *app = &op->m->app;

    if (app->configuration)
        op->configuration = app->configuration(app->user, op->domain, op->err);
    if (op->configuration) return 0;
    return manage_fail(op->err, MANAGE_NOT_FOUND, "there is no domain '%s',"
                       " running or with snapshots", op->domain);
}

enum need {
    NEED_CHAIN,                 /* without one the domain is not found */
    NEED_TRACE,                 /* likewise, but what the first change of all
                                 * left when it was killed will do */
    NEED_DOMAIN,                /* it runs, or there is a file about it */
    NEED_NOTHING,               /* a name will do */
};

/* Are there files that no snapshot has, when there is no snapshot? */
static int has_orphans(struct operation *op, bool *has_r)
{
    struct chain_model none;
    struct chain_error why;
    char **names = NULL;
    size_t num = 0;
    int rc;

    chain_model_init(&none);
    rc = chain_store_orphans(op->store, &none, &names, &num, &why);
    chain_strings_free(names, num);
    chain_model_dispose(&none);
    if (rc) return manage_fail_chain(op->err, &why);
    *has_r = num > 0;
    return 0;
}

static int find_and_open(struct operation *op, struct manage *m,
                         const char *domain, enum need need,
                         struct manage_error *err)
{
    struct chain_error why;
    bool exists;
    int rc;

    op->m = m;
    op->err = err;
    rc = resolve_domain(m, domain, &op->domain, err);
    if (rc) return rc;
    rc = operation_look(op);
    if (rc) return rc;
    rc = chain_store_open(m->snapshot_dir, op->domain, &op->store, &why);
    if (!rc) rc = chain_store_exists(op->store, &exists, &why);
    if (rc) return manage_fail_chain(err, &why);
    if (!exists && need == NEED_TRACE) {
        rc = has_orphans(op, &exists);
        if (rc) return rc;
    }
    if (exists || need == NEED_NOTHING) return 0;
    if (need != NEED_DOMAIN)
        return manage_fail(err, MANAGE_NOT_FOUND, op->running
                           ? "the domain '%s' has no snapshots"
                           : "there is no domain '%s', running or with"
                             " snapshots", op->domain);
    return op->running ? 0 : ask_application(op);
}

static int lock(struct operation *op, const char *verb, int wait_ms)
{
    struct chain_error why;
    int rc;

    rc = chain_store_lock(op->store, verb, wait_ms, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

static int begin(struct operation *op, struct manage *m, const char *verb,
                 const char *domain, enum need need, bool dry_run,
                 struct manage_error *err)
{
    int rc;

    rc = find_and_open(op, m, domain, need, err);
    if (!rc && !dry_run) rc = lock(op, verb, MANAGE_LOCK_TIMEOUT_MS);
    if (!rc) rc = load(op);
    if (rc) return rc;
    if (op->chain.damaged)
        return manage_fail(err, MANAGE_DAMAGED,
            "the snapshots of '%s' can be read but not changed: %s",
            op->domain, op->chain.damaged);
    if (op->journaled && dry_run)
        return manage_fail(err, MANAGE_NEEDS_RECOVERY,
            "an earlier %s of '%s' was interrupted; run 'xl snapshot-recover"
            " %s' first", chain_verb_to_string(op->journal.verb), op->domain,
            op->domain);
    if (!dry_run) detached_tidy(op);
    return op->journaled ? recover_in_flight(op, NULL) : 0;
}

int operation_begin(struct operation *op, struct manage *m, const char *verb,
                    const char *domain, bool must_exist, bool dry_run,
                    struct manage_error *err)
{
    return begin(op, m, verb, domain, must_exist ? NEED_CHAIN : NEED_DOMAIN,
                 dry_run, err);
}

int operation_begin_any(struct operation *op, struct manage *m,
                        const char *verb, const char *domain, bool dry_run,
                        struct manage_error *err)
{
    return begin(op, m, verb, domain, NEED_NOTHING, dry_run, err);
}

int operation_begin_recovery(struct operation *op, struct manage *m,
                             const char *domain, struct manage_error *err)
{
    int rc;

    rc = find_and_open(op, m, domain, NEED_TRACE, err);
    if (!rc) rc = lock(op, "snapshot-recover", MANAGE_RECOVER_WAIT_MS);
    if (!rc) rc = load(op);
    if (!rc) detached_tidy(op);
    return rc;
}

const chain_snapshot *operation_find(struct operation *op, const char *name)
{
    const chain_snapshot *s = chain_model_by_name(&op->chain, name);

    if (!s)
        manage_fail(op->err, MANAGE_NOT_FOUND, "the domain '%s' has no"
                    " snapshot '%s'; 'xl snapshot-list %s' shows those it has",
                    op->domain, name, op->domain);
    return s;
}

int operation_journal(struct operation *op, chain_step step)
{
    struct chain_error why;
    int rc;

    op->journal.version = CHAIN_VERSION;
    op->journal.step = step;
    if (!op->journaled && op->m->app.guard)
        op->m->app.guard(op->m->app.user, op->domain);
    /* A write that is reported as failed may have come through. */
    op->journaled = true;
    rc = chain_store_journal_write(op->store, &op->journal, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

int operation_journal_payload(struct operation *op,
                              const chain_snapshot *snapshot)
{
    chain_snapshot *making = calloc(1, sizeof(*making));

    if (!making) return manage_fail_nomem(op->err);
    chain_snapshot_init(making);
    op->journal.verb = CHAIN_VERB_CREATE;
    op->journal.snapshots = making;
    op->journal.num_snapshots = 1;
    making->serial = snapshot->serial;
    making->state = CHAIN_DOMAIN_STATE_OFF;
    making->name = strdup(snapshot->name);
    if (!making->name) return manage_fail_nomem(op->err);
    return operation_journal(op, CHAIN_STEP_BEGUN);
}

int operation_journal_clear(struct operation *op)
{
    struct chain_error why;
    int rc;

    rc = chain_store_journal_clear(op->store, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    op->journaled = false;
    chain_journal_dispose(&op->journal);
    chain_journal_init(&op->journal);
    return 0;
}

int operation_save(struct operation *op)
{
    struct chain_error why;
    int rc;

    rc = chain_store_save(op->store, &op->chain, &why);
    if (!rc) return 0;
    /* Nothing would undo it. */
    if (why.visible && !op->journaled)
        return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "%.600s; the change"
                           " is there, but a loss of power could undo it: run"
                           " 'xl snapshot-recover %.100s'", why.text, op->domain);
    return manage_fail_chain(op->err, &why);
}

void operation_keep_watched(struct operation *op, uint32_t domid)
{
    const struct manage_application *app = &op->m->app;
    struct manage_error err = { MANAGE_OK, "" };

    if (!app->keep_watched || !app->keep_watched(app->user, domid, &err))
        return;
    if (op->m->lg)
        xtl_log(op->m->lg, XTL_ERROR, -1, "xl", "nobody acts on the end of the"
                " domain '%s' any more (on_poweroff, on_reboot, on_crash): %s",
                op->domain, err.text);
}

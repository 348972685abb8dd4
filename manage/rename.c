/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "manage/internal.h"

/* Only the chain knows a snapshot's name: what ties it to the images are the
 * handles, which stay. One rename of chain.json, so no journal. */
int manage_rename(struct manage *m, const char *domain, const char *name,
                  const char *new_name, bool dry_run, char **plan_r,
                  struct manage_error *err)
{
    const chain_snapshot *snapshot;
    struct plan_writer plan;
    struct chain_error why;
    struct operation op;
    int rc;

    operation_init(&op);
    rc = operation_begin(&op, m, "snapshot-rename", domain, true, dry_run,
                         err);
    if (rc) goto out;
    snapshot = operation_find(&op, name);
    if (!snapshot) {
        rc = ERROR_NOTFOUND;
        goto out;
    }
    if (chain_model_by_name(&op.chain, new_name)) {
        rc = manage_fail(err, MANAGE_REFUSED, "the domain '%s' has a snapshot"
                         " '%s' already; choose another name", op.domain,
                         new_name);
        goto out;
    }
    rc = chain_model_rename(&op.chain, snapshot->serial, new_name, &why);
    if (rc) {
        manage_fail_chain(err, &why);
        goto out;
    }
    if (dry_run) {
        rc = plan_begin(&plan, "snapshot-rename", &op);
        if (rc) goto out;
        plan_step(&plan, "publish", NULL, new_name);
        rc = plan_end(&plan, plan_r, err);
        goto out;
    }
    rc = operation_save(&op);
out:
    operation_dispose(&op);
    return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/plan.h"

int plan_check_quiesce(const struct domain_facts *domain, bool memory,
                       libxl_snapshot_diag *diag)
{
    if (memory)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "with the domain's memory taken there is nothing to quiesce, and"
            " a guest restored from it would wake up frozen; take a disk-only"
            " snapshot to have its file systems frozen");
    if (domain->domid == LIBXL_SNAPSHOT_NO_DOMAIN)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain is not running, so there is nobody to freeze its file"
            " systems; its disks are at rest anyway");
    if (domain->paused || domain->shutdown)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain %s, so its agent cannot freeze its file systems; %s",
            domain->shutdown ? "has shut down or crashed" : "is paused",
            domain->shutdown ? "take the snapshot without that"
                             : "unpause it, or take the snapshot without that");
    return 0;
}

/* Where the guest stops, or the first disk is touched. */
static int find_stop(const libxl_snapshot_plan *plan)
{
    int i;

    for (i = 0; i < plan->num_actions; i++)
        switch (plan->actions[i].type) {
        case LIBXL_SNAPSHOT_ACTION_TYPE_SUSPEND:
        case LIBXL_SNAPSHOT_ACTION_TYPE_PAUSE:
        case LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_CREATE:
        case LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_OVERLAY:
            return i;
        default:
            break;
        }
    return i;
}

/* Behind what makes it run again. */
static int find_go(const libxl_snapshot_plan *plan)
{
    int i;

    for (i = plan->num_actions; i > 0; i--)
        if (plan->actions[i - 1].type == LIBXL_SNAPSHOT_ACTION_TYPE_UNPAUSE ||
            plan->actions[i - 1].type == LIBXL_SNAPSHOT_ACTION_TYPE_RESUME)
            return i;
    return plan->num_actions;
}

static void insert(libxl_snapshot_plan *plan, int at,
                   libxl_snapshot_action_type type)
{
    libxl_snapshot_action *actions = plan->actions;

    memmove(&actions[at + 1], &actions[at],
            (plan->num_actions - at) * sizeof(*actions));
    libxl_snapshot_action_init(&actions[at]);
    actions[at].type = type;
    plan->num_actions++;
}

int plan_add_quiesce(libxl_snapshot_plan *plan)
{
    libxl_snapshot_action *actions;
    int at = find_stop(plan);

    actions = realloc(plan->actions,
                      (plan->num_actions + 2) * sizeof(*actions));
    if (!actions) return ERROR_NOMEM;
    plan->actions = actions;
    insert(plan, find_go(plan), LIBXL_SNAPSHOT_ACTION_TYPE_THAW);
    /* Freezing has the guest write all it holds back, which the flush then
     * takes out of the pause. */
    while (at > 0 && actions[at - 1].type ==
           LIBXL_SNAPSHOT_ACTION_TYPE_FLUSH_IMAGE)
        at--;
    insert(plan, at, LIBXL_SNAPSHOT_ACTION_TYPE_FREEZE);
    return 0;
}

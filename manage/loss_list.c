/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list as a value, for whoever shows it. */
#include "config.h"

#include <stdlib.h>

#include "manage/manage.h"

void manage_losses_init(struct manage_losses *losses)
{
    losses->list = NULL;
    losses->num = 0;
}

void manage_losses_dispose(struct manage_losses *losses)
{
    int i;

    for (i = 0; i < losses->num; i++) {
        free(losses->list[i].vdev);
        free(losses->list[i].path);
        free(losses->list[i].since);
    }
    free(losses->list);
    manage_losses_init(losses);
}

const char *manage_loss_kind_to_string(enum manage_loss_kind kind)
{
    switch (kind) {
    case MANAGE_LOSS_MEMORY:  return "memory";
    case MANAGE_LOSS_WRITES:  return "writes";
    case MANAGE_DISK_LEAVES:  return "disk_leaves";
    case MANAGE_DISK_RETURNS: return "disk_returns";
    }
    return "unknown";
}

void manage_revert_result_init(struct manage_revert_result *result)
{
    result->state = CHAIN_DOMAIN_STATE_UNKNOWN;
    result->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    result->undo = NULL;
    manage_losses_init(&result->lost);
    manage_clock_init(&result->clock);
}

void manage_revert_result_dispose(struct manage_revert_result *result)
{
    free(result->undo);
    manage_losses_dispose(&result->lost);
    manage_clock_dispose(&result->clock);
    manage_revert_result_init(result);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/death_plan.h"

static libxl_action_on_shutdown action_for(int reason,
                                           const libxl_domain_config *config)
{
    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF: return config->on_poweroff;
    case LIBXL_SHUTDOWN_REASON_REBOOT: return config->on_reboot;
    case LIBXL_SHUTDOWN_REASON_CRASH: return config->on_crash;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG: return config->on_watchdog;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET: return config->on_soft_reset;
    default: return LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    }
}

struct death_plan death_plan_make(int reason, const libxl_domain_config *config)
{
    struct death_plan plan = { .dump_core = false, .step = DEATH_DESTROY };

    if (reason == LIBXL_SHUTDOWN_REASON_SUSPEND) {
        plan.step = DEATH_KEEP_WATCHING;
        return plan;
    }

    switch (action_for(reason, config)) {
    case LIBXL_ACTION_ON_SHUTDOWN_DESTROY:
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
        plan.step = DEATH_RESTART;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
        plan.step = DEATH_RENAME_RESTART;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE:
        plan.step = DEATH_LEAVE;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
        plan.dump_core = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
        plan.dump_core = true;
        plan.step = DEATH_RESTART;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET:
        plan.step = DEATH_SOFT_RESET;
        break;
    }
    return plan;
}

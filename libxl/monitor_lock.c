/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "libxl/monitor_lock.h"

int monitor_lock_acquire(const struct monitor_lock_params *params, deadline by,
                         struct domain_lock **lock_r, struct diag *diag)
{
    const struct domain_lock_params lock = {
        .lib_dir = params->lib_dir,
        .domid = params->domid,
        .uuid = params->uuid,
        .name = DOMAIN_LOCK_MONITOR,
        .what = "the domain's QEMU monitor",
        .check = params->check,
        .check_user = params->check_user,
    };

    return domain_lock_acquire(&lock, by, lock_r, diag);
}

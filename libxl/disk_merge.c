/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl_disk_merge: by the domain's QEMU, or by qemu-img. */
#include "config.h"

#include <stdio.h>
#include <sys/stat.h>

#include "libxl/domain_monitor.h"
#include "libxl/image_merge.h"
#include "libxl/live_merge.h"
#include "libxl/plan.h"

struct disk_merge {
    libxl_snapshot_ctx *sctx;
    const libxl_device_disk *disk;
    const libxl_disk_merge_params *params;
    const libxl_snapshot_callbacks *callbacks;  /* may be NULL */
    struct domain_facts domain;
    struct domain_monitor monitor;
    uint64_t bytes;             /* offline: a guess at what is to be copied */
};

/* ---- what the caller wants to know ---- */

static bool cancelled(void *user)
{
    const struct disk_merge *m = user;

    return m->callbacks && m->callbacks->cancelled &&
        m->callbacks->cancelled(m->callbacks->user);
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    const struct disk_merge *m = user;

    if (m->callbacks && m->callbacks->progress)
        m->callbacks->progress(m->callbacks->user, done, total);
}

static void progress_permyriad(void *user, unsigned int permyriad)
{
    const struct disk_merge *m = user;

    progress(user, m->bytes / 10000 * permyriad +
             m->bytes % 10000 * permyriad / 10000, m->bytes);
}

static void stage(const struct disk_merge *m, const char *name)
{
    if (m->callbacks && m->callbacks->stage)
        m->callbacks->stage(m->callbacks->user, name);
}

/* ---- the domain, as a host of the merge ---- */

/* The inner functions speak of disks already; these lines go on in diag. */
static int take_over(libxl_snapshot_diag *from, struct diag *diag, int rc)
{
    diag_set(diag, "%s", from->message ? from->message :
             libxl_error_to_string(rc));
    libxl_snapshot_diag_dispose(from);
    return rc;
}

static int host_open(void *user, struct qmp_client **client_r,
                     struct diag *diag)
{
    struct disk_merge *m = user;
    libxl_snapshot_diag why;
    int rc;

    libxl_snapshot_diag_init(&why);
    rc = domain_monitor_open(&m->monitor, m->sctx, &m->domain, &why);
    if (rc) return take_over(&why, diag, rc);
    *client_r = monitor_client(m->monitor.session);
    return 0;
}

static void host_close(void *user)
{
    struct disk_merge *m = user;

    domain_monitor_dispose(&m->monitor);
}

static int host_pause(void *user, struct diag *diag)
{
    struct disk_merge *m = user;
    int rc = libxl_domain_pause(m->sctx->ctx, m->domain.domid, NULL);

    if (rc) diag_set(diag, "cannot pause the domain");
    return rc;
}

static int host_unpause(void *user, struct diag *diag)
{
    struct disk_merge *m = user;
    int rc = xls_unpause(m->sctx, m->domain.domid, m->domain.paused);

    if (rc)
        diag_set(diag, "the domain could not be unpaused; try 'xl unpause %u'",
                 m->domain.domid);
    return rc;
}

/* The paths even when it could not be recorded: QEMU has gone over. */
static int host_committed(void *user, struct diag *diag)
{
    struct disk_merge *m = user;
    libxl_snapshot_diag why;
    int rc = 0, rc2;

    stage(m, "committed");
    if (m->callbacks && m->callbacks->committed)
        rc = m->callbacks->committed(m->callbacks->user);
    if (rc) diag_set(diag, "%s is the disk's image now, but that could not be "
                     "recorded", m->params->base);
    libxl_snapshot_diag_init(&why);
    rc2 = libxl_disk_set_path(m->sctx, m->domain.domid, m->disk->vdev,
                              m->params->base, m->params->base_format, &why);
    if (rc2 && !rc) take_over(&why, diag, rc2);
    else libxl_snapshot_diag_dispose(&why);
    return rc ? rc : rc2;
}

/* ---- */

static int explain(const struct disk_merge *m, libxl_snapshot_diag *diag,
                   int rc, const struct diag *d)
{
    const char *vdev = m->disk->vdev ? m->disk->vdev : "?";

    return xls_diag(diag, rc, m->disk->vdev, "disk %s: %s", vdev, d->text);
}

/* What a domain is configured to use is its, also while its QEMU is only
 * being started. */
static int check_domains(const struct disk_merge *m, const char *path,
                         libxl_snapshot_diag *diag)
{
    libxl_device_disk disk = *m->disk;
    struct disk_facts facts = { .disk = &disk };
    struct stat st;

    disk.pdev_path = (char *)path;      /* read only */
    if (stat(path, &st)) return 0;      /* whoever needs it will say so */
    facts.dev = st.st_dev;
    facts.ino = st.st_ino;
    return domain_facts_image_unused(m->sctx, &facts, LIBXL_SNAPSHOT_NO_DOMAIN,
                                     diag);
}

static struct image_merge image_merge_of(const struct disk_merge *m,
                                         const struct qemu_img *tool,
                                         const struct image_users_params *users,
                                         const struct qemu_img_watch *watch)
{
    return (struct image_merge){ tool, users, m->params, watch };
}

static int merge_offline(struct disk_merge *m, libxl_snapshot_diag *diag)
{
    const struct qemu_img tool = { m->sctx->qemu_img, m->sctx->lg };
    const struct image_users_params users = { NULL, NULL };
    const struct qemu_img_watch watch = { m, progress_permyriad, cancelled };
    const struct image_merge merge = image_merge_of(m, &tool, &users, &watch);
    const libxl_disk_merge_params *p = m->params;
    struct diag d = { "" };
    struct stat st;
    int rc;

    rc = check_domains(m, p->top, diag);
    if (!rc) rc = check_domains(m, p->base, diag);
    if (rc) return rc;
    if (!stat(p->direction == LIBXL_MERGE_DIRECTION_COMMIT ? p->top : p->base,
              &st))
        m->bytes = (uint64_t)st.st_blocks * 512;
    stage(m, "merge");
    rc = image_merge_run(&merge, &d);
    return rc ? explain(m, diag, rc, &d) : 0;
}

/* What QEMU did not do: headers of images that it does not have open. */
static int complete(struct disk_merge *m, libxl_snapshot_diag *diag)
{
    const struct qemu_img tool = { m->sctx->qemu_img, m->sctx->lg };
    const struct image_users_params users = { NULL, NULL };
    const struct image_merge merge = image_merge_of(m, &tool, &users, NULL);
    struct diag d = { "" };
    int rc;

    rc = image_sync(m->params->direction == LIBXL_MERGE_DIRECTION_COMMIT ?
                    m->params->base : m->params->top, &d);
    if (!rc) rc = image_merge_dependants(&merge, &d);
    return rc ? explain(m, diag, rc, &d) : 0;
}

static int merge_live(struct disk_merge *m, bool *elsewhere_r,
                      libxl_snapshot_diag *diag)
{
    const libxl_disk_merge_params *p = m->params;
    const struct live_merge_params params = {
        .request = {
            .direction = p->direction,
            .vdev = m->disk->vdev,
            .top = { p->top, image_format_name(p->top_format) },
            .base = { p->base, image_format_name(p->base_format) },
            .below = { p->below, p->below ?
                       image_format_name(p->below_format) : NULL },
            .lone = !p->num_dependants,
        },
    };
    const struct merge_host host = {
        .user = m, .open = host_open, .close = host_close,
        .pause = host_pause, .unpause = host_unpause,
        .committed = host_committed, .progress = progress,
        .cancelled = cancelled,
    };
    struct diag d = { "" };
    int rc;

    stage(m, "merge");
    rc = live_merge_run(&params, &host, elsewhere_r, &d);
    if (rc) return explain(m, diag, rc, &d);
    return *elsewhere_r ? 0 : complete(m, diag);
}

static int merge(struct disk_merge *m, uint32_t domid,
                 libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    bool elsewhere = true;
    int rc;

    rc = image_merge_check(m->params, &d);
    if (rc) return explain(m, diag, rc, &d);
    rc = domain_facts_gather(m->sctx, domid, &m->domain, diag);
    if (rc) return rc;
    if (domid != LIBXL_SNAPSHOT_NO_DOMAIN) {
        rc = plan_check_domain(&m->domain, false, diag);
        if (!rc) rc = merge_live(m, &elsewhere, diag);
        if (rc) return rc;
    }
    return elsewhere ? merge_offline(m, diag) : 0;
}

int libxl_disk_merge(libxl_snapshot_ctx *sctx, uint32_t domid,
                     const libxl_device_disk *disk,
                     const libxl_disk_merge_params *params,
                     const libxl_snapshot_callbacks *callbacks,
                     libxl_snapshot_diag *diag)
{
    struct disk_merge m = {
        .sctx = sctx, .disk = disk, .params = params, .callbacks = callbacks,
    };
    int rc;

    domain_facts_init(&m.domain);
    domain_monitor_init(&m.monitor);
    rc = merge(&m, domid, diag);
    domain_monitor_dispose(&m.monitor);
    if (rc) xls_diag(diag, rc, disk->vdev, "%s", libxl_error_to_string(rc));
    return rc;
}

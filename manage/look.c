/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, which takes no lock. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "manage/internal.h"
#include "manage/resolve.h"
#include "manage/sizes.h"

void manage_view_init(struct manage_view *view)
{
    memset(view, 0, sizeof(*view));
    view->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    chain_model_init(&view->chain);
    chain_journal_init(&view->journal);
}

void manage_view_dispose(struct manage_view *view)
{
    free(view->domain);
    chain_model_dispose(&view->chain);
    chain_journal_dispose(&view->journal);
    manage_view_init(view);
}

static int read_files(struct manage *m, struct manage_view *view,
                      struct manage_error *err)
{
    chain_store *store = NULL;
    struct chain_error why;
    bool exists;
    int rc;

    rc = chain_store_open(m->snapshot_dir, view->domain, &store, &why);
    if (!rc) rc = chain_store_exists(store, &exists, &why);
    if (rc) {
        manage_fail_chain(err, &why);
        goto out;
    }
    if (!exists && !view->running) {
        rc = manage_fail(err, MANAGE_NOT_FOUND, "there is no domain '%s',"
                         " running or with snapshots", view->domain);
        goto out;
    }
    rc = chain_store_load(store, &view->chain, &why);
    if (!rc)
        rc = chain_store_journal_read(store, &view->journal, &view->in_flight,
                                      &why);
    if (rc) manage_fail_chain(err, &why);
out:
    chain_store_close(store);
    return rc;
}

int manage_look(struct manage *m, const char *domain,
                struct manage_view *view_r, struct manage_error *err)
{
    struct manage_view view;
    uint32_t domid;
    int rc;

    manage_view_init(&view);
    rc = resolve_domain(m, domain, &view.domain, err);
    if (rc) goto out;
    if (m->ctx && !libxl_name_to_domid(m->ctx, view.domain, &domid)) {
        view.running = true;
        view.domid = domid;
    }
    rc = read_files(m, &view, err);
    if (rc) goto out;
    manage_view_dispose(view_r);
    *view_r = view;
    return 0;
out:
    manage_view_dispose(&view);
    return rc;
}

int manage_check_unused(struct manage *m, const char *vdev,
                        const chain_image *image, struct manage_error *err)
{
    libxl_snapshot_diag diag;
    libxl_device_disk disk;
    int rc;

    rc = image_to_libxl(vdev, image->path, image->format, &disk, err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_snapshot_wait_unused(m->sctx, &disk,
                                         LIBXL_SNAPSHOT_NO_DOMAIN, 0, &diag);
    if (rc == ERROR_NOT_READY)
        rc = manage_fail_library(err, rc, &diag);
    else
        rc = 0;
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&disk);
    return rc;
}

int manage_list_domains(struct manage *m, char ***names_r, int *num_r,
                        struct manage_error *err)
{
    struct chain_error why;
    size_t num;
    int rc;

    rc = chain_store_list_domains(m->snapshot_dir, names_r, &num, &why);
    if (rc) return manage_fail_chain(err, &why);
    *num_r = num;
    return 0;
}

int manage_sizes(struct manage *m, const struct manage_view *view, bool freed,
                 struct manage_size *sizes, struct manage_error *err)
{
    chain_store *store = NULL;
    struct chain_error why;
    int rc;

    rc = chain_store_open(m->snapshot_dir, view->domain, &store, &why);
    if (!rc) rc = sizes_compute(store, &view->chain, freed, sizes, &why);
    chain_store_close(store);
    return rc ? manage_fail_chain(err, &why) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libxl_utils.h>

#include "libxl/domain_facts.h"

void domain_facts_init(struct domain_facts *facts)
{
    memset(facts, 0, sizeof(*facts));
    facts->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    facts->type = LIBXL_DOMAIN_TYPE_INVALID;
    facts->shutdown_reason = LIBXL_SHUTDOWN_REASON_UNKNOWN;
#ifndef LIBXL_HAVE_NO_SUSPEND_RESUME
    facts->can_suspend = true;
#endif
}

static bool has_passthrough(libxl_snapshot_ctx *sctx, uint32_t domid)
{
    libxl_device_pci *pci;
    libxl_device_usbdev *usb;
    int num_pci = 0, num_usb = 0;

    pci = libxl_device_pci_list(sctx->ctx, domid, &num_pci);
    if (pci) libxl_device_pci_list_free(pci, num_pci);
    usb = libxl_device_usbdev_list(sctx->ctx, domid, &num_usb);
    if (usb) libxl_device_usbdev_list_free(usb, num_usb);
    return num_pci || num_usb;
}

static bool has_shadow(libxl_snapshot_ctx *sctx)
{
    libxl_physinfo info;
    bool shadow;

    libxl_physinfo_init(&info);
    shadow = !libxl_get_physinfo(sctx->ctx, &info) && info.cap_shadow;
    libxl_physinfo_dispose(&info);
    return shadow;
}

/*
 * The hypervisor does not tell PVH from HVM, and so libxl_domain_info says
 * HVM for both; the configuration that the domain was created with knows.
 */
static void read_configuration(libxl_snapshot_ctx *sctx, uint32_t domid,
                               struct domain_facts *facts)
{
    libxl_domain_config config;

    libxl_domain_config_init(&config);
    if (!libxl_retrieve_domain_configuration(sctx->ctx, domid, &config,
                                             NULL)) {
        if (facts->type == LIBXL_DOMAIN_TYPE_HVM)
            facts->type = config.c_info.type;
        facts->restricted =
            !libxl_defbool_is_default(config.b_info.dm_restrict) &&
            libxl_defbool_val(config.b_info.dm_restrict);
    }
    libxl_domain_config_dispose(&config);
}

int domain_facts_gather(libxl_snapshot_ctx *sctx, uint32_t domid,
                        struct domain_facts *facts_r,
                        libxl_snapshot_diag *diag)
{
    struct domain_facts facts;
    libxl_dominfo info;
    int rc;

    domain_facts_init(&facts);
    libxl_dominfo_init(&info);
    if (domid == LIBXL_SNAPSHOT_NO_DOMAIN) {
        rc = 0;
        goto out;
    }
    rc = libxl_domain_info(sctx->ctx, &info, domid);
    if (rc) {
        xls_diag(diag, rc, NULL, rc == ERROR_DOMAIN_NOTFOUND
                 ? "there is no domain %u" : "cannot ask Xen about domain %u",
                 domid);
        goto out;
    }
    facts.domid = domid;
    snprintf(facts.uuid, sizeof(facts.uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(info.uuid));
    facts.type = info.domain_type;
    read_configuration(sctx, domid, &facts);
    facts.paused = info.paused;
    facts.shutdown = info.shutdown;
    facts.dying = info.dying;
    facts.shutdown_reason = info.shutdown_reason;
    facts.memory_bytes = info.current_memkb * 1024;
    facts.stubdomain = libxl_get_stubdom_id(sctx->ctx, domid) != 0;
    facts.passthrough = has_passthrough(sctx, domid);
    facts.shadow = has_shadow(sctx);
out:
    libxl_dominfo_dispose(&info);
    if (!rc) *facts_r = facts;
    return rc;
}

/* The truth about who serves a disk is the backend's place in xenstore:
 * /local/domain/<backend domid>/backend/<kind>/<domid>/<devid> */
static bool backend_is(const char *path, const char *kind)
{
    const char *p = strstr(path, "/backend/");
    size_t len = strlen(kind);

    return p && !strncmp(p + strlen("/backend/"), kind, len) &&
           p[strlen("/backend/") + len] == '/';
}

int disk_facts_gather(libxl_snapshot_ctx *sctx, uint32_t domid,
                      const libxl_device_disk *disk,
                      struct disk_facts *facts_r, libxl_snapshot_diag *diag)
{
    struct disk_facts facts = { .disk = disk };
    libxl_diskinfo info;
    struct stat st;
    int rc;

    libxl_diskinfo_init(&info);
    if (domid != LIBXL_SNAPSHOT_NO_DOMAIN) {
        rc = libxl_device_disk_getinfo(sctx->ctx, domid, disk, &info);
        facts.attached = !rc && info.backend;
        if (facts.attached) {
            facts.qdisk = backend_is(info.backend, "qdisk");
            facts.backend_domid = info.backend_id;
        }
    }
    if (!disk->pdev_path || stat(disk->pdev_path, &st)) {
        facts.image_errno = disk->pdev_path ? errno : ENOENT;
    } else {
        facts.regular = S_ISREG(st.st_mode);
        facts.dev = st.st_dev;
        facts.ino = st.st_ino;
    }
    libxl_diskinfo_dispose(&info);
    *facts_r = facts;
    return 0;
}

static bool same_image(const struct disk_facts *facts, const char *path)
{
    struct stat st;

    return path && *path && !stat(path, &st) && st.st_dev == facts->dev &&
           st.st_ino == facts->ino;
}

static int one_domain(libxl_snapshot_ctx *sctx, const struct disk_facts *facts,
                      uint32_t domid, libxl_snapshot_diag *diag)
{
    const char *vdev = facts->disk->vdev ? facts->disk->vdev : "";
    libxl_device_disk *disks;
    char *name;
    int num = 0, i, rc = 0;

    disks = libxl_device_disk_list(sctx->ctx, domid, &num);
    for (i = 0; i < num && !rc; i++) {
        if (!same_image(facts, disks[i].pdev_path)) continue;
        name = libxl_domid_to_name(sctx->ctx, domid);
        /* An image below a disk's has no vdev of its own. */
        rc = xls_diag(diag, ERROR_NOT_READY, vdev, "%s%s%simage %s is in use"
                      " by the domain '%s' (%s); shut that domain down first",
                      *vdev ? "disk " : "the ", vdev, *vdev ? ": its " : "",
                      facts->disk->pdev_path, name ? name : "?",
                      disks[i].vdev);
        free(name);
    }
    if (disks) libxl_device_disk_list_free(disks, num);
    return rc;
}

int domain_facts_image_unused(libxl_snapshot_ctx *sctx,
                              const struct disk_facts *facts,
                              uint32_t except_domid, libxl_snapshot_diag *diag)
{
    libxl_dominfo *domains;
    int num = 0, i, rc = 0;

    domains = libxl_list_domain(sctx->ctx, &num);
    if (!domains)
        return xls_diag(diag, ERROR_FAIL, NULL, "cannot list the domains");
    for (i = 0; i < num && !rc; i++)
        if (domains[i].domid && domains[i].domid != except_domid)
            rc = one_domain(sctx, facts, domains[i].domid, diag);
    libxl_dominfo_list_free(domains, num);
    return rc;
}

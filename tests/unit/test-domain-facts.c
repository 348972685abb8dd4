/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxl says of a domain and its disks becomes the facts that refusals
 * are decided from. Here it says what the test wants.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libxl_utils.h>

#include "libxl/domain_facts.h"
#include "tests/qmp/scratch.h"

static struct {
    libxl_dominfo info;
    libxl_domain_type configured;
    int restricted;             /* -1: left to libxl */
    bool no_configuration;
    int pci, usb;
    int stubdomain;
    bool shadow;
    const char *backend;        /* of the disk; NULL: it is not attached */
    uint32_t backend_domid;
    const char *image_of_8;     /* domain 8 has this one as its xvdq */
} xen;

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    if (domid != 7) return ERROR_DOMAIN_NOTFOUND;
    *info = xen.info;
    return 0;
}

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    if (xen.no_configuration) return ERROR_FAIL;
    config->c_info.type = xen.configured;
    if (xen.restricted >= 0)
        libxl_defbool_set(&config->b_info.dm_restrict, xen.restricted);
    return 0;
}

int libxl_get_physinfo(libxl_ctx *ctx, libxl_physinfo *info)
{
    info->cap_shadow = xen.shadow;
    return 0;
}

int libxl_get_stubdom_id(libxl_ctx *ctx, int domid)
{
    return xen.stubdomain;
}

libxl_device_pci *libxl_device_pci_list(libxl_ctx *ctx, uint32_t domid,
                                        int *num)
{
    *num = xen.pci;
    return NULL;
}

libxl_device_usbdev *libxl_device_usbdev_list(libxl_ctx *ctx, uint32_t domid,
                                              int *num)
{
    *num = xen.usb;
    return NULL;
}

int libxl_device_disk_getinfo(libxl_ctx *ctx, uint32_t domid,
                              const libxl_device_disk *disk,
                              libxl_diskinfo *info)
{
    if (!xen.backend) return ERROR_FAIL;
    info->backend = strdup(xen.backend);
    info->backend_id = xen.backend_domid;
    return 0;
}

/* dom0, the one that is asked about, and another. */
libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *num)
{
    libxl_dominfo *list = calloc(3, sizeof(*list));

    list[1].domid = 7;
    list[2].domid = 8;
    *num = 3;
    return list;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    return strdup(domid == 8 ? "eight" : "seven");
}

libxl_device_disk *libxl_device_disk_list(libxl_ctx *ctx, uint32_t domid,
                                          int *num)
{
    libxl_device_disk *disk = calloc(1, sizeof(*disk));

    libxl_device_disk_init(disk);
    disk->vdev = strdup("xvdq");
    disk->pdev_path = domid == 8 && xen.image_of_8 ? strdup(xen.image_of_8)
                                                   : NULL;
    *num = 1;
    return disk;
}

static struct libxl_snapshot_ctx sctx;

static void reset(void)
{
    memset(&xen, 0, sizeof(xen));
    xen.restricted = -1;
    xen.info.domid = 7;
    xen.info.domain_type = LIBXL_DOMAIN_TYPE_PV;
    xen.info.current_memkb = 2048;
}

static struct domain_facts gather(void)
{
    struct domain_facts facts;

    assert_int_equal(domain_facts_gather(&sctx, 7, &facts, NULL), 0);
    return facts;
}

static void domains(void **state)
{
    struct domain_facts facts;
    libxl_snapshot_diag diag;

    reset();
    facts = gather();
    assert_int_equal(facts.domid, 7);
    assert_int_equal(facts.memory_bytes, 2048 * 1024);
    assert_int_equal(facts.type, LIBXL_DOMAIN_TYPE_PV);
    assert_true(facts.can_suspend);
    assert_false(facts.paused || facts.shutdown || facts.dying ||
                 facts.stubdomain || facts.restricted || facts.passthrough ||
                 facts.shadow);

    xen.info.paused = true;
    assert_true(gather().paused);
    xen.info.shutdown = true;
    assert_true(gather().shutdown);
    xen.info.dying = true;
    assert_true(gather().dying);
    xen.stubdomain = 12;
    assert_true(gather().stubdomain);
    xen.shadow = true;
    assert_true(gather().shadow);
    xen.pci = 1;
    assert_true(gather().passthrough);
    xen.pci = 0;
    xen.usb = 1;
    assert_true(gather().passthrough);

    libxl_snapshot_diag_init(&diag);
    assert_int_equal(domain_facts_gather(&sctx, 9, &facts, &diag),
                     ERROR_DOMAIN_NOTFOUND);
    assert_non_null(strstr(diag.message, "no domain 9"));
    libxl_snapshot_diag_dispose(&diag);
    assert_int_equal(domain_facts_gather(&sctx, LIBXL_SNAPSHOT_NO_DOMAIN,
                                         &facts, NULL), 0);
    assert_int_equal(facts.domid, LIBXL_SNAPSHOT_NO_DOMAIN);
}

/* Xen says HVM of a PVH domain; and of dm_restrict it knows nothing. */
static void configured(void **state)
{
    reset();
    xen.info.domain_type = LIBXL_DOMAIN_TYPE_HVM;
    xen.configured = LIBXL_DOMAIN_TYPE_PVH;
    assert_int_equal(gather().type, LIBXL_DOMAIN_TYPE_PVH);
    xen.configured = LIBXL_DOMAIN_TYPE_HVM;
    assert_int_equal(gather().type, LIBXL_DOMAIN_TYPE_HVM);
    xen.restricted = 0;
    assert_false(gather().restricted);
    xen.restricted = 1;
    assert_true(gather().restricted);
    xen.info.domain_type = LIBXL_DOMAIN_TYPE_PV;
    assert_true(gather().restricted);
    assert_int_equal(gather().type, LIBXL_DOMAIN_TYPE_PV);
    xen.no_configuration = true;
    assert_false(gather().restricted);
}

static void disks(void **state)
{
    static const struct {
        const char *backend;
        uint32_t domid;
        bool attached, qdisk;
    } cases[] = {
        { "/local/domain/0/backend/qdisk/7/51712", 0, true, true },
        { "/local/domain/0/backend/vbd/7/51712", 0, true, false },
        { "/local/domain/0/backend/vbd3/7/51712", 0, true, false },
        { "/local/domain/0/backend/9pfs/7/51712", 0, true, false },
        { "/local/domain/3/backend/qdisk/7/51712", 3, true, true },
        { "/local/domain/0/backend/qdisks/7/51712", 0, true, false },
        { NULL, 0, false, false },
    };
    libxl_device_disk disk = { .vdev = (char *)"xvda",
                               .pdev_path = (char *)"/nonexistent/image" };
    struct disk_facts facts;
    size_t i;

    reset();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        xen.backend = cases[i].backend;
        xen.backend_domid = cases[i].domid;
        assert_int_equal(disk_facts_gather(&sctx, 7, &disk, &facts, NULL), 0);
        assert_int_equal(facts.attached, cases[i].attached);
        assert_int_equal(facts.qdisk, cases[i].qdisk);
        assert_int_equal(facts.backend_domid, cases[i].domid);
        assert_int_equal(facts.image_errno, ENOENT);
    }
}

/* By whatever name the other domain has it. */
static void two_domains(void **state)
{
    libxl_device_disk disk = { .vdev = (char *)"xvda" };
    char image[128], link[128];
    libxl_snapshot_diag diag;
    struct disk_facts facts;
    struct scratch scratch;

    reset();
    scratch_make(&scratch);
    scratch_write(&scratch, "image", "x", 0600);
    strcpy(image, scratch_path(&scratch, "image"));
    strcpy(link, scratch_path(&scratch, "link"));
    assert_int_equal(symlink("image", link), 0);
    disk.pdev_path = image;
    assert_int_equal(disk_facts_gather(&sctx, 7, &disk, &facts, NULL), 0);
    assert_int_equal(facts.image_errno, 0);
    assert_true(facts.regular);
    assert_int_equal(domain_facts_image_unused(&sctx, &facts, 7, NULL), 0);

    xen.image_of_8 = link;
    libxl_snapshot_diag_init(&diag);
    assert_int_equal(domain_facts_image_unused(&sctx, &facts, 7, &diag),
                     ERROR_NOT_READY);
    assert_string_equal(diag.vdev, "xvda");
    assert_non_null(strstr(diag.message, "is in use by the domain 'eight'"
                           " (xvdq); shut that domain down first"));
    libxl_snapshot_diag_dispose(&diag);
    assert_int_equal(domain_facts_image_unused(&sctx, &facts, 8, NULL), 0);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(configured),
        cmocka_unit_test(disks),
        cmocka_unit_test(two_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The refusals, each with the words that make it useful, and the order. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libxl/plan.h"

static char vdev_a[] = "xvda", vdev_b[] = "xvdb";
static char path_a[] = "/images/a.qcow2", path_b[] = "/images/b.qcow2";
static char name[] = "before-upgrade";

struct fixture {
    struct domain_facts domain;
    libxl_device_disk disk[2];
    libxl_snapshot_handle handle[2];
    struct plan_disk disks[2];
};

/* A running PV guest with two good qcow2 disks. */
static void fixture_init(struct fixture *f)
{
    int i;

    memset(f, 0, sizeof(*f));
    domain_facts_init(&f->domain);
    f->domain.domid = 7;
    f->domain.type = LIBXL_DOMAIN_TYPE_PV;
    f->domain.can_suspend = true;
    for (i = 0; i < 2; i++) {
        f->disk[i].vdev = i ? vdev_b : vdev_a;
        f->disk[i].pdev_path = i ? path_b : path_a;
        f->disk[i].format = LIBXL_DISK_FORMAT_QCOW2;
        f->disk[i].readwrite = 1;
        libxl_snapshot_handle_init(&f->handle[i]);
        f->handle[i].format = LIBXL_DISK_FORMAT_QCOW2;
        f->handle[i].u.qcow2.name = name;
        f->disks[i].facts = (struct disk_facts){
            .disk = &f->disk[i], .attached = true, .qdisk = true,
            .regular = true, .dev = 1, .ino = 100 + i,
        };
        f->disks[i].handle = &f->handle[i];
        f->disks[i].node = i ? "xvdb-qcow2" : "xvda-qcow2";
    }
}

static void expect(int rc, int want_rc, libxl_snapshot_diag *diag,
                   const char *words)
{
    assert_int_equal(rc, want_rc);
    assert_non_null(diag->message);
    if (!strstr(diag->message, words))
        fail_msg("'%s' does not say '%s'", diag->message, words);
    assert_null(strchr(diag->message, '\n'));
    libxl_snapshot_diag_dispose(diag);
}

static void refuse_domain(struct fixture *f, bool memory, int rc,
                          const char *words)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    expect(plan_check_domain(&f->domain, memory, &diag), rc, &diag, words);
}

static void allow_domain(struct fixture *f, bool memory)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    assert_int_equal(plan_check_domain(&f->domain, memory, &diag), 0);
    assert_null(diag.message);
}

static void domains(void **state)
{
    struct fixture f;

    fixture_init(&f);
    allow_domain(&f, true);
    allow_domain(&f, false);

    f.domain.paused = true;
    refuse_domain(&f, true, ERROR_INVAL, "unpause it");
    allow_domain(&f, false);

    fixture_init(&f);
    f.domain.passthrough = true;
    refuse_domain(&f, true, ERROR_INVAL, "PCI or USB");
    allow_domain(&f, false);

    fixture_init(&f);
    f.domain.shutdown = true;
    refuse_domain(&f, true, ERROR_INVAL, "shut down");
    allow_domain(&f, false);

    fixture_init(&f);
    f.domain.dying = true;
    refuse_domain(&f, true, ERROR_NOT_READY, "being destroyed");
    refuse_domain(&f, false, ERROR_NOT_READY, "being destroyed");

    fixture_init(&f);
    f.domain.stubdomain = true;
    refuse_domain(&f, false, ERROR_INVAL, "stub domain");

    fixture_init(&f);
    f.domain.restricted = true;
    refuse_domain(&f, true, ERROR_INVAL, "without dm_restrict");
    refuse_domain(&f, false, ERROR_INVAL, "without dm_restrict");

    fixture_init(&f);
    f.domain.can_suspend = false;
    refuse_domain(&f, true, ERROR_INVAL, "disk-only");
    allow_domain(&f, false);

    fixture_init(&f);
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    refuse_domain(&f, true, ERROR_INVAL, "not running");
    allow_domain(&f, false);
}

static void refuse_disk(struct fixture *f, int rc, const char *words)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    assert_int_equal(plan_check_disk(&f->domain, &f->disks[0].facts,
                                     &f->handle[0], &diag), rc);
    if (f->disk[0].vdev) assert_string_equal(diag.vdev, "xvda");
    expect(rc, rc, &diag, words);
}

static void disks(void **state)
{
    static const char *const bad_names[] = {
        "", "1", "1a", "../x", "a/b", "a b", "a\nb", "-x", "\xc3\xa4",
    };
    struct fixture f;
    char long_name[102];
    size_t i;

    fixture_init(&f);
    assert_int_equal(plan_check_disk(&f.domain, &f.disks[0].facts,
                                     &f.handle[0], NULL), 0);

    f.disks[0].facts.qdisk = false;
    refuse_disk(&f, ERROR_INVAL, "backendtype=qdisk");
    /* Of a domain that is off, nobody serves anything. */
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    assert_int_equal(plan_check_disk(&f.domain, &f.disks[0].facts,
                                     &f.handle[0], NULL), 0);

    fixture_init(&f);
    f.disks[0].facts.attached = false;
    refuse_disk(&f, ERROR_NOTFOUND, "not attached");

    fixture_init(&f);
    f.disks[0].facts.backend_domid = 3;
    refuse_disk(&f, ERROR_INVAL, "driver domain");

    fixture_init(&f);
    f.disk[0].is_cdrom = 1;
    refuse_disk(&f, ERROR_INVAL, "CD-ROM");

    fixture_init(&f);
    f.disk[0].format = LIBXL_DISK_FORMAT_RAW;
    refuse_disk(&f, ERROR_INVAL, "handle is for qcow2");
    libxl_snapshot_handle_init(&f.handle[0]);
    f.handle[0].format = LIBXL_DISK_FORMAT_RAW;
    refuse_disk(&f, ERROR_INVAL, "take an external one");
    f.disk[0].format = LIBXL_DISK_FORMAT_VHD;
    refuse_disk(&f, ERROR_INVAL, "convert its image to qcow2");

    fixture_init(&f);
    f.disk[0].pdev_path = NULL;
    refuse_disk(&f, ERROR_INVAL, "without a vdev");

    fixture_init(&f);
    f.disks[0].facts.image_errno = ENOENT;
    refuse_disk(&f, ERROR_INVAL, "No such file");

    for (i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
        fixture_init(&f);
        f.handle[0].u.qcow2.name = (char *)bad_names[i];
        refuse_disk(&f, ERROR_INVAL, "a letter, then");
    }
    memset(long_name, 'a', 101);
    long_name[101] = 0;
    f.handle[0].u.qcow2.name = long_name;
    refuse_disk(&f, ERROR_INVAL, "100 at most");
    long_name[100] = 0;
    assert_int_equal(plan_check_disk(&f.domain, &f.disks[0].facts,
                                     &f.handle[0], NULL), 0);
}

/* ---- external ---- */

static char new_a[] = "/images/a.new", new_b[] = "/images/b.new";

static libxl_snapshot_overlay *overlay_of(struct fixture *f, int i)
{
    return (libxl_snapshot_overlay *)plan_overlay(&f->handle[i]);
}

/* Disk i is of that format and gets a new overlay. */
static void make_external(struct fixture *f, int i, libxl_disk_format format)
{
    libxl_snapshot_handle *h = &f->handle[i];
    libxl_snapshot_overlay *o;

    f->disk[i].format = format;
    libxl_snapshot_handle_init(h);
    libxl_snapshot_handle_init_format(h, format);
    o = format == LIBXL_DISK_FORMAT_QCOW2 ? &h->u.qcow2.overlay
        : format == LIBXL_DISK_FORMAT_RAW ? &h->u.raw.overlay
        : &h->u.qed.overlay;
    o->path = i ? new_b : new_a;
    o->format = LIBXL_DISK_FORMAT_QCOW2;
    f->disks[i].overlay = (struct overlay_facts){
        .path_errno = ENOENT, .dir_dev = 1, .dir_ino = 2,
    };
    f->disks[i].overlay_node = i ? "xls-ovl-51728-1" : "xls-ovl-51712-1";
}

/* There is an empty one on the disk's image. */
static void make_reused(struct fixture *f, int i)
{
    overlay_of(f, i)->reuse = true;
    f->disks[i].overlay = (struct overlay_facts){
        .regular = true, .dev = 1, .ino = 200 + i, .dir_dev = 1, .dir_ino = 2,
        .looked = true, .virtual_size = 1 << 20, .has_backing = true,
        .backing_found = true, .backing_dev = 1, .backing_ino = 100 + i,
        .backing_format = "qcow2", .empty = true,
    };
}

static int check_external(struct fixture *f, libxl_snapshot_diag *diag)
{
    struct plan_disk *d = &f->disks[0];
    libxl_snapshot_overlay *o = overlay_of(f, 0);
    int rc;

    rc = plan_check_disk(&f->domain, &d->facts, d->handle, diag);
    if (!rc) rc = plan_check_overlay(&d->facts, o, &d->overlay, diag);
    if (!rc && o->reuse)
        rc = plan_check_overlay_contents(&d->facts, o, &d->overlay,
            xls_format_driver(f->disk[0].format), 1 << 20, diag);
    return rc;
}

static void refuse_external(struct fixture *f, const char *words)
{
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = check_external(f, &diag);
    assert_string_equal(diag.vdev, "xvda");
    expect(rc, ERROR_INVAL, &diag, words);
}

static void external(void **state)
{
    static const libxl_disk_format formats[] = {
        LIBXL_DISK_FORMAT_QCOW2, LIBXL_DISK_FORMAT_RAW, LIBXL_DISK_FORMAT_QED,
    };
    char long_path[1100];
    struct fixture f;
    size_t i;

    for (i = 0; i < 3; i++) {
        fixture_init(&f);
        make_external(&f, 0, formats[i]);
        assert_int_equal(check_external(&f, NULL), 0);
        overlay_of(&f, 0)->format = LIBXL_DISK_FORMAT_QED;
        assert_int_equal(check_external(&f, NULL), 0);
        f.disks[0].facts.qdisk = false;
        refuse_external(&f, "backendtype=qdisk");
    }

    fixture_init(&f);
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    f.handle[0].u.qcow2.name = name;
    refuse_external(&f, "internal ('before-upgrade') and external");
    f.handle[0].u.qcow2.name = NULL;
    f.handle[0].u.qcow2.overlay.path = NULL;
    refuse_disk(&f, ERROR_INVAL, "a letter, then");

    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    overlay_of(&f, 0)->format = LIBXL_DISK_FORMAT_RAW;
    refuse_external(&f, "qcow2 or qed, not raw");
    overlay_of(&f, 0)->format = LIBXL_DISK_FORMAT_UNKNOWN;
    refuse_external(&f, "qcow2 or qed, not unknown");

    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    overlay_of(&f, 0)->path = vdev_a;
    refuse_external(&f, "not absolute");
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    f.disk[0].pdev_path = vdev_a;
    refuse_external(&f, "could not name it");
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[1024] = 0;
    f.disk[0].pdev_path = long_path;
    refuse_external(&f, "over 1023 bytes");
    f.disk[0].pdev_path = path_a;

    f.disks[0].overlay.path_errno = 0;
    refuse_external(&f, "exists already");
    f.disks[0].overlay.path_errno = EACCES;
    refuse_external(&f, "Permission denied");
    f.disks[0].overlay.path_errno = ENOENT;
    f.disks[0].overlay.dir_errno = ENOTDIR;
    refuse_external(&f, "Not a directory");
}

static void reused(void **state)
{
    struct fixture f;
    struct overlay_facts *o = &f.disks[0].overlay;

    fixture_init(&f);
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    make_reused(&f, 0);
    assert_int_equal(check_external(&f, NULL), 0);
    o->regular = false;
    refuse_external(&f, "neither a file nor");
    o->block = true;
    assert_int_equal(check_external(&f, NULL), 0);
    o->path_errno = ENOENT;
    refuse_external(&f, "to be reused, but");

    make_reused(&f, 0);
    o->ino = 100;
    refuse_external(&f, "the disk's own image");
    make_reused(&f, 0);
    o->backing_ino = 101;
    refuse_external(&f, "does not have the disk's image");
    make_reused(&f, 0);
    o->backing_found = false;
    refuse_external(&f, "qemu-img create -b /images/a.qcow2 -F qcow2");
    make_reused(&f, 0);
    o->has_backing = false;
    refuse_external(&f, "does not have the disk's image");
    make_reused(&f, 0);
    strcpy(o->backing_format, "raw");
    refuse_external(&f, "its backing image is raw, but it is qcow2");
    o->backing_format[0] = 0;
    refuse_external(&f, "of some format");
    overlay_of(&f, 0)->format = LIBXL_DISK_FORMAT_QED;
    assert_int_equal(check_external(&f, NULL), 0);

    make_reused(&f, 0);
    o->virtual_size--;
    refuse_external(&f, "less than the disk's");
    make_reused(&f, 0);
    o->virtual_size++;
    assert_int_equal(check_external(&f, NULL), 0);
    o->empty = false;
    refuse_external(&f, "would hide the disk's");
    o->bitmaps = true;
    refuse_external(&f, "dirty bitmaps");
    o->snapshots = true;
    refuse_external(&f, "holds snapshots");
    o->unsound = true;
    refuse_external(&f, "corrupt");

    /* qed says only "raw" or nothing. */
    fixture_init(&f);
    make_external(&f, 0, LIBXL_DISK_FORMAT_RAW);
    make_reused(&f, 0);
    overlay_of(&f, 0)->format = LIBXL_DISK_FORMAT_QED;
    o->backing_format[0] = 0;
    refuse_external(&f, "of some format, but it is raw");
    strcpy(o->backing_format, "raw");
    assert_int_equal(check_external(&f, NULL), 0);
}

static void refuse_together(struct fixture *f, const char *words)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    expect(plan_check_disks(f->disks, 2, &diag), ERROR_INVAL, &diag, words);
}

static void external_together(void **state)
{
    struct fixture f;

    fixture_init(&f);
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    assert_int_equal(plan_check_disks(f.disks, 2, NULL), 0);
    make_external(&f, 1, LIBXL_DISK_FORMAT_RAW);
    assert_int_equal(plan_check_disks(f.disks, 2, NULL), 0);
    overlay_of(&f, 1)->path = new_a;
    refuse_together(&f, "the same overlay");
    f.disks[1].overlay.dir_ino++;       /* not the same place, after all */
    assert_int_equal(plan_check_disks(f.disks, 2, NULL), 0);

    make_external(&f, 1, LIBXL_DISK_FORMAT_RAW);
    make_reused(&f, 0);
    make_reused(&f, 1);
    assert_int_equal(plan_check_disks(f.disks, 2, NULL), 0);
    f.disks[1].overlay.ino = f.disks[0].overlay.ino;
    refuse_together(&f, "the same overlay");
    f.disks[1].overlay.ino = f.disks[0].facts.ino;
    refuse_together(&f, "disk xvdb: its overlay /images/b.new is the image of");
    make_reused(&f, 1);
    f.disks[0].overlay.ino = f.disks[1].facts.ino;
    refuse_together(&f, "disk xvda: its overlay /images/a.new is the image of");
}

static void disks_together(void **state)
{
    libxl_snapshot_diag diag;
    struct fixture f;

    fixture_init(&f);
    assert_int_equal(plan_check_disks(f.disks, 2, NULL), 0);

    libxl_snapshot_diag_init(&diag);
    f.disks[1].facts.ino = f.disks[0].facts.ino;
    expect(plan_check_disks(f.disks, 2, &diag), ERROR_INVAL, &diag,
           "the same image");

    fixture_init(&f);
    f.disk[1].vdev = vdev_a;
    expect(plan_check_disks(f.disks, 2, &diag), ERROR_INVAL, &diag,
           "named twice");
}

static void order_of(struct fixture *f, const struct plan_wish *wish,
                     int num_disks, const char *want)
{
    static const char letters[] = "?FSPDdICAURoaOsztmMcH";
    libxl_snapshot_plan plan;
    char got[32];
    int i;

    assert_int_equal(plan_snapshot_create(&f->domain, wish, f->disks,
                                          num_disks, &plan), 0);
    for (i = 0; i < plan.num_actions; i++)
        got[i] = letters[plan.actions[i].type];
    got[i] = 0;
    assert_string_equal(got, want);
    for (i = 0; i < plan.num_actions; i++) {
        if (got[i] != 'D') continue;
        assert_string_equal(plan.actions[i].name, name);
        assert_string_equal(plan.actions[i].node,
                            strcmp(plan.actions[i].vdev, "xvda")
                            ? "xvdb-qcow2" : "xvda-qcow2");
    }
    libxl_snapshot_plan_dispose(&plan);
}

static void order(struct fixture *f, bool memory, const char *want)
{
    const struct plan_wish wish = { .memory = memory };

    order_of(f, &wish, 2, want);
}

static void hook_order(struct fixture *f, bool memory, int num_disks,
                       const char *want)
{
    const struct plan_wish wish = { .memory = memory, .hook = true };

    order_of(f, &wish, num_disks, want);
}

static void orders(void **state)
{
    struct fixture f;

    fixture_init(&f);
    order(&f, true, "FFSDDR");
    order(&f, false, "FFPDDU");
    f.domain.paused = true;         /* by the administrator: it stays so */
    order(&f, false, "FFDD");
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    order(&f, false, "IIFF");
}

static void external_orders(void **state)
{
    const struct plan_wish disks_alone = { .memory = false };
    libxl_snapshot_plan plan;
    struct fixture f;

    fixture_init(&f);
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    order(&f, true, "oaFFSDOsR");
    order(&f, false, "oaFFPDOsU");
    f.domain.paused = true;
    order(&f, false, "oaFFDOs");
    f.domain.paused = false;
    make_external(&f, 1, LIBXL_DISK_FORMAT_RAW);
    order(&f, false, "ooaaFFPOOssU");
    make_reused(&f, 0);
    order(&f, false, "oaaFFPOOssU");

    assert_int_equal(plan_snapshot_create(&f.domain, &disks_alone, f.disks, 2,
                                          &plan), 0);
    assert_string_equal(plan.actions[0].path, new_b);
    assert_string_equal(plan.actions[1].path, new_a);
    assert_string_equal(plan.actions[1].node, "xls-ovl-51712-1");
    assert_string_equal(plan.actions[3].path, path_a);
    assert_string_equal(plan.actions[6].path, new_a);
    assert_string_equal(plan.actions[6].node, "xvda-qcow2");
    assert_null(plan.actions[6].name);
    libxl_snapshot_plan_dispose(&plan);

    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    order(&f, false, "oFF");
    fixture_init(&f);
    make_external(&f, 1, LIBXL_DISK_FORMAT_QED);
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    order(&f, false, "oIFF");
}

/* While the guest stands still, and before what cannot be undone. */
static void hook_orders(void **state)
{
    struct fixture f;

    fixture_init(&f);
    hook_order(&f, true, 2, "FFSHDDR");
    hook_order(&f, false, 2, "FFPHDDU");
    hook_order(&f, true, 0, "SHR");
    hook_order(&f, false, 0, "PHU");
    make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    hook_order(&f, false, 2, "oaFFPHDOsU");
    f.domain.paused = true;
    hook_order(&f, false, 0, "H");
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    hook_order(&f, false, 0, "H");
    hook_order(&f, false, 2, "oHIFF");
}

static void live(void **state)
{
    struct fixture f;

    fixture_init(&f);
    assert_false(plan_live(&f.domain));
    f.domain.shadow = true;
    assert_true(plan_live(&f.domain));
    f.domain.type = LIBXL_DOMAIN_TYPE_HVM;
    assert_false(plan_live(&f.domain));
    f.domain.shadow = false;
    f.domain.type = LIBXL_DOMAIN_TYPE_PVH;
    assert_true(plan_live(&f.domain));
}

/* ---- every refusal, for each kind of snapshot ---- */

enum trouble {
    PHY, DRIVER_DOMAIN, DETACHED, CDROM, NO_IMAGE, IMAGE_GONE, STUBDOMAIN,
    RESTRICTED, PASSTHROUGH, PAUSED, SHUT_DOWN, DYING, ARM, TWO_DISKS_ONE_IMAGE,
    NUM_TROUBLES
};

static const struct refusal {
    enum trouble trouble;
    bool disks_too;             /* a disk-only one is refused as well */
    int rc;
    const char *words;
} refusals[] = {
    { PHY, true, ERROR_INVAL, "disk xvda is not served by QEMU" },
    { DRIVER_DOMAIN, true, ERROR_INVAL,
      "disk xvda is served by a driver domain (3)" },
    { DETACHED, true, ERROR_NOTFOUND, "disk xvda is not attached" },
    { CDROM, true, ERROR_INVAL, "disk xvda is a CD-ROM" },
    { NO_IMAGE, true, ERROR_INVAL, "a disk without a vdev or an image" },
    { IMAGE_GONE, true, ERROR_INVAL, "cannot be reached: No such file" },
    { STUBDOMAIN, true, ERROR_INVAL, "runs in a stub domain" },
    { RESTRICTED, true, ERROR_INVAL, "(dm_restrict)" },
    { PASSTHROUGH, false, ERROR_INVAL, "PCI or USB devices of the host" },
    { PAUSED, false, ERROR_INVAL, "unpause it, or take a disk-only snapshot" },
    { SHUT_DOWN, false, ERROR_INVAL, "has shut down or crashed" },
    { DYING, true, ERROR_NOT_READY, "is being destroyed" },
    { ARM, false, ERROR_INVAL, "take a disk-only snapshot" },
    { TWO_DISKS_ONE_IMAGE, true, ERROR_INVAL, "are the same image" },
};

static void trouble(struct fixture *f, enum trouble trouble)
{
    switch (trouble) {
    case PHY:           f->disks[0].facts.qdisk = false;            break;
    case DRIVER_DOMAIN: f->disks[0].facts.backend_domid = 3;        break;
    case DETACHED:      f->disks[0].facts.attached = false;         break;
    case CDROM:         f->disk[0].is_cdrom = 1;                    break;
    case NO_IMAGE:      f->disk[0].pdev_path = NULL;                break;
    case IMAGE_GONE:    f->disks[0].facts.image_errno = ENOENT;     break;
    case STUBDOMAIN:    f->domain.stubdomain = true;                break;
    case RESTRICTED:    f->domain.restricted = true;                break;
    case PASSTHROUGH:   f->domain.passthrough = true;               break;
    case PAUSED:        f->domain.paused = true;                    break;
    case SHUT_DOWN:     f->domain.shutdown = true;                  break;
    case DYING:         f->domain.dying = true;                     break;
    case ARM:           f->domain.can_suspend = false;              break;
    case TWO_DISKS_ONE_IMAGE:
        f->disks[1].facts.ino = f->disks[0].facts.ino;
        break;
    case NUM_TROUBLES:  fail();
    }
}

/* All that is checked before QEMU is asked, in the order in which it is. */
static int check_all(struct fixture *f, bool memory, libxl_snapshot_diag *diag)
{
    const libxl_snapshot_overlay *overlay;
    int i, rc = 0;

    for (i = 0; i < 2 && !rc; i++) {
        struct plan_disk *d = &f->disks[i];

        rc = plan_check_disk(&f->domain, &d->facts, d->handle, diag);
        overlay = plan_overlay(d->handle);
        if (!rc && overlay)
            rc = plan_check_overlay(&d->facts, overlay, &d->overlay, diag);
    }
    if (!rc) rc = plan_check_disks(f->disks, 2, diag);
    return rc ? rc : plan_check_domain(&f->domain, memory, diag);
}

static void try_refusal(const struct refusal *r, bool memory, bool external)
{
    libxl_snapshot_diag diag;
    struct fixture f;
    int rc;

    fixture_init(&f);
    if (external) make_external(&f, 0, LIBXL_DISK_FORMAT_QCOW2);
    if (external) make_external(&f, 1, LIBXL_DISK_FORMAT_QCOW2);
    libxl_snapshot_diag_init(&diag);
    assert_int_equal(check_all(&f, memory, &diag), 0);
    trouble(&f, r->trouble);
    rc = check_all(&f, memory, &diag);
    if (memory || r->disks_too)
        expect(rc, r->rc, &diag, r->words);
    else
        assert_int_equal(rc, 0);
}

static void every_refusal(void **state)
{
    size_t i;

    assert_int_equal(sizeof(refusals) / sizeof(refusals[0]), NUM_TROUBLES);
    for (i = 0; i < NUM_TROUBLES; i++) {
        assert_int_equal(refusals[i].trouble, i);
        try_refusal(&refusals[i], true, false);
        try_refusal(&refusals[i], true, true);
        try_refusal(&refusals[i], false, false);
        try_refusal(&refusals[i], false, true);
    }
}

/* ---- quiescing ---- */

static void refuse_quiesce(struct fixture *f, bool memory, const char *words)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    expect(plan_check_quiesce(&f->domain, memory, &diag), ERROR_INVAL, &diag,
           words);
}

static void quiesce_refusals(void **state)
{
    struct fixture f;

    fixture_init(&f);
    assert_int_equal(plan_check_quiesce(&f.domain, false, NULL), 0);
    refuse_quiesce(&f, true, "disk-only");
    f.domain.paused = true;
    refuse_quiesce(&f, false, "unpause it");

    fixture_init(&f);
    f.domain.shutdown = true;
    refuse_quiesce(&f, false, "shut down");

    fixture_init(&f);
    f.domain.domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    refuse_quiesce(&f, false, "not running");
}

/* The letters of a plan's actions; see below. */
static const struct letter {
    char letter;
    libxl_snapshot_action_type type;
} letters[] = {
    { 'f', LIBXL_SNAPSHOT_ACTION_TYPE_FLUSH_IMAGE },
    { 'p', LIBXL_SNAPSHOT_ACTION_TYPE_PAUSE },
    { 'd', LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_CREATE },
    { 'u', LIBXL_SNAPSHOT_ACTION_TYPE_UNPAUSE },
    { 'c', LIBXL_SNAPSHOT_ACTION_TYPE_OVERLAY_CREATE },
    { 'a', LIBXL_SNAPSHOT_ACTION_TYPE_OVERLAY_ATTACH },
    { 'o', LIBXL_SNAPSHOT_ACTION_TYPE_DISK_SNAPSHOT_OVERLAY },
    { 's', LIBXL_SNAPSHOT_ACTION_TYPE_STORE_PATH },
    { 'F', LIBXL_SNAPSHOT_ACTION_TYPE_FREEZE },
    { 'T', LIBXL_SNAPSHOT_ACTION_TYPE_THAW },
};
#define NUM_LETTERS (sizeof(letters) / sizeof(letters[0]))

static void quiesced_is(const char *before, const char *after)
{
    libxl_snapshot_plan plan;
    char found[32] = "";
    size_t j;
    int i;

    libxl_snapshot_plan_init(&plan);
    plan.num_actions = strlen(before);
    plan.actions = calloc(plan.num_actions + 1, sizeof(*plan.actions));
    for (i = 0; before[i]; i++)
        for (j = 0; j < NUM_LETTERS; j++)
            if (letters[j].letter == before[i])
                plan.actions[i].type = letters[j].type;
    assert_int_equal(plan_add_quiesce(&plan), 0);
    for (i = 0; i < plan.num_actions; i++)
        for (j = 0; j < NUM_LETTERS; j++)
            if (letters[j].type == plan.actions[i].type)
                found[i] = letters[j].letter;
    assert_string_equal(found, after);
    libxl_snapshot_plan_dispose(&plan);
}

/* As late as can be, but before the flush; and right after the unpause. */
static void quiesced_plans(void **state)
{
    quiesced_is("ffpddu", "FffpdduT");
    quiesced_is("pdu", "FpduT");
    quiesced_is("cafpodsu", "caFfpodsuT");
    quiesced_is("ffcapdou", "ffcaFpdouT");
    quiesced_is("fpdus", "FfpduTs");
    quiesced_is("fd", "FfdT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(disks),
        cmocka_unit_test(external),
        cmocka_unit_test(reused),
        cmocka_unit_test(external_together),
        cmocka_unit_test(disks_together),
        cmocka_unit_test(orders),
        cmocka_unit_test(external_orders),
        cmocka_unit_test(hook_orders),
        cmocka_unit_test(live),
        cmocka_unit_test(every_refusal),
        cmocka_unit_test(quiesce_refusals),
        cmocka_unit_test(quiesced_plans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

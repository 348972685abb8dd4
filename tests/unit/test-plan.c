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
    f.handle[0].format = LIBXL_DISK_FORMAT_RAW;
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

static void order(struct fixture *f, bool memory, const char *want)
{
    static const char letters[] = "?FSPDdICAUR";
    libxl_snapshot_plan plan;
    char got[32];
    int i;

    assert_int_equal(plan_snapshot_create(&f->domain, memory, f->disks, 2,
                                          &plan), 0);
    for (i = 0; i < plan.num_actions; i++)
        got[i] = letters[plan.actions[i].type];
    got[i] = 0;
    assert_string_equal(got, want);
    for (i = 0; i < plan.num_actions; i++) {
        if (got[i] != 'D') continue;
        assert_string_equal(plan.actions[i].name, name);
        assert_string_equal(plan.actions[i].node, got[i - 1] == 'D'
                            ? "xvdb-qcow2" : "xvda-qcow2");
    }
    libxl_snapshot_plan_dispose(&plan);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(disks),
        cmocka_unit_test(disks_together),
        cmocka_unit_test(orders),
        cmocka_unit_test(live),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

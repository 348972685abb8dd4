/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a guest whose memory is taken, with libxl played. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libxl/memory.h"

/* ---- a domain, and what libxl makes of it ---- */

static struct {
    int rc[2];                  /* of each try to save it */
    libxl_dominfo after;        /* what it is then */
    int info_rc;                /* what asking about it then says */
    int tries, lives, resumes;
    bool tried;                 /* the last of these is over */
} xen;

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *how)
{
    int rc = xen.rc[xen.tries++ ? 1 : 0];

    if (flags & LIBXL_SUSPEND_LIVE) xen.lives++;
    assert_int_equal(write(fd, "memory of a guest", 17), 17);
    xen.tried = !rc || xen.tries == 2 || !(flags & LIBXL_SUSPEND_LIVE) ||
                xen.after.shutdown || xen.info_rc;
    return rc;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    if (!xen.tried) return 0;
    if (xen.info_rc) return xen.info_rc;
    info->shutdown = xen.after.shutdown;
    info->shutdown_reason = xen.after.shutdown_reason;
    info->dying = xen.after.dying;
    return 0;
}

int libxl_domain_resume(libxl_ctx *ctx, uint32_t domid, int suspend_cancel,
                        const libxl_asyncop_how *how)
{
    assert_int_equal(suspend_cancel, 1);
    xen.resumes++;
    return 0;
}

/* ---- */

struct fixture {
    libxl_snapshot_ctx sctx;
    struct domain_facts domain;
    struct memory_capture memory;
    libxl_domain_snapshot_args args;
    libxl_snapshot_diag diag;
    libxl_domain_snapshot_result result;
    libxl_memory_target target;
    FILE *file;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    memset(&xen, 0, sizeof(xen));
    f->domain.domid = 5;
    f->domain.type = LIBXL_DOMAIN_TYPE_PVH;
    f->domain.memory_bytes = 1 << 20;
    memory_capture_init(&f->memory);
    libxl_domain_snapshot_args_init(&f->args);
    libxl_snapshot_diag_init(&f->diag);
    libxl_domain_snapshot_result_init(&f->result);
    f->file = tmpfile();
    if (f->file) f->target.fd = fileno(f->file);
    *state = f;
    return f->file ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    memory_capture_dispose(&f->memory);
    libxl_domain_snapshot_args_dispose(&f->args);
    libxl_snapshot_diag_dispose(&f->diag);
    fclose(f->file);
    free(f);
    return 0;
}

static int capture(struct fixture *f)
{
    return memory_capture(&f->memory, &f->sctx, &f->domain, &f->args,
                          &f->target, NULL, &f->diag);
}

static void is_left_alone(struct fixture *f, const char *words)
{
    assert_non_null(f->diag.message);
    assert_non_null(strstr(f->diag.message, words));
    assert_int_equal(memory_release(&f->memory, &f->diag), 0);
    assert_int_equal(xen.resumes, 0);
}

/* Once, whatever was tried before. */
static void is_in_the_image(struct fixture *f)
{
    const libxl_memory_file file = { f->target.fd, "image" };
    FILE *out = tmpfile();
    char text[64];

    assert_int_equal(lseek(f->target.fd, 0, SEEK_END), f->result.memory_bytes);
    assert_true(f->result.memory_as_it_is);
    assert_int_equal(libxl_memory_image_read(&f->sctx, &file, 1, fileno(out),
                                             &f->diag), 0);
    assert_int_equal(pread(fileno(out), text, sizeof(text), 0), 17);
    assert_memory_equal(text, "memory of a guest", 17);
    fclose(out);
}

static void test_taken(void **state)
{
    struct fixture *f = *state;

    xen.after.shutdown = true;
    xen.after.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    assert_int_equal(capture(f), 0);
    assert_true(f->memory.suspended);
    assert_true(f->memory.live);
    assert_int_equal(memory_release(&f->memory, &f->diag), 0);
    assert_int_equal(memory_finish(&f->memory, &f->result, &f->diag), 0);
    is_in_the_image(f);
    assert_int_equal(xen.resumes, 1);
}

/* Saved, by libxl's word, and Xen says nothing: resumed all the same. */
static void test_xen_is_silent(void **state)
{
    struct fixture *f = *state;

    xen.info_rc = ERROR_FAIL;
    assert_int_equal(capture(f), 0);
    assert_int_equal(memory_release(&f->memory, &f->diag), 0);
    assert_int_equal(xen.resumes, 1);
}

static void test_tried_again_stopped(void **state)
{
    struct fixture *f = *state;

    xen.rc[0] = xen.rc[1] = ERROR_GUEST_TIMEDOUT;
    assert_int_equal(capture(f), ERROR_GUEST_TIMEDOUT);
    assert_int_equal(xen.tries, 2);
    assert_int_equal(xen.lives, 1);
    assert_int_equal(memory_finish(&f->memory, &f->result, &f->diag), 0);
    is_in_the_image(f);
    is_left_alone(f, "did not answer the request to suspend");
}

/* Not told as one that does not answer, and not tried again. */
static void test_crashed(void **state)
{
    struct fixture *f = *state;

    xen.rc[0] = ERROR_GUEST_TIMEDOUT;
    xen.after.shutdown = true;
    xen.after.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    assert_int_equal(capture(f), ERROR_GUEST_TIMEDOUT);
    assert_int_equal(xen.tries, 1);
    is_left_alone(f, "the guest ended");
}

static void test_destroyed(void **state)
{
    struct fixture *f = *state;

    xen.rc[0] = ERROR_FAIL;
    xen.info_rc = ERROR_DOMAIN_NOTFOUND;
    assert_int_equal(capture(f), ERROR_FAIL);
    assert_int_equal(xen.tries, 1);
    is_left_alone(f, "the guest ended");
}

/* libxl is content, but the guest rebooted in the same moment. */
static void test_rebooted(void **state)
{
    struct fixture *f = *state;

    xen.after.shutdown = true;
    xen.after.shutdown_reason = LIBXL_SHUTDOWN_REASON_REBOOT;
    assert_int_equal(capture(f), ERROR_FAIL);
    is_left_alone(f, "the guest ended");
}

static void test_never_stopped(void **state)
{
    struct fixture *f = *state;

    f->domain.type = LIBXL_DOMAIN_TYPE_HVM;
    assert_int_equal(capture(f), ERROR_FAIL);
    assert_int_equal(xen.lives, 0);
    is_left_alone(f, "went on running");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_xen_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tried_again_stopped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_crashed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destroyed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rebooted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_stopped, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

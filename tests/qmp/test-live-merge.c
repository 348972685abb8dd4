/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A merge with a QEMU of which any one exchange goes wrong, in every way:
 * the guest runs again at the end, the graph never changes under it, and the
 * same merge, done once more, succeeds.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/live_merge.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/model_qemu.h"
#include "tests/qmp/scratch.h"

enum { TOP, MIDDLE, BASE };

struct fixture {
    struct scratch scratch;
    struct live_merge_params params;
    struct merge_host host;
    struct diag diag;
    int pauses;                 /* of the guest, by anybody */
    int committed, opened, asked;
    int committed_rc, open_rc, cancel_at;
    bool session;
    bool elsewhere;
};

/* Time passes as fast as the model wants. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    return 0;
}

/* ---- the host ---- */

static int host_open(void *user, struct qmp_client **client_r,
                     struct diag *diag)
{
    struct fixture *f = user;

    assert_false(f->session);
    f->opened++;
    if (f->open_rc) {
        diag_set(diag, "busy");
        return f->open_rc;
    }
    f->session = true;
    *client_r = (void *)f;      /* never looked into */
    return 0;
}

static void host_close(void *user)
{
    struct fixture *f = user;

    assert_true(f->session);
    f->session = false;
}

static int host_pause(void *user, struct diag *diag)
{
    struct fixture *f = user;

    assert_int_equal(f->pauses, 0);
    f->pauses++;
    model.paused = true;
    return 0;
}

static int host_unpause(void *user, struct diag *diag)
{
    struct fixture *f = user;

    assert_int_equal(f->pauses, 1);
    assert_false(f->session);
    f->pauses--;
    model.paused = false;
    return 0;
}

static int host_committed(void *user, struct diag *diag)
{
    struct fixture *f = user;

    assert_int_equal(f->pauses, 1);
    assert_false(f->session);
    assert_string_equal(model.nodes[model.root].path,
                        f->params.request.base.path);
    f->committed++;
    if (f->committed_rc) diag_set(diag, "cannot record it");
    return f->committed_rc;
}

static bool host_cancelled(void *user)
{
    struct fixture *f = user;

    return ++f->asked == f->cancel_at;
}

/* No device is asked: each name is an inode of its own. */
static int identify(void *user, const char *filename, dev_t *dev_r,
                    ino_t *ino_r)
{
    ino_t ino = 5381;

    while (*filename)
        ino = ino * 33 + (unsigned char)*filename++;
    *dev_r = 7;
    *ino_r = ino;
    return 0;
}

/* ---- */

static void fresh_qemu(struct fixture *f)
{
    static const char *const names[] = { "active", "middle", "base" };
    int i;

    memset(&model, 0, sizeof(model));
    model.num_nodes = 3;
    for (i = 0; i < 3; i++) {
        model.nodes[i].name = names[i];
        strcpy(model.nodes[i].path, scratch_path(&f->scratch, names[i]));
        model.nodes[i].backing = i < 2 ? i + 1 : -1;
        model.nodes[i].open = true;
    }
}

static void begin(struct fixture *f, enum merge_kind kind)
{
    int top = kind == MERGE_COMMIT_BELOW ? MIDDLE : TOP;
    struct merge_request *rq = &f->params.request;
    static char paths[3][128];
    int i;

    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    scratch_write(&f->scratch, "active", "", 0600);
    scratch_write(&f->scratch, "middle", "", 0600);
    scratch_write(&f->scratch, "base", "", 0600);
    fresh_qemu(f);
    for (i = 0; i < 3; i++)
        strcpy(paths[i], model.nodes[i].path);
    rq->direction = kind == MERGE_STREAM ? LIBXL_MERGE_DIRECTION_PULL :
        LIBXL_MERGE_DIRECTION_COMMIT;
    rq->vdev = "xvda";
    rq->lone = true;
    rq->identify = identify;
    rq->top = (struct merge_image){ paths[top], "qcow2" };
    rq->base = (struct merge_image){ paths[top + 1], "qcow2" };
    if (kind == MERGE_STREAM)
        rq->below = (struct merge_image){ paths[top + 2], "qcow2" };
    f->host = (struct merge_host){
        .user = f, .open = host_open, .close = host_close,
        .pause = host_pause, .unpause = host_unpause,
        .committed = host_committed, .cancelled = host_cancelled,
    };
}

static int merge(struct fixture *f)
{
    int rc;

    f->diag.text[0] = 0;
    f->asked = 0;
    rc = live_merge_run(&f->params, &f->host, &f->elsewhere, &f->diag);
    assert_int_equal(f->pauses, 0);
    assert_false(f->session);
    assert_false(model.changed_running);
    if (rc && !f->diag.text[0]) fail_msg("nothing is said of %d", rc);
    return rc;
}

/* It is done, and nothing is left of it. */
static void done(struct fixture *f, enum merge_kind kind)
{
    assert_string_equal(model.job, "");
    switch (kind) {
    case MERGE_COMMIT_ACTIVE:
        assert_int_equal(model.root, MIDDLE);
        assert_false(model.nodes[TOP].open);
        assert_true(f->committed > 0);
        break;
    case MERGE_COMMIT_BELOW:
    case MERGE_STREAM:
        assert_int_equal(model.nodes[TOP].backing, BASE);
        assert_false(model.nodes[MIDDLE].open);
        assert_int_equal(f->committed, 0);
        break;
    default: fail();
    }
}

static const enum merge_kind kinds[] = {
    MERGE_COMMIT_ACTIVE, MERGE_COMMIT_BELOW, MERGE_STREAM,
};

#define EACH(kind) \
    for (kind = kinds; kind < kinds + sizeof(kinds) / sizeof(kinds[0]); kind++)

static void test_well(void **state)
{
    const enum merge_kind *kind;
    struct fixture f;

    EACH(kind) {
        begin(&f, *kind);
        assert_int_equal(merge(&f), 0);
        done(&f, *kind);
        assert_int_equal(f.committed, *kind == MERGE_COMMIT_ACTIVE);
        /* and again, when there is nothing to be done */
        assert_int_equal(merge(&f), 0);
        done(&f, *kind);
        scratch_remove(&f.scratch);
    }
}

static void test_faults(void **state)
{
    const enum merge_kind *kind;
    struct fixture f;
    int fault, at, rc, failures = 0, total = 0;

    EACH(kind) {
        for (fault = 0; fault < MODEL_NUM_FAULTS; fault++) {
            for (at = 1;; at++) {
                begin(&f, *kind);
                model.fault_at = at;
                model.fault = (enum model_fault)fault;
                rc = merge(&f);
                failures += rc != 0;
                total++;
                if (!rc) done(&f, *kind);
                /* if the guest writes to base, that has been said */
                if (*kind == MERGE_COMMIT_ACTIVE)
                    assert_int_equal(f.committed > 0, model.root != TOP);
                if (model.exchange < at) {
                    scratch_remove(&f.scratch);
                    break;
                }
                model.fault_at = 0;
                if (merge(&f)) fail_msg("exchange %d, fault %d: %s", at, fault,
                                        f.diag.text);
                done(&f, *kind);
                scratch_remove(&f.scratch);
            }
        }
    }
    assert_true(failures > 100);
    print_message("%d merges, of which %d failed first\n", total, failures);
}

/* A job that a killed process has left, in any state. */
static void test_left_jobs(void **state)
{
    static const char *const states[] = {
        "created", "running", "paused", "ready", "standby", "waiting",
        "pending", "aborting", "concluded",
    };
    const enum merge_kind *kind;
    struct fixture f;
    size_t i;

    EACH(kind) {
        for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
            begin(&f, *kind);
            strcpy(model.job, "xls-merge-xvda");
            model.status = states[i];
            model.by_itself = !strcmp(states[i], "aborting");
            model.queries = 3;
            model.active = true;
            model.top = TOP;
            model.base = MIDDLE;
            if (!strcmp(states[i], "concluded")) strcpy(model.error, "no");
            if (merge(&f)) fail_msg("%s: %s", states[i], f.diag.text);
            done(&f, *kind);
            scratch_remove(&f.scratch);
        }
    }
}

static void test_others(void **state)
{
    struct fixture f;

    begin(&f, MERGE_COMMIT_ACTIVE);
    model.foreign = "backup";
    assert_int_equal(merge(&f), ERROR_NOT_READY);
    assert_non_null(strstr(f.diag.text, "backup"));
    model.foreign = "xls-merge-xvdb";       /* another disk's */
    model.exchange = 0;
    f.cancel_at = 1;
    /* it is seen instead of ours from then on */
    assert_int_not_equal(merge(&f), ERROR_NOT_READY);
    scratch_remove(&f.scratch);
}

static void test_cancel(void **state)
{
    const enum merge_kind *kind;
    struct fixture f;
    int at;

    EACH(kind) {
        for (at = 1; at < 3; at++) {
            begin(&f, *kind);
            f.cancel_at = at;
            assert_int_equal(merge(&f), ERROR_ABORTED);
            assert_string_equal(model.job, "");
            assert_int_equal(model.root, TOP);
            assert_int_equal(f.committed, 0);
            f.cancel_at = 0;
            assert_int_equal(merge(&f), 0);
            done(&f, *kind);
            scratch_remove(&f.scratch);
        }
    }
}

static void test_unknown_state(void **state)
{
    struct fixture f;

    begin(&f, MERGE_COMMIT_ACTIVE);
    strcpy(model.job, "xls-merge-xvda");
    model.status = "sleeping";
    assert_int_equal(merge(&f), ERROR_QEMU_API);
    assert_non_null(strstr(f.diag.text, "sleeping"));
    scratch_remove(&f.scratch);
}

/* What the caller did not manage to record is said; QEMU has gone over. */
static void test_not_recorded(void **state)
{
    struct fixture f;

    begin(&f, MERGE_COMMIT_ACTIVE);
    f.committed_rc = ERROR_NOPARAVIRT;
    assert_int_equal(merge(&f), ERROR_NOPARAVIRT);
    assert_string_equal(f.diag.text, "cannot record it");
    done(&f, MERGE_COMMIT_ACTIVE);
    scratch_remove(&f.scratch);
}

static void test_monitor_busy(void **state)
{
    struct fixture f;

    begin(&f, MERGE_COMMIT_ACTIVE);
    f.open_rc = ERROR_TIMEDOUT;
    assert_int_equal(merge(&f), ERROR_TIMEDOUT);
    assert_int_equal(model.exchange, 0);
    scratch_remove(&f.scratch);
}

static void test_elsewhere(void **state)
{
    struct fixture f;

    begin(&f, MERGE_COMMIT_ACTIVE);
    f.params.request.top.path = "/other/top";
    f.params.request.base.path = "/other/base";
    assert_int_equal(merge(&f), 0);
    assert_true(f.elsewhere);
    assert_string_equal(model.job, "");
    scratch_remove(&f.scratch);
}

static void refused(enum merge_kind kind, int rc, const char *words,
                    void change(struct fixture *f))
{
    struct fixture f;

    begin(&f, kind);
    change(&f);
    assert_int_equal(merge(&f), rc);
    if (!strstr(f.diag.text, words)) fail_msg("no \"%s\": %s", words, f.diag.text);
    assert_string_equal(model.job, "");
    scratch_remove(&f.scratch);
}

static void not_adjacent(struct fixture *f)
{
    static char path[128];

    strcpy(path, model.nodes[BASE].path);
    f->params.request.base.path = path;
}

static void not_there(struct fixture *f)
{
    f->params.request.base.path = "/other";
}

static void not_below(struct fixture *f)
{
    f->params.request.below.path = NULL;
}

static void other_format(struct fixture *f)
{
    f->params.request.base.driver = "raw";
}

static void not_lone(struct fixture *f)
{
    f->params.request.lone = false;
}

static void other_disk(struct fixture *f)
{
    f->params.request.vdev = "xvdb";
}

static void twice(struct fixture *f)
{
    model.nodes[3] = model.nodes[MIDDLE];
    model.nodes[3].name = "again";
    model.num_nodes = 4;
}

static void circle(struct fixture *f)
{
    model.nodes[BASE].backing = TOP;
}

static void test_refusals(void **state)
{
    refused(MERGE_COMMIT_ACTIVE, ERROR_INVAL, "not the backing", not_adjacent);
    refused(MERGE_COMMIT_ACTIVE, ERROR_INVAL, "not the backing", not_there);
    refused(MERGE_STREAM, ERROR_INVAL, "on the backing image", not_below);
    refused(MERGE_COMMIT_ACTIVE, ERROR_INVAL, "should be raw", other_format);
    refused(MERGE_COMMIT_ACTIVE, ERROR_INVAL, "has overlays", not_lone);
    refused(MERGE_COMMIT_ACTIVE, ERROR_NOTFOUND, "not serve", other_disk);
    refused(MERGE_COMMIT_ACTIVE, ERROR_NOT_READY, "twice", twice);
    refused(MERGE_COMMIT_ACTIVE, ERROR_INVAL, "without an end", circle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_left_jobs),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_unknown_state),
        cmocka_unit_test(test_not_recorded),
        cmocka_unit_test(test_monitor_busy),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

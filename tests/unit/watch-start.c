/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing domains up without a hypervisor: the system's xl is a script, and
 * the monitor that is started is this program.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "fake_xen.h"
#include "xl/app.h"
#include "xl/child.h"
#include "xl/domain_create.h"
#include "manage/save_image.h"
#include "xl/domain_start.h"
#include "xl/watcher_scan.h"

/* In the environment, so that the monitor that is started finds it. */
#define TOP "WATCH_START_TOP"

static char top[] = "/tmp/watch-start.XXXXXX";
static char xl_path[64], told_path[64], image_path[64];
static struct xl_app app;
static struct manage_error err;

static void write_text(const char *path, const char *text, int mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* What was written to the file of what was told, which is then gone. */
static const char *told(void)
{
    static char text[512];
    ssize_t n = 0;
    int fd = open(told_path, O_RDONLY);

    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        unlink(told_path);
    }
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void set_xl(const char *script)
{
    char text[512];

    snprintf(text, sizeof(text), "#!/bin/sh\necho \"$@\" >%s\n%s\n", told_path,
             script);
    write_text(xl_path, text, 0755);
}

static int setup(void **state)
{
    fake_reset();
    memset(&err, 0, sizeof(err));
    memset(&app, 0, sizeof(app));
    app.system_xl = xl_path;
    unsetenv("WATCH_START_FAILS");
    write_text(image_path, "image and the stream", 0600);
    set_xl("exit 0");
    return 0;
}

static int teardown(void **state)
{
    unlink(image_path);
    unlink(xl_path);
    unlink(told_path);
    fake_dispose();
    return 0;
}

static void check_error(const char *part)
{
    assert_int_equal(err.outcome, MANAGE_FAILED);
    if (!strstr(err.text, part)) fail_msg("'%s' is not in: %s", part, err.text);
    assert_null(strchr(err.text, '\n'));
}

/* ---- restore ---- */

static int restore(uint32_t *domid_r)
{
    const libxl_memory_file file = { open(image_path, O_RDONLY), image_path };
    const struct manage_memory memory = { NULL, &file, 1 };
    int rc;

    rc = domain_start_restore(&app, &memory, "head", "guest", domid_r, &err);
    close(file.fd);
    return rc;
}

/* An image, here with one word before its stream; "empty" is of no domain. */
int libxl_memory_image_info_get(libxl_snapshot_ctx *sctx,
                                const libxl_memory_file *file,
                                libxl_memory_image_info *info_r,
                                libxl_snapshot_diag *diag)
{
    char text[64];

    if (pread(file->fd, text, sizeof(text), 0) <= 0) {
        diag->message = strdup("it is no memory image");
        return ERROR_INVAL;
    }
    info_r->pages = 1;
    return 0;
}

int libxl_memory_image_read(libxl_snapshot_ctx *sctx,
                            const libxl_memory_file *files, int num_files,
                            int fd, libxl_snapshot_diag *diag)
{
    char text[64];
    ssize_t n = pread(files[0].fd, text, sizeof(text), 0);
    char *blank = memchr(text, ' ', n);

    assert_int_equal(num_files, 1);
    if (!blank) {
        diag->message = strdup("the image is damaged");
        return ERROR_BADFAIL;
    }
    return write(fd, blank, n - (blank - text)) > 0 ? 0 : ERROR_FAIL;
}

int save_image_write_header(int fd, const char *config_json,
                            struct manage_error *e)
{
    (void)e;
    return write(fd, config_json, strlen(config_json)) > 0 ? 0 : ERROR_FAIL;
}

static void add_restored(void)
{
    fake_add(7, "guest");
    fake.dom[7].paused = true;
    fake.blind_lookups = 1;     /* there is none before */
}

/* The image is piped, with a head. */
static void test_restore(void **state)
{
    uint32_t domid = 0;

    set_xl("cat \"$3\" >>\"${0%/*}/told\"");
    add_restored();
    assert_int_equal(restore(&domid), 0);
    assert_int_equal(domid, 7);
    assert_string_equal(told(), "restore -p /proc/self/fd/0\n"
                        "head and the stream");
    assert_string_equal(fake.trace, "");
}

static void test_restore_damaged(void **state)
{
    uint32_t domid = 4711;

    write_text(image_path, "damaged", 0600);
    set_xl("cat \"$3\" >/dev/null");
    add_restored();
    assert_int_not_equal(restore(&domid), 0);
    assert_int_equal(err.outcome, MANAGE_DAMAGED);
    assert_non_null(strstr(err.text, "the image is damaged"));
    assert_int_equal(domid, 4711);
    assert_string_equal(fake.trace, "destroy(7) ");
}

static void check_restore_fails(const char *part, const char *trace)
{
    uint32_t domid = 4711;

    assert_int_not_equal(restore(&domid), 0);
    check_error(part);
    assert_int_equal(domid, 4711);
    assert_string_equal(fake.trace, trace);
}

static void test_restore_name_taken(void **state)
{
    fake_add(5, "guest");
    check_restore_fails("domain 5 has that name", "");
    assert_string_equal(told(), "");
}

static void test_restore_no_image(void **state)
{
    write_text(image_path, "", 0600);
    check_restore_fails("no memory image", "");
    assert_string_equal(told(), "");
}

static void test_restore_no_xl(void **state)
{
    unlink(xl_path);
    check_restore_fails("cannot run", "");
}

static void test_restore_xl_fails(void **state)
{
    /* It does not want all of it, either. */
    set_xl("exec <&-; echo 'libxl: error: no memory'; echo bye >&2; exit 3");
    /* Somebody else's, started since: not ours to destroy. */
    add_restored();
    check_restore_fails("exit status 3: libxl: error: no memory", "");
    assert_true(fake.dom[7].exists);
}

static void test_restore_xl_killed(void **state)
{
    set_xl("kill -KILL $$");
    add_restored();
    check_restore_fails("killed by signal 9", "destroy(7) ");
    assert_false(fake.dom[7].exists);
}

static void test_restore_no_domain(void **state)
{
    check_restore_fails("there is no domain guest", "");
}

static void test_restore_runs(void **state)
{
    add_restored();
    fake.dom[7].paused = false;
    check_restore_fails("did not stay paused", "destroy(7) ");
}

/* ---- boot ---- */

static int boot(const char *config, uint32_t *domid_r)
{
    return domain_start_boot(&app, config, "guest", domid_r, &err);
}

static void test_boot(void **state)
{
    uint32_t domid = 0;

    assert_int_equal(boot("guest", &domid), 0);
    assert_int_equal(domid, 9);
    assert_string_equal(fake.trace, "create(guest) ");
    assert_true(fake.dom[9].paused);
    assert_string_equal(told(), "snapshot-monitor --domid 9 --uuid "
                        "00000000-0000-0000-0000-000000000000\n");
}

static void check_boot_fails(const char *config, const char *part,
                             const char *trace)
{
    uint32_t domid = 4711;

    assert_int_not_equal(boot(config, &domid), 0);
    check_error(part);
    assert_int_equal(domid, 4711);
    assert_string_equal(fake.trace, trace);
}

static void test_boot_bad_config(void **state)
{
    check_boot_fails("?", "is no domain configuration", "");
    check_boot_fails("other", "is the configuration of other", "");
}

static void test_boot_name_taken(void **state)
{
    fake_add(5, "guest");
    check_boot_fails("guest", "domain 5 has that name", "");
}

static void test_boot_create_fails(void **state)
{
    fake.create_failures = 1;
    check_boot_fails("guest", "libxl could not create it",
                     "create(guest) destroy(9) ");
    assert_string_equal(told(), "");
}

static void test_boot_unwatched(void **state)
{
    setenv("WATCH_START_FAILS", "1", 1);
    check_boot_fails("guest", "exit status 1: error: no luck",
                     "create(guest) destroy(9) ");
    assert_false(fake.dom[9].exists);
}

/* ---- room for it ---- */

static int create_in(uint64_t free_kb, uint64_t step_kb, bool stuck)
{
    char lockfile[80];
    struct xl_conf conf = { true, lockfile, INVALID_DOMID };
    libxl_domain_config config;
    uint32_t domid;
    int rc;

    snprintf(lockfile, sizeof(lockfile), "%s/create", top);
    fake.free_kb = free_kb;
    fake.dom0_step_kb = step_kb;
    fake.dom0_stuck = stuck;
    libxl_domain_config_init(&config);
    config.c_info.name = strdup("guest");
    rc = domain_create(NULL, &conf, &config, &domid);
    libxl_domain_config_dispose(&config);
    return rc;
}

static void test_room(void **state)
{
    assert_int_equal(create_in(1000, 0, true), 0);
    assert_string_equal(fake.trace, "create(guest) ");
}

static void test_room_from_dom0(void **state)
{
    assert_int_equal(create_in(100, 600, false), 0);
    assert_string_equal(fake.trace, "shrink(900) shrink(300) create(guest) ");
}

static void test_no_room(void **state)
{
    assert_int_equal(create_in(100, 0, true), ERROR_NOMEM);
    assert_string_equal(fake.trace, "shrink(900) ");
    fake.trace[0] = '\0';
    /* It says that it did, and never does: there is an end to that. */
    assert_int_equal(create_in(100, 0, false), ERROR_NOMEM);
    assert_null(strstr(fake.trace, "create"));
}

/* Nobody counts on the memory that another one is just going to take. */
static void test_create_lock(void **state)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char path[80], mark[80];
    int fds[2], fd, status;
    pid_t pid;
    char c;

    snprintf(path, sizeof(path), "%s/create", top);
    snprintf(mark, sizeof(mark), "%s/held", top);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock)) _exit(1);
        write_text(mark, "", 0600);
        if (write(fds[1], "x", 1) != 1) _exit(1);
        usleep(300000);
        _exit(unlink(mark) ? 1 : 0);
    }
    assert_int_equal(read(fds[0], &c, 1), 1);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(access(mark, F_OK), 0);
    assert_int_equal(create_in(1000, 0, true), 0);
    assert_int_equal(access(mark, F_OK), -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- this program, as the monitor ---- */

static int as_monitor(int argc, char **argv)
{
    char path[256];
    FILE *f;
    int i;

    if (getenv("WATCH_START_FAILS")) {
        fprintf(stderr, "error: no luck\n");
        return 1;
    }
    snprintf(path, sizeof(path), "%s/told", getenv(TOP));
    f = fopen(path, "w");
    if (!f) return 1;
    for (i = 1; i < argc; i++)
        fprintf(f, "%s%s", argv[i], i < argc - 1 ? " " : "\n");
    return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_restore),
        TEST(test_restore_name_taken),
        TEST(test_restore_no_image),
        TEST(test_restore_no_xl),
        TEST(test_restore_xl_fails),
        TEST(test_restore_xl_killed),
        TEST(test_restore_no_domain),
        TEST(test_restore_runs),
        TEST(test_restore_damaged),
        TEST(test_boot),
        TEST(test_boot_bad_config),
        TEST(test_boot_name_taken),
        TEST(test_boot_create_fails),
        TEST(test_boot_unwatched),
        TEST(test_room),
        TEST(test_room_from_dom0),
        TEST(test_no_room),
        TEST(test_create_lock),
    };
    char rm[] = "rm", rf[] = "-rf";
    char *rm_argv[] = { rm, rf, top, NULL };
    struct child_spec spec = { "/bin/rm", rm_argv, -1, false, 60, NULL, 0 };
    struct child_result result;
    int failed;

    if (argc > 1 && !strcmp(argv[1], WATCHER_SUBCOMMAND))
        return as_monitor(argc, argv);

    if (!mkdtemp(top) || setenv(TOP, top, 1)) return 99;
    snprintf(xl_path, sizeof(xl_path), "%s/xl", top);
    snprintf(told_path, sizeof(told_path), "%s/told", top);
    snprintf(image_path, sizeof(image_path), "%s/image", top);

    failed = cmocka_run_group_tests(tests, NULL, NULL);
    child_run(&spec, &result);
    return failed;
}

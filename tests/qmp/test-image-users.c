/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On a /proc with only our own processes in it; and on made-up ones. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libxl/image_users.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"

struct fixture {
    struct scratch scratch;
    struct image_inode images[2];
    struct image_users_params params;
    struct image_users users;
    struct diag diag;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    scratch_write(&f->scratch, "a", "a", 0600);
    scratch_write(&f->scratch, "b", "b", 0600);
    assert_int_equal(image_inode_of(scratch_path(&f->scratch, "a"),
                                    &f->images[0], &f->diag), 0);
    assert_int_equal(image_inode_of(scratch_path(&f->scratch, "b"),
                                    &f->images[1], &f->diag), 0);
    image_users_init(&f->users);
}

/* Roots of our own: proc/, sys/block/. On the machine's we might see others,
 * and in a container meet some that we may not look into. */
static void make_roots(struct fixture *f)
{
    static char proc[512], sys[512];

    scratch_mkdir(&f->scratch, "proc");
    scratch_mkdir(&f->scratch, "sys");
    scratch_mkdir(&f->scratch, "sys/block");
    strcpy(proc, scratch_path(&f->scratch, "proc"));
    strcpy(sys, scratch_path(&f->scratch, "sys"));
    f->params.proc = proc;
    f->params.sys = sys;
}

static void end(struct fixture *f)
{
    image_users_dispose(&f->users);
    scratch_remove(&f->scratch);
}

static void find(struct fixture *f, size_t expected)
{
    int rc;

    rc = image_users_find(&f->params, f->images, 2, &f->users, &f->diag);
    if (rc) fail_msg("%s", f->diag.text);
    assert_int_equal(f->users.num_users, expected);
}

/* Let the process be seen, as it is. */
static void show(struct fixture *f, pid_t pid)
{
    char target[64], name[64];

    snprintf(target, sizeof(target), "/proc/%ld", (long)pid);
    snprintf(name, sizeof(name), "proc/%ld", (long)pid);
    assert_int_equal(symlink(target, scratch_path(&f->scratch, name)), 0);
}

/* A process that has the file open for so long, and is seen. */
static pid_t start_user(struct fixture *f, const char *name, unsigned int ms)
{
    int fds[2], fd, r;
    pid_t pid;
    char byte;

    r = pipe2(fds, O_CLOEXEC);
    assert_int_equal(r, 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        prctl(PR_SET_NAME, "image-user");
        fd = open(scratch_path(&f->scratch, name), O_RDONLY);
        dup(fd);                                /* twice: still one user */
        if (write(fds[1], "", 1) != 1) _exit(1);
        close(fds[1]);
        usleep(ms * 1000);
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    show(f, pid);
    return pid;
}

static void test_processes(void **state)
{
    struct fixture f;
    int own;
    pid_t pid;

    begin(&f);
    make_roots(&f);
    show(&f, getpid());
    own = open(scratch_path(&f.scratch, "a"), O_RDONLY | O_CLOEXEC);
    find(&f, 0);                                /* ourselves do not count */
    close(own);
    pid = start_user(&f, "b", 10000);
    find(&f, 1);
    assert_int_equal(f.users.users[0].pid, pid);
    assert_int_equal(f.users.users[0].image, 1);
    assert_string_equal(f.users.users[0].name, "image-user");
    /* by another name, too */
    assert_int_equal(link(scratch_path(&f.scratch, "b"),
                          scratch_path(&f.scratch, "c")), 0);
    assert_int_equal(image_inode_of(scratch_path(&f.scratch, "c"), &f.images[1],
                                    NULL), 0);
    find(&f, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    find(&f, 0);
    end(&f);
}

static void test_waiting(void **state)
{
    struct fixture f;
    int64_t started;
    pid_t pid;

    begin(&f);
    make_roots(&f);
    signal(SIGCHLD, SIG_IGN);                   /* no zombies */
    pid = start_user(&f, "a", 400);
    started = deadline_now_ms();
    assert_int_equal(image_users_wait(&f.params, f.images, 2,
                                      deadline_after(50), &f.diag),
                     ERROR_NOT_READY);
    assert_took_less(started, 1500);
    assert_non_null(strstr(f.diag.text, "image-user (process"));
    assert_int_equal(image_users_wait(&f.params, f.images, 2,
                                      deadline_after(20000), &f.diag), 0);
    assert_int_equal(kill(pid, 0), -1);
    signal(SIGCHLD, SIG_DFL);
    end(&f);
}

static void test_made_up(void **state)
{
    struct fixture f;

    begin(&f);
    make_roots(&f);
    find(&f, 0);
    scratch_mkdir(&f.scratch, "proc/self");
    scratch_mkdir(&f.scratch, "proc/12");       /* gone but for its folder */
    scratch_mkdir(&f.scratch, "proc/13");
    scratch_mkdir(&f.scratch, "proc/13/fd");
    scratch_write(&f.scratch, "proc/13/comm", "evil\033[1mname\n", 0600);
    assert_int_equal(symlink(scratch_path(&f.scratch, "a"),
                             scratch_path(&f.scratch, "proc/13/fd/5")), 0);
    assert_int_equal(symlink("/nonexistent",
                             scratch_path(&f.scratch, "proc/13/fd/6")), 0);
    find(&f, 1);
    assert_int_equal(f.users.users[0].pid, 13);
    assert_string_equal(f.users.users[0].name, "evil [1mname");

    scratch_mkdir(&f.scratch, "sys/block/loop0");
    scratch_mkdir(&f.scratch, "sys/block/loop1");
    scratch_mkdir(&f.scratch, "sys/block/loop1/loop");
    scratch_mkdir(&f.scratch, "sys/block/sda");
    scratch_write(&f.scratch, "sys/block/loop1/loop/backing_file",
                  scratch_path(&f.scratch, "b"), 0600);
    find(&f, 2);
    assert_int_equal(f.users.users[1].pid, 0);
    assert_int_equal(f.users.users[1].image, 1);
    assert_string_equal(f.users.users[1].name, "loop1");
    end(&f);
}

/* Not to be able to look is not to have seen nobody. */
static void test_cannot_look(void **state)
{
    struct fixture f;

    begin(&f);
    make_roots(&f);
    scratch_mkdir(&f.scratch, "proc/14");
    scratch_write(&f.scratch, "proc/14/fd", "no folder", 0600);
    assert_int_equal(image_users_find(&f.params, f.images, 2, &f.users, &f.diag),
                     ERROR_FAIL);
    assert_non_null(strstr(f.diag.text, "cannot tell"));
    assert_int_equal(image_users_wait(&f.params, f.images, 2,
                                      deadline_after(1000), &f.diag),
                     ERROR_FAIL);
    f.params.proc = "/nonexistent";
    assert_int_equal(image_users_find(&f.params, f.images, 2, &f.users, &f.diag),
                     ERROR_FAIL);
    end(&f);
}

static void test_inodes(void **state)
{
    struct image_inode inode = { 0 };
    struct fixture f;

    begin(&f);
    assert_int_equal(image_inode_of("/nonexistent/x", &inode, &f.diag),
                     ERROR_NOTFOUND);
    assert_int_equal(image_inode_of("/dev/null", &inode, &f.diag), ERROR_INVAL);
    assert_int_equal(image_inode_of("/", &inode, &f.diag), ERROR_INVAL);
    assert_int_equal(inode.ino, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_made_up),
        cmocka_unit_test(test_cannot_look),
        cmocka_unit_test(test_inodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

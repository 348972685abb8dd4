/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/image_users.h"

#define WAIT_RETRY_MS 100

struct scan {
    const struct image_users_params *params;
    const struct image_inode *images;
    size_t num_images;
    struct image_users users;
    struct diag *diag;
};

void image_users_init(struct image_users *users)
{
    memset(users, 0, sizeof(*users));
}

void image_users_dispose(struct image_users *users)
{
    free(users->users);
    image_users_init(users);
}

/* ---- which image ---- */

static int inode_of_stat(const struct stat *st, struct image_inode *inode_r)
{
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) return ERROR_INVAL;
    inode_r->dev = st->st_dev;
    inode_r->ino = st->st_ino;
    inode_r->is_block = S_ISBLK(st->st_mode);
    inode_r->rdev = inode_r->is_block ? st->st_rdev : 0;
    return 0;
}

int image_inode_of(const char *path, struct image_inode *inode_r,
                   struct diag *diag)
{
    struct stat st;
    int rc;

    if (stat(path, &st)) {
        rc = errno == ENOENT || errno == ENOTDIR ? ERROR_NOTFOUND : ERROR_FAIL;
        diag_set(diag, "%s: %s", path, strerror(errno));
        return rc;
    }
    rc = inode_of_stat(&st, inode_r);
    if (rc) diag_set(diag, "%s is neither a file nor a block device", path);
    return rc;
}

/* The same device may have several nodes in /dev. */
static bool is_same(const struct image_inode *a, const struct image_inode *b)
{
    if (a->is_block && b->is_block) return a->rdev == b->rdev;
    return a->dev == b->dev && a->ino == b->ino;
}

static bool find_image(const struct scan *scan, const struct stat *st,
                       size_t *image_r)
{
    struct image_inode inode;
    size_t i;

    if (inode_of_stat(st, &inode)) return false;
    for (i = 0; i < scan->num_images; i++) {
        if (is_same(&scan->images[i], &inode)) {
            *image_r = i;
            return true;
        }
    }
    return false;
}

/* ---- collecting ---- */

static int out_of_memory(struct scan *scan)
{
    diag_set(scan->diag, "out of memory");
    return ERROR_NOMEM;
}

static int add_user(struct scan *scan, size_t image, pid_t pid,
                    const char *name)
{
    struct image_users *users = &scan->users;
    struct image_user *more;
    size_t i;

    /* one process may have it open many times */
    for (i = 0; i < users->num_users; i++) {
        if (pid && users->users[i].pid == pid && users->users[i].image == image)
            return 0;
    }
    more = realloc(users->users, (users->num_users + 1) * sizeof(*more));
    if (!more) return out_of_memory(scan);
    users->users = more;
    more += users->num_users++;
    memset(more, 0, sizeof(*more));
    more->image = image;
    more->pid = pid;
    snprintf(more->name, sizeof(more->name), "%s", name);
    diag_sanitize(more->name);
    return 0;
}

/* The beginning of a small file, without its line end. */
static int read_line(int dirfd, const char *path, char *line, size_t size)
{
    ssize_t n;
    int fd;

    fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    do {
        n = read(fd, line, size - 1);
    } while (n < 0 && errno == EINTR);
    close(fd);
    if (n < 0) return -1;
    line[n] = 0;
    line[strcspn(line, "\n")] = 0;
    return 0;
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

/* A process may end, and a descriptor be closed, while we look. A file that
 * its server no longer knows is not the one that we could find by its path. */
static bool has_vanished(int err)
{
    return err == ENOENT || err == ESRCH || err == ESTALE;
}

static int cannot_look(struct scan *scan, const char *what, int err)
{
    diag_set(scan->diag, "cannot tell whether the image is in use: %s: %s",
             what, strerror(err));
    return ERROR_FAIL;
}

/* ---- processes ---- */

static int scan_fd(struct scan *scan, int fds, const char *fd, pid_t pid,
                   const char *comm)
{
    struct stat st;
    size_t image;

    if (fstatat(fds, fd, &st, 0))
        return has_vanished(errno) ? 0 : cannot_look(scan, comm, errno);
    if (!find_image(scan, &st, &image)) return 0;
    return add_user(scan, image, pid, comm);
}

static int scan_fds(struct scan *scan, DIR *dir, pid_t pid, const char *comm)
{
    struct dirent *entry;
    int rc;

    while ((errno = 0, entry = readdir(dir))) {
        if (!is_number(entry->d_name)) continue;
        rc = scan_fd(scan, dirfd(dir), entry->d_name, pid, comm);
        if (rc) return rc;
    }
    if (errno && !has_vanished(errno)) return cannot_look(scan, comm, errno);
    return 0;
}

static DIR *open_dir_at(int dirfd, const char *path)
{
    DIR *dir;
    int fd;

    fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return NULL;
    dir = fdopendir(fd);
    if (!dir) close(fd);
    return dir;
}

static int scan_process(struct scan *scan, int proc, pid_t pid)
{
    char path[32], comm[32];
    DIR *dir = NULL;
    int rc;

    snprintf(path, sizeof(path), "%ld/comm", (long)pid);
    if (read_line(proc, path, comm, sizeof(comm)))
        snprintf(comm, sizeof(comm), "process %ld", (long)pid);
    snprintf(path, sizeof(path), "%ld/fd", (long)pid);
    dir = open_dir_at(proc, path);
    if (!dir)
        return has_vanished(errno) ? 0 : cannot_look(scan, comm, errno);
    rc = scan_fds(scan, dir, pid, comm);
    closedir(dir);
    return rc;
}

static int scan_processes(struct scan *scan)
{
    const char *root = scan->params->proc ? scan->params->proc : "/proc";
    struct dirent *entry;
    DIR *proc = NULL;
    pid_t pid;
    int rc;

    proc = opendir(root);
    if (!proc) return cannot_look(scan, root, errno);
    while ((errno = 0, entry = readdir(proc))) {
        if (!is_number(entry->d_name)) continue;
        pid = (pid_t)atoi(entry->d_name);
        if (pid == getpid()) continue;
        rc = scan_process(scan, dirfd(proc), pid);
        if (rc) goto out;
    }
    rc = errno ? cannot_look(scan, root, errno) : 0;
 out:
    closedir(proc);
    return rc;
}

/* ---- loop devices ---- */

/*
 * The kernel tells the path that the device was set up with, as it is now; a
 * file that was removed has " (deleted)" behind it and cannot be the one that
 * we found by its path.
 */
static int scan_loop(struct scan *scan, int block, const char *device)
{
    char path[300], file[4096];
    struct stat st;
    size_t image;

    snprintf(path, sizeof(path), "%s/loop/backing_file", device);
    if (read_line(block, path, file, sizeof(file))) return 0;
    if (stat(file, &st)) return 0;
    if (!find_image(scan, &st, &image)) return 0;
    return add_user(scan, image, 0, device);
}

static int scan_loops(struct scan *scan)
{
    const char *root = scan->params->sys ? scan->params->sys : "/sys";
    char path[4096];
    struct dirent *entry;
    DIR *block = NULL;
    int rc;

    snprintf(path, sizeof(path), "%s/block", root);
    block = opendir(path);
    if (!block) return cannot_look(scan, path, errno);
    while ((errno = 0, entry = readdir(block))) {
        if (strncmp(entry->d_name, "loop", 4)) continue;
        rc = scan_loop(scan, dirfd(block), entry->d_name);
        if (rc) goto out;
    }
    rc = errno ? cannot_look(scan, path, errno) : 0;
 out:
    closedir(block);
    return rc;
}

/* ---- both ---- */

int image_users_find(const struct image_users_params *params,
                     const struct image_inode *images, size_t num_images,
                     struct image_users *users, struct diag *diag)
{
    struct scan scan = {
        .params = params,
        .images = images,
        .num_images = num_images,
        .diag = diag,
    };
    int rc;

    rc = scan_processes(&scan);
    if (rc) goto out;
    rc = scan_loops(&scan);
    if (rc) goto out;

    image_users_dispose(users);
    *users = scan.users;
    image_users_init(&scan.users);
 out:
    image_users_dispose(&scan.users);
    return rc;
}

static void describe(const struct image_users *users, struct diag *diag)
{
    const struct image_user *user = &users->users[0];

    if (user->pid)
        diag_set(diag, "the image is in use by %s (process %ld)", user->name,
                 (long)user->pid);
    else
        diag_set(diag, "the image is in use by loop device %s", user->name);
}

int image_users_wait(const struct image_users_params *params,
                     const struct image_inode *images, size_t num_images,
                     deadline by, struct diag *diag)
{
    struct image_users users;
    int rc;

    image_users_init(&users);
    for (;;) {
        rc = image_users_find(params, images, num_images, &users, diag);
        if (rc || !users.num_users) break;
        if (!deadline_left_ms(by)) {
            describe(&users, diag);
            rc = ERROR_NOT_READY;
            break;
        }
        deadline_sleep(by, WAIT_RETRY_MS);
    }
    image_users_dispose(&users);
    return rc;
}

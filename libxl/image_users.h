/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who on this host has an image open: processes, by their open files, and
 * loop devices. Files are told apart by inode, device nodes also by the
 * device they stand for. What other domains are configured to use is not
 * seen here.
 */
#ifndef XLS_IMAGE_USERS_H
#define XLS_IMAGE_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

struct image_inode {
    dev_t dev;
    ino_t ino;
    bool is_block;              /* a block device, rdev says which */
    dev_t rdev;
};

struct image_user {
    size_t image;               /* index into the images asked about */
    pid_t pid;                  /* 0: a loop device */
    char name[32];              /* the process's or the loop device's */
};

struct image_users {
    struct image_user *users;
    size_t num_users;
};

void image_users_init(struct image_users *users);
void image_users_dispose(struct image_users *users);

struct image_users_params {
    const char *proc;           /* NULL: /proc */
    const char *sys;            /* NULL: /sys */
};

/* ERROR_NOTFOUND: no such file; ERROR_INVAL: neither file nor block device. */
int image_inode_of(const char *path, struct image_inode *inode_r,
                   struct diag *diag);

/*
 * Everybody but this process itself. users must be initialised, and is
 * untouched on failure. ERROR_FAIL when some process could not be looked
 * into: "nobody" would then be a guess.
 */
int image_users_find(const struct image_users_params *params,
                     const struct image_inode *images, size_t num_images,
                     struct image_users *users, struct diag *diag);

/* Wait until nobody has any of them open. ERROR_NOT_READY: somebody still has;
 * diag says who. */
int image_users_wait(const struct image_users_params *params,
                     const struct image_inode *images, size_t num_images,
                     deadline by, struct diag *diag);

#endif

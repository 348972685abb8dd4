/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has been written or read so far: sizes and checksums of the members. */
#ifndef MANAGE_TAR_SUMS_H
#define MANAGE_TAR_SUMS_H

#include "libxl/json.h"
#include "manage/manage.h"

#define SUM_HEX 65

struct tar_sum {
    char *name;
    uint64_t size;
    char hex[SUM_HEX];
};

struct tar_sums {
    struct tar_sum *list;
    int num;
    void *digest;               /* of the last one, while it goes on */
};

void tar_sums_init(struct tar_sums *sums);
void tar_sums_dispose(struct tar_sums *sums);

int tar_sums_begin(struct tar_sums *sums, const char *name,
                   struct manage_error *err);
int tar_sums_add(struct tar_sums *sums, const void *data, size_t len,
                 struct manage_error *err);
int tar_sums_end(struct tar_sums *sums, struct manage_error *err);

/* checksums.json: made, malloc'd; and compared with what was read. */
int tar_sums_write(const struct tar_sums *sums, char **text_r,
                   struct manage_error *err);
int tar_sums_check(const struct tar_sums *sums, const char *text, size_t len,
                   struct manage_error *err);

#endif

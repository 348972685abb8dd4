/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host without a hypervisor: manage/ and the library as they are, on real
 * files, above a libxl that knows no running domain, or one other.
 */
#ifndef TESTS_MANAGE_HOST_H
#define TESTS_MANAGE_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#include "manage/manage.h"

struct host {
    char *dir;                  /* all is in here */
    char *state;                /* <dir>/state: the chains */
    char *images;               /* <dir>/images */
    struct manage *manage;
    struct manage_error err;    /* of the last call */
    char *config;               /* of a domain that is off; NULL: none */
    const char *other_image;    /* the disk xvdq of a domain "other", which
                                 * runs; NULL: there is none */
    const char *dying;          /* a domain that is being destroyed */
    char warned[1024];          /* the last warning */
    const char *stop_at;           /* the process ends at this point */
};

void host_init(struct host *host);
void host_dispose(struct host *host);

/* No error yet: what each call is given. */
struct manage_error *host_err(struct host *host);

/* <dir>/NAME, malloc'd. */
char *host_path(const struct host *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs a shell command, which must succeed. */
void host_sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The first line that it prints; malloc'd. */
char *host_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc'd, terminated; must be there. */
char *host_read(const char *path, size_t *len_r);
void host_write(const char *path, const void *data, size_t len);
bool host_has(const char *path);

/* JSON of a domain's configuration: one disk, xvda, at path. */
char *host_config(const char *domain, const char *path);

/* A file that begins as xl's save files do, with this configuration, and goes
 * on with what stands for a stream. */
void host_save_image(const char *path, const char *config, size_t bytes);

/* A memory image, of so many bytes that are no stream of libxl's. */
void host_memory_image(const char *path, size_t bytes);
/* Whether that is what it holds. */
bool host_memory_is(const char *path, size_t bytes);

#endif

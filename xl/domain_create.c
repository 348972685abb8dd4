/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "xl/domain_create.h"

/* How long dom0 may go without getting any closer to its new size. */
#define DOM0_SHRINK_S 30
#define DOM0_SHRINK_STEP_S 10
#define CLEAR_TRIES 100
#define CLEAR_STEP_MS 100

/*
 * xl's create lock is an fcntl() one on the whole file. It goes with the
 * process and is not inherited, so that what libxl forks cannot keep it.
 */
static int create_lock(const char *path, int *fd_r)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd, r;

    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, S_IWUSR);
    if (fd < 0) return ERROR_LOCK_FAIL;
    do
        r = fcntl(fd, F_SETLKW, &lock);
    while (r && errno == EINTR);
    if (r) {
        close(fd);
        return ERROR_LOCK_FAIL;
    }
    *fd_r = fd;
    return 0;
}

static void create_unlock(int fd)
{
    if (fd >= 0) close(fd);
}

static int64_t now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* Have dom0 shrink until there is room for config. */
static int free_memory(libxl_ctx *ctx, libxl_domain_config *config)
{
    int64_t patience = DOM0_SHRINK_S, start;
    uint64_t need, there;
    int rc;

    rc = libxl_domain_need_memory(ctx, config, INVALID_DOMID, &need);
    if (rc < 0) return rc;

    for (;;) {
        rc = libxl_get_free_memory(ctx, &there);
        if (rc < 0) return rc;
        if (there >= need) return 0;
        if (patience <= 0) return ERROR_NOMEM;

        rc = libxl_set_memory_target(ctx, 0, -(int64_t)(need - there),
                                     1 /* relative */, 0 /* as dom0 can */);
        if (rc < 0) return ERROR_NOMEM;

        start = now_s();
        rc = libxl_wait_for_memory_target(ctx, 0, DOM0_SHRINK_STEP_S);
        if (rc < 0) return ERROR_NOMEM;
        /* A try that ends at once must count as well. */
        patience -= now_s() - start + 1;
    }
}

int domain_create(libxl_ctx *ctx, const struct xl_conf *conf,
                  libxl_domain_config *config, uint32_t *domid_r)
{
    uint32_t domid = INVALID_DOMID;
    int lock = -1, rc;

    /* Without autoballoon memory is only taken from what is free, and xl does
     * not lock either. */
    if (conf->autoballoon) {
        rc = create_lock(conf->lockfile, &lock);
        if (rc) goto out;
        rc = free_memory(ctx, config);
        if (rc) goto out;
    }

    if (!libxl_domid_valid_guest(config->c_info.domid))
        config->c_info.domid = conf->domid_policy;

    rc = libxl_domain_create_new(ctx, config, &domid, NULL, NULL);
    if (rc) {
        if (libxl_domid_valid_guest(domid)) domain_create_clear(ctx, domid);
        goto out;
    }
    *domid_r = domid;

 out:
    create_unlock(lock);
    return rc;
}

int domain_create_soft_reset(libxl_ctx *ctx, libxl_domain_config *config,
                             uint32_t domid)
{
    int rc;

    rc = libxl_domain_soft_reset(ctx, config, domid, NULL, NULL);
    if (rc) domain_create_clear(ctx, domid);
    return rc;
}

int domain_create_clear(libxl_ctx *ctx, uint32_t domid)
{
    struct timespec step = { .tv_nsec = CLEAR_STEP_MS * 1000000L };
    int rc, tries;

    rc = libxl_domain_destroy(ctx, domid, NULL);
    if (rc == ERROR_DOMAIN_NOTFOUND) rc = 0;
    if (rc) return rc;

    /* Pages that a backend has still mapped keep a dead domain around. */
    for (tries = 0; tries < CLEAR_TRIES; tries++) {
        if (libxl_domain_info(ctx, NULL, domid) == ERROR_DOMAIN_NOTFOUND)
            break;
        nanosleep(&step, NULL);
    }
    return 0;
}

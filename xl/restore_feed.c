/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manage/save_image.h"
#include "xl/restore_feed.h"

#define PIPE_SIZE (1 << 20)

struct restore_feed {
    const struct manage_memory *memory;
    int out;
    char *config_json;
    pthread_t thread;
    struct manage_error err;
};

/* A reader that is gone has a reason of its own, which is told elsewhere; only
 * damage has its place here. */
static void feed_memory(struct restore_feed *feed)
{
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_memory_image_read(feed->memory->sctx, feed->memory->files,
                                 feed->memory->num, feed->out, &diag);
    if (rc == ERROR_BADFAIL || rc == ERROR_INVAL) {
        feed->err.outcome = MANAGE_DAMAGED;
        snprintf(feed->err.text, sizeof(feed->err.text), "%s",
                 diag.message ? diag.message : "the memory image is damaged");
    }
    libxl_snapshot_diag_dispose(&diag);
}

static void *run(void *arg)
{
    struct restore_feed *feed = arg;
    struct manage_error err = { MANAGE_OK, "" };
    sigset_t pipe_signal;

    /* Pending in this thread, it goes with it. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    if (!save_image_write_header(feed->out, feed->config_json, &err))
        feed_memory(feed);
    close(feed->out);
    feed->out = -1;
    return NULL;
}

static void feed_free(struct restore_feed *feed)
{
    if (feed->out >= 0) close(feed->out);
    free(feed->config_json);
    free(feed);
}

int restore_feed_start(const struct manage_memory *memory,
                       const char *config_json, struct restore_feed **feed_r,
                       int *fd_r, struct manage_error *err)
{
    struct restore_feed *feed = calloc(1, sizeof(*feed));
    int fds[2] = { -1, -1 }, r;

    if (!feed) goto failed;
    feed->memory = memory;
    feed->out = -1;
    feed->config_json = strdup(config_json);
    if (!feed->config_json || pipe2(fds, O_CLOEXEC)) goto failed;
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);     /* or as it is */
    feed->out = fds[1];
    r = pthread_create(&feed->thread, NULL, run, feed);
    if (r) {
        errno = r;
        goto failed;
    }
    *feed_r = feed;
    *fd_r = fds[0];
    return 0;

failed:
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "cannot hand the memory image to xl"
             " restore: %s", strerror(errno));
    if (fds[0] >= 0) close(fds[0]);
    if (feed) feed_free(feed);
    return ERROR_FAIL;
}

int restore_feed_finish(struct restore_feed *feed, struct manage_error *err)
{
    int rc = 0;

    pthread_join(feed->thread, NULL);
    if (feed->err.outcome != MANAGE_OK) {
        *err = feed->err;
        rc = ERROR_FAIL;
    }
    feed_free(feed);
    return rc;
}

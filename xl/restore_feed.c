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
    int file;
    int out;
    char *config_json;
    pthread_t thread;
    struct manage_error err;
};

static void fail(struct restore_feed *feed, const char *what)
{
    feed->err.outcome = MANAGE_FAILED;
    snprintf(feed->err.text, sizeof(feed->err.text), "%s: %s", what,
             strerror(errno));
}

/* A reader that is gone has a reason of its own, which is told elsewhere. */
static void copy(struct restore_feed *feed, off_t from)
{
    ssize_t r;

    for (;;) {
        r = splice(feed->file, &from, feed->out, NULL, PIPE_SIZE, 0);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0 && errno != EPIPE) fail(feed, "cannot read the memory image");
        if (r <= 0) return;
    }
}

static void *run(void *arg)
{
    struct restore_feed *feed = arg;
    struct manage_error err = { MANAGE_OK, "" };
    sigset_t pipe_signal;
    off_t stream;

    /* Pending in this thread, it goes with it. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    if (save_image_find_stream(feed->file, &stream, &feed->err)) goto out;
    if (save_image_write_header(feed->out, feed->config_json, &err)) goto out;
    copy(feed, stream);
out:
    close(feed->out);
    feed->out = -1;
    return NULL;
}

static void feed_free(struct restore_feed *feed)
{
    if (feed->file >= 0) close(feed->file);
    if (feed->out >= 0) close(feed->out);
    free(feed->config_json);
    free(feed);
}

int restore_feed_start(const char *memory_path, const char *config_json,
                       struct restore_feed **feed_r, int *fd_r,
                       struct manage_error *err)
{
    struct restore_feed *feed = calloc(1, sizeof(*feed));
    int fds[2] = { -1, -1 }, r;

    if (!feed) goto failed;
    feed->file = feed->out = -1;
    feed->config_json = strdup(config_json);
    if (!feed->config_json) goto failed;
    feed->file = open(memory_path, O_RDONLY | O_CLOEXEC);
    if (feed->file < 0 || pipe2(fds, O_CLOEXEC)) goto failed;
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
    snprintf(err->text, sizeof(err->text), "cannot read %s: %s", memory_path,
             strerror(errno));
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

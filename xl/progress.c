/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "xl/output.h"
#include "xl/progress.h"
#include "xl/text.h"

#define REDRAW_NS 100000000     /* ten times a second is enough */
#define LINE_MAX_LEN 256

struct xl_progress {
    bool shown;
    pthread_mutex_t lock;       /* of all below */
    char stage[64];
    bool is_memory;             /* what is counted, else a disk's */
    uint64_t bytes, estimate;
    uint64_t began_ns;          /* when memory began to be written, or 0 */
    uint64_t drawn_ns;
    size_t drawn_len;           /* columns to be cleared */
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct xl_progress *progress_create(bool shown)
{
    struct xl_progress *progress = calloc(1, sizeof(*progress));

    if (!progress) return NULL;
    progress->shown = shown;
    pthread_mutex_init(&progress->lock, NULL);
    return progress;
}

void progress_free(struct xl_progress *progress)
{
    if (!progress) return;
    progress_clear(progress);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

/* A line that reaches the last column may wrap, and then stays. */
static size_t usable_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
        return 79;
    return size.ws_col < LINE_MAX_LEN ? size.ws_col - 1 : LINE_MAX_LEN - 1;
}

/* With spaces, so that it needs nothing of the terminal but CR. */
static void clear_locked(struct xl_progress *progress)
{
    char blank[LINE_MAX_LEN + 3];

    if (!progress->drawn_len) return;
    snprintf(blank, sizeof(blank), "\r%*s\r", (int)progress->drawn_len, "");
    if (output_stderr_soon(blank, 0)) progress->drawn_len = 0;
}

static void describe_memory(const struct xl_progress *progress, uint64_t now,
                            char *buf, size_t len)
{
    char done[TEXT_SIZE_LEN], all[TEXT_SIZE_LEN], rate[TEXT_SIZE_LEN];
    uint64_t ms = (now - progress->began_ns) / 1000000;
    int n;

    n = snprintf(buf, len, "%s %s", progress->is_memory ?
                 ", memory" : ",", text_size(progress->bytes, done));
    if (progress->estimate >= progress->bytes && progress->estimate)
        n += snprintf(buf + n, len - n, " of %s",
                      text_size(progress->estimate, all));
    if (ms >= 200)      /* before that it is noise */
        snprintf(buf + n, len - n, ", %s/s",
                 text_size(progress->bytes / ms * 1000, rate));
}

static void draw_locked(struct xl_progress *progress, uint64_t now)
{
    char memory[3 * TEXT_SIZE_LEN + 32] = "", line[LINE_MAX_LEN];
    char whole[2 * LINE_MAX_LEN];
    size_t columns = usable_columns(), len;

    if (progress->began_ns)
        describe_memory(progress, now, memory, sizeof(memory));
    snprintf(line, sizeof(line), "%s%s", progress->stage, memory);
    len = strlen(line);
    if (len > columns) {
        line[columns] = '\0';
        len = columns;
    }
    snprintf(whole, sizeof(whole), "\r%s%*s%s", line,
             (int)(progress->drawn_len > len ? progress->drawn_len - len : 0),
             "", progress->drawn_len > len ? "\r" : "");
    if (!output_stderr_soon(whole, 0)) return;
    progress->drawn_len = len;
    progress->drawn_ns = now;
}

void progress_reached(struct xl_progress *progress, const char *point)
{
    const char *stage = strrchr(point, ':');

    if (!progress->shown) return;
    pthread_mutex_lock(&progress->lock);
    snprintf(progress->stage, sizeof(progress->stage), "%s",
             stage ? stage + 1 : point);
    progress->is_memory = strncmp(point, "job:", strlen("job:"));
    draw_locked(progress, now_ns());
    pthread_mutex_unlock(&progress->lock);
}

void progress_memory(struct xl_progress *progress, uint64_t bytes,
                     uint64_t estimate)
{
    uint64_t now;

    if (!progress->shown) return;
    pthread_mutex_lock(&progress->lock);
    now = now_ns();
    if (!progress->began_ns) progress->began_ns = now;
    progress->bytes = bytes;
    progress->estimate = estimate;
    if (now - progress->drawn_ns >= REDRAW_NS) draw_locked(progress, now);
    pthread_mutex_unlock(&progress->lock);
}

void progress_clear(struct xl_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    clear_locked(progress);
    pthread_mutex_unlock(&progress->lock);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xl/log.h"
#include "xl/output.h"
#include "xl/progress.h"
#include "xl/text.h"

#define KEPT_LINES 32
#define KEPT_LEVEL XTL_WARN

/* A reader that did not read for so long is not waited for again until it
 * does: the guest may stand still meanwhile. */
#define STUCK_MS 100

struct xl_log {
    xentoollog_logger vtable;   /* first: libxl hands us a pointer to it */
    pthread_mutex_t lock;       /* of all below */
    xentoollog_level shown_level;
    bool timestamps;
    bool stuck;                 /* nobody reads what is shown */
    struct xl_progress *progress;
    char *kept[KEPT_LINES];     /* a ring; the oldest is at oldest */
    unsigned int oldest, num;
};

static char *format_line(const struct xl_log *log, xentoollog_level level,
                         int errnoval, const char *context,
                         const char *format, va_list ap)
    __attribute__((format(printf, 5, 0)));

static char *format_line(const struct xl_log *log, xentoollog_level level,
                         int errnoval, const char *context,
                         const char *format, va_list ap)
{
    char stamp[64] = "", *message = NULL, *safe = NULL, *line = NULL;

    if (vasprintf(&message, format, ap) < 0) {
        message = NULL;
        goto out;
    }
    /* libxl quotes what guests and device models said. */
    safe = text_escape(message, text_locale_is_utf8());
    if (!safe) goto out;

    if (log->timestamps) {
        char when[TEXT_TIME_LEN];

        snprintf(stamp, sizeof(stamp), "%s [%ld] ",
                 text_time(time(NULL), when), (long)getpid());
    }
    if (asprintf(&line, "%s%s%s%s: %s%s%s\n", stamp, context ? context : "",
                 context ? ": " : "", xtl_level_to_string(level), safe,
                 errnoval >= 0 ? ": " : "",
                 errnoval >= 0 ? strerror(errnoval) : "") < 0)
        line = NULL;
out:
    free(message);
    free(safe);
    return line;
}

/* Takes the line. */
static void keep(struct xl_log *log, char *line)
{
    unsigned int at = (log->oldest + log->num) % KEPT_LINES;

    if (log->num == KEPT_LINES) {
        free(log->kept[at]);
        log->oldest = (log->oldest + 1) % KEPT_LINES;
    } else {
        log->num++;
    }
    log->kept[at] = line;
}

static void log_vmessage(xentoollog_logger *logger, xentoollog_level level,
                         int errnoval, const char *context,
                         const char *format, va_list ap)
    __attribute__((format(printf, 5, 0)));

static void log_vmessage(xentoollog_logger *logger, xentoollog_level level,
                         int errnoval, const char *context,
                         const char *format, va_list ap)
{
    struct xl_log *log = (struct xl_log *)logger;
    char *line;

    if (level < log->shown_level && level < KEPT_LEVEL) return;
    line = format_line(log, level, errnoval, context, format, ap);
    if (!line) return;

    pthread_mutex_lock(&log->lock);
    if (level >= log->shown_level) {
        if (log->progress) progress_clear(log->progress);
        log->stuck = !output_stderr_soon(line, log->stuck ? 0 : STUCK_MS);
        free(line);
    } else {
        keep(log, line);
    }
    pthread_mutex_unlock(&log->lock);
}

static void log_destroy(xentoollog_logger *logger)
{
    log_free((struct xl_log *)logger);
}

struct xl_log *log_create(int verbose, bool timestamps,
                          struct xl_progress *progress)
{
    static const xentoollog_level levels[] = {
        XTL_NUM_LEVELS, XTL_DETAIL, XTL_VERBOSE, XTL_DEBUG,
    };
    struct xl_log *log = calloc(1, sizeof(*log));

    if (!log) return NULL;
    log->vtable.vmessage = log_vmessage;
    log->vtable.destroy = log_destroy;
    log->shown_level = levels[verbose < 3 ? verbose : 3];
    log->timestamps = timestamps;
    log->progress = progress;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void log_free(struct xl_log *log)
{
    if (!log) return;
    log_forget(log);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

xentoollog_logger *log_logger(struct xl_log *log)
{
    return &log->vtable;
}

void log_forget(struct xl_log *log)
{
    pthread_mutex_lock(&log->lock);
    for (; log->num; log->num--) {
        free(log->kept[log->oldest]);
        log->oldest = (log->oldest + 1) % KEPT_LINES;
    }
    pthread_mutex_unlock(&log->lock);
}

void log_show_kept(struct xl_log *log)
{
    pthread_mutex_lock(&log->lock);
    for (; log->num; log->num--) {
        output_stderr(log->kept[log->oldest]);
        free(log->kept[log->oldest]);
        log->oldest = (log->oldest + 1) % KEPT_LINES;
    }
    pthread_mutex_unlock(&log->lock);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting: for the domain's end, or, standing by, for the one who waits. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <libxl_event.h>
#include <libxl_utils.h>

#include "xl/monitor.h"
#include "xl/watcher_scan.h"

/* libxl waits on a handful of descriptors. */
#define POLLS_START 8
/* How often to look after a process that there is no pidfd for. */
#define BLIND_MS 1000

void monitor_init(struct monitor *m)
{
    memset(m, 0, sizeof(*m));
    m->run_dir = XEN_RUN_DIR;
    m->proc_dir = "/proc";
    m->system_xl = SYSTEM_XL;
    monitor_lock_init(&m->lock);
    libxl_domain_config_init(&m->config);
    m->after_fd = -1;
    m->after_log = -1;
}

static void stop_standing_by(struct monitor *m)
{
    if (m->after_fd >= 0) close(m->after_fd);
    if (m->after_log >= 0) close(m->after_log);
    m->after_fd = m->after_log = -1;
    m->after_pid = 0;
}

void monitor_dispose(struct monitor *m)
{
    if (m->ctx) monitor_disarm(m);
    stop_standing_by(m);
    monitor_lock_release(&m->lock);
    libxl_domain_config_dispose(&m->config);
    free(m->polls);
    m->polls = NULL;
    m->num_polls = 0;
}

/*
 * ---- what libxl reports ----
 */

static int arm_ejects(struct monitor *m)
{
    int i, rc, num = m->config.num_disks;

    if (m->ejects || !num) return 0;
    m->ejects = calloc(num, sizeof(m->ejects[0]));
    if (!m->ejects) return ERROR_NOMEM;
    m->num_ejects = num;

    for (i = 0; i < num; i++) {
        const libxl_device_disk *disk = &m->config.disks[i];

        if (!disk->removable) continue;
        rc = libxl_evenable_disk_eject(m->ctx, m->domid, disk->vdev, 0,
                                       &m->ejects[i]);
        if (rc) {
            m->ejects[i] = NULL;
            monitor_say(m, XTL_WARN, "cannot watch the drive %s", disk->vdev);
        }
    }
    return 0;
}

int monitor_arm(struct monitor *m)
{
    libxl_evgen_domain_death *death;
    int rc;

    /*
     * One generator reports one shutdown, ever. So after a suspend it needs a
     * successor. That one comes first: with the last generator goes libxl's
     * watch in xenstore, and a new watch fires at once, would find the domain
     * still suspended, and so on, in a tight loop.
     */
    rc = libxl_evenable_domain_death(m->ctx, m->domid, 0, &death);
    if (rc) return rc;
    if (m->death) libxl_evdisable_domain_death(m->ctx, m->death);
    m->death = death;

    /* Acknowledging an eject is the business of who watches, and of nobody
     * else: the request is gone once it is seen. */
    return m->after_pid ? 0 : arm_ejects(m);
}

void monitor_disarm(struct monitor *m)
{
    libxl_event *event;
    int i;

    if (m->death) libxl_evdisable_domain_death(m->ctx, m->death);
    m->death = NULL;
    for (i = 0; i < m->num_ejects; i++) {
        if (m->ejects[i]) libxl_evdisable_disk_eject(m->ctx, m->ejects[i]);
    }
    free(m->ejects);
    m->ejects = NULL;
    m->num_ejects = 0;

    /* What had been reported by then is about the past. */
    while (!libxl_event_check(m->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL))
        libxl_event_free(m->ctx, event);
}

/*
 * ---- standing by ----
 */

/*
 * False when there is nobody to wait for: the process has ended, or it
 * watches something else by now.
 */
static bool stand_by(struct monitor *m, pid_t pid)
{
    uint32_t domid;
    int rc;

    m->after_fd = syscall(SYS_pidfd_open, pid, 0U);
    /* Without one (before Linux 5.3) it is looked after now and then. */
    if (m->after_fd < 0 && errno == ESRCH) return false;

    /* The number may have passed on to another process before that. */
    m->after_log = watcher_open_log(m->proc_dir, pid);
    if (m->after_log < 0) goto nobody;
    rc = watcher_log_domid(m->after_log, pid, &domid);
    if (!rc && domid != m->domid) goto nobody;

    m->after_pid = pid;
    return true;

 nobody:
    stop_standing_by(m);
    return false;
}

/* Is the system's xl at it as well? Then it acts, and we stand by. */
static bool find_other(struct monitor *m)
{
    struct watcher *list = NULL;
    bool found = false;
    size_t num = 0, i;

    if (watcher_find(m->proc_dir, m->domid, NULL, &list, &num)) return false;
    for (i = 0; i < num && !found; i++) {
        if (!list[i].ours) found = stand_by(m, list[i].pid);
    }
    free(list);
    return found;
}

/*
 * ---- the loop ----
 */

/* The domain may have ended while nobody was looking. */
static enum monitor_next look(struct monitor *m)
{
    enum monitor_next next = MONITOR_WAIT;
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(m->ctx, &info, m->domid);
    if (rc && rc != ERROR_DOMAIN_NOTFOUND) {
        monitor_say(m, XTL_ERROR, "cannot ask the hypervisor about it");
        next = MONITOR_FAILED;
    } else if (rc || info.dying || libxl_uuid_compare(&info.uuid, &m->uuid)) {
        monitor_say(m, XTL_NOTICE, "it is gone");
        next = MONITOR_DONE;
    } else if (info.shutdown && !m->after_pid &&
               info.shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND) {
        next = find_other(m) ? MONITOR_WAIT
                             : monitor_act(m, info.shutdown_reason);
    }
    libxl_dominfo_dispose(&info);
    return next;
}

static enum monitor_next take_over(struct monitor *m)
{
    uint32_t domid;
    int rc;

    rc = watcher_log_domid(m->after_log, m->after_pid, &domid);
    if (!rc && domid != m->domid) {
        /* It renamed this one and went on with its successor. */
        monitor_say(m, XTL_NOTICE, "process %ld had acted on it",
                    (long)m->after_pid);
        return MONITOR_DONE;
    }
    monitor_say(m, XTL_NOTICE, "process %ld has ended, taking over",
                (long)m->after_pid);
    stop_standing_by(m);

    rc = monitor_arm(m);
    if (rc) {
        monitor_say(m, XTL_ERROR, "cannot watch it (libxl error %d)", rc);
        return MONITOR_FAILED;
    }
    return look(m);
}

static enum monitor_next on_shutdown(struct monitor *m, int reason)
{
    int rc;

    if (m->after_pid) return MONITOR_WAIT;
    if (reason != LIBXL_SHUTDOWN_REASON_SUSPEND)
        return find_other(m) ? MONITOR_WAIT : monitor_act(m, reason);

    rc = monitor_arm(m);
    if (rc) {
        monitor_say(m, XTL_ERROR, "cannot go on watching it (libxl error %d)",
                    rc);
        return MONITOR_FAILED;
    }
    /* What happened since, the old generator kept to itself. */
    return look(m);
}

static enum monitor_next on_event(struct monitor *m, libxl_event *event)
{
    switch (event->type) {
    case LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN:
        return on_shutdown(m, event->u.domain_shutdown.shutdown_reason);
    case LIBXL_EVENT_TYPE_DOMAIN_DEATH:
        monitor_say(m, XTL_NOTICE, "it has been destroyed");
        return MONITOR_DONE;
    case LIBXL_EVENT_TYPE_DISK_EJECT:
        if (libxl_cdrom_insert(m->ctx, m->domid, &event->u.disk_eject.disk,
                               NULL))
            monitor_say(m, XTL_ERROR, "cannot empty the drive %s",
                        event->u.disk_eject.vdev);
        return MONITOR_WAIT;
    default:
        monitor_say(m, XTL_WARN, "event of type %d, not asked for",
                    event->type);
        return MONITOR_WAIT;
    }
}

/* Let libxl wait for what it waits for, and us for who we stand by for. */
static int poll_once(struct monitor *m, bool *ended_r)
{
    struct timeval now;
    int num, timeout, rc, r;
    bool blind;

    for (;;) {
        struct pollfd *more;

        num = m->num_polls - 1;
        timeout = -1;
        gettimeofday(&now, NULL);
        rc = libxl_osevent_beforepoll(m->ctx, &num, m->polls + 1, &timeout,
                                      now);
        if (rc != ERROR_BUFFERFULL) break;

        more = realloc(m->polls, (num + 1) * sizeof(*more));
        if (!more) return ERROR_NOMEM;
        m->polls = more;
        m->num_polls = num + 1;
    }
    if (rc) return rc;

    blind = m->after_pid && m->after_fd < 0;
    if (blind && (timeout < 0 || timeout > BLIND_MS)) timeout = BLIND_MS;
    m->polls[0].fd = m->after_fd;
    m->polls[0].events = POLLIN;
    m->polls[0].revents = 0;
    r = poll(m->polls, num + 1, timeout);
    if (r < 0 && errno == EINTR) return 0;
    if (r < 0) return ERROR_FAIL;

    gettimeofday(&now, NULL);
    libxl_osevent_afterpoll(m->ctx, num, m->polls + 1, now);
    *ended_r = blind ? !watcher_alive(m->proc_dir, m->after_pid)
                     : m->polls[0].revents;
    return 0;
}

/* The next event, or NULL when the process that we stand by for has ended. */
static int next_event(struct monitor *m, libxl_event **event_r)
{
    libxl_event *event;
    bool ended = false;
    int rc;

    for (;;) {
        rc = libxl_event_check(m->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL);
        if (!rc) {
            if (event->domid == m->domid) {
                *event_r = event;
                return 0;
            }
            libxl_event_free(m->ctx, event);
            continue;
        }
        if (rc != ERROR_NOT_READY) return rc;
        /* Only after the events that came before it. */
        if (ended) {
            *event_r = NULL;
            return 0;
        }
        rc = poll_once(m, &ended);
        if (rc) return rc;
    }
}

int monitor_begin(struct monitor *m, pid_t after_pid, struct manage_error *err)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);

    m->polls = calloc(POLLS_START, sizeof(m->polls[0]));
    if (!m->polls) {
        rc = ERROR_NOMEM;
        snprintf(err->text, sizeof(err->text), "out of memory");
        goto out;
    }
    m->num_polls = POLLS_START;

    rc = libxl_domain_info(m->ctx, &info, m->domid);
    if (rc || libxl_uuid_compare(&info.uuid, &m->uuid)) {
        rc = ERROR_DOMAIN_NOTFOUND;
        snprintf(err->text, sizeof(err->text), "domain %u is gone", m->domid);
        goto out;
    }
    rc = monitor_lock_take(&m->lock, m->run_dir, m->domid);
    if (rc) {
        snprintf(err->text, sizeof(err->text), "cannot lock %s: %s",
                 m->lock.path, strerror(errno));
        goto out;
    }
    rc = libxl_retrieve_domain_configuration(m->ctx, m->domid, &m->config,
                                             NULL);
    if (rc) {
        snprintf(err->text, sizeof(err->text), "cannot read the configuration "
                 "of domain %u (libxl error %d)", m->domid, rc);
        rc = ERROR_FAIL;    /* it may be ERROR_LOCK_FAIL as well */
        goto out;
    }
    if (after_pid) stand_by(m, after_pid);

    rc = monitor_arm(m);
    if (rc) {
        snprintf(err->text, sizeof(err->text), "cannot watch domain %u (libxl "
                 "error %d)", m->domid, rc);
        goto out;
    }

 out:
    libxl_dominfo_dispose(&info);
    return rc;
}

int monitor_run(struct monitor *m)
{
    enum monitor_next next;
    libxl_event *event;
    int rc;

    next = look(m);
    while (next == MONITOR_WAIT) {
        rc = next_event(m, &event);
        if (rc) {
            monitor_say(m, XTL_ERROR, "cannot wait for events (libxl error "
                        "%d)", rc);
            return rc;
        }
        next = event ? on_event(m, event) : take_over(m);
        if (event) libxl_event_free(m->ctx, event);
    }
    return next == MONITOR_FAILED ? ERROR_FAIL : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Acting on a domain's end as its configuration says. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "xl/child.h"
#include "xl/death_plan.h"
#include "xl/domain_create.h"
#include "xl/monitor.h"
#include "xl/xl_conf.h"

/* Creating a domain right after its predecessor fails at times, for what that
 * still holds: it is tried again. */
#define CREATE_TRIES 3
#define CREATE_PAUSE_S 2
#define XL_CREATE_S 600

static const char *error_name(int rc)
{
    const char *name = libxl_error_to_string(rc);

    return name ? name : "unknown error";
}

/* Devices come and go, and settings change: what holds is what it has now.
 * When that cannot be read, what was read last has to do. */
static void refresh_config(struct monitor *m)
{
    libxl_domain_config config;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(m->ctx, m->domid, &config, NULL);
    if (rc) {
        monitor_say(m, XTL_WARN, "cannot read its configuration (%s), going by "
                    "an older one", error_name(rc));
        libxl_domain_config_dispose(&config);
        return;
    }
    libxl_domain_config_dispose(&m->config);
    m->config = config;
}

/* A failure does not change what comes next: the guest is dead either way. */
static void dump_core(struct monitor *m)
{
    char path[4096];
    int rc;

    snprintf(path, sizeof(path), XEN_DUMP_DIR "/%s", m->config.c_info.name);
    monitor_say(m, XTL_NOTICE, "dumping its core to %s", path);
    rc = libxl_domain_core_dump(m->ctx, m->domid, path, NULL);
    if (rc)
        monitor_say(m, XTL_ERROR, "cannot dump its core (%s)", error_name(rc));
}

/*
 * Out of the way of its successor: its name gets the time appended, in the
 * form that xl gives it, and a uuid of its own.
 */
static int preserve(struct monitor *m)
{
    time_t now = time(NULL);
    libxl_uuid uuid;
    char suffix[32];
    struct tm tm;
    int rc;

    if (!gmtime_r(&now, &tm) ||
        !strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%MZ", &tm))
        return ERROR_FAIL;
    libxl_uuid_generate(&uuid);
    rc = libxl_domain_preserve(m->ctx, m->domid, &m->config.c_info, suffix,
                               uuid);
    if (!rc)
        monitor_say(m, XTL_NOTICE, "kept as %s%s", m->config.c_info.name,
                    suffix);
    return rc;
}

/*
 * ---- the successor ----
 */

static int create_successor(struct monitor *m, uint32_t *domid_r)
{
    struct xl_conf conf = { .lockfile = NULL };
    libxl_domain_config config;
    int rc, tries;

    rc = xl_conf_read(m->ctx, xl_conf_path, &conf);
    if (rc) {
        monitor_say(m, XTL_ERROR, "cannot read %s", xl_conf_path);
        goto out;
    }
    for (tries = 1; ; tries++) {
        /* libxl fills in defaults; each try starts without them. */
        libxl_domain_config_init(&config);
        libxl_domain_config_copy(m->ctx, &config, &m->config);
        rc = domain_create(m->ctx, &conf, &config, domid_r);
        libxl_domain_config_dispose(&config);
        if (!rc) break;

        monitor_say(m, XTL_ERROR, "cannot create its successor (%s)%s",
                    error_name(rc), tries < CREATE_TRIES ? ", trying again"
                                                         : "");
        if (tries == CREATE_TRIES) break;
        sleep(CREATE_PAUSE_S);
    }

 out:
    xl_conf_dispose(&conf);
    return rc;
}

/* From here on m is about domid, which is paused. */
static enum monitor_next watch_successor(struct monitor *m, uint32_t domid)
{
    int rc;

    if (domid != m->domid) {
        monitor_lock_release(&m->lock);
        m->domid = domid;
        m->uuid = m->config.c_info.uuid;
        rc = monitor_lock_take(&m->lock, m->run_dir, domid);
        /* A lock that cannot be had only lets a second monitor be started. */
        if (rc)
            monitor_say(m, XTL_WARN, "cannot lock %s: %s", m->lock.path,
                        strerror(errno));
    }
    monitor_announce(m);
    rc = monitor_arm(m);
    if (rc)
        monitor_say(m, XTL_ERROR, "cannot watch it (%s)", error_name(rc));

    /* Better a guest that nobody watches than none. */
    if (libxl_domain_unpause(m->ctx, domid, NULL)) {
        monitor_say(m, XTL_ERROR, "cannot unpause it");
        rc = ERROR_FAIL;
    }
    return rc ? MONITOR_FAILED : MONITOR_WAIT;
}

/*
 * xl config-update leaves an xl.cfg with the domain, for its next boot. Only
 * xl can read that, so the system's xl does what then is to be done, and
 * watches the outcome itself. cfg and len: that text.
 */
static enum monitor_next create_by_xl(struct monitor *m, const uint8_t *cfg,
                                      int len)
{
    char xl_arg[] = "xl", create_arg[] = "create", file_arg[] = "/dev/stdin";
    char *argv[] = { xl_arg, create_arg, file_arg, NULL };
    struct child_spec spec = {
        .path = m->system_xl,
        .argv = argv,
        .timeout_s = XL_CREATE_S,
    };
    enum monitor_next next = MONITOR_FAILED;
    struct child_result result;
    char why[640];

    monitor_say(m, XTL_NOTICE, "its configuration was updated, leaving its "
                "successor to xl");
    /* xl insists on a plain file; this is one, and leaves nothing behind. */
    spec.stdin_fd = memfd_create("xl.cfg", MFD_CLOEXEC);
    if (spec.stdin_fd < 0 || write(spec.stdin_fd, cfg, len) != len ||
        lseek(spec.stdin_fd, 0, SEEK_SET)) {
        monitor_say(m, XTL_ERROR, "cannot hand it over: %s", strerror(errno));
        goto out;
    }
    if (child_run(&spec, &result)) {
        monitor_say(m, XTL_ERROR, "cannot run %s: %s", m->system_xl,
                    strerror(errno));
        goto out;
    }
    if (!child_succeeded(&result)) {
        child_describe(&result, why, sizeof(why));
        monitor_say(m, XTL_ERROR, "xl create: %s", why);
        goto out;
    }
    next = MONITOR_DONE;

 out:
    if (spec.stdin_fd >= 0) close(spec.stdin_fd);
    return next;
}

static enum monitor_next restart(struct monitor *m, bool keep_old)
{
    enum monitor_next next = MONITOR_FAILED;
    uint8_t *cfg = NULL;
    uint32_t domid;
    int len = 0, rc;

    /* It goes with the domain. */
    if (libxl_userdata_retrieve(m->ctx, m->domid, "xl", &cfg, &len)) {
        monitor_say(m, XTL_WARN, "cannot read its updated configuration");
        cfg = NULL;
        len = 0;
    }

    rc = keep_old ? preserve(m) : domain_create_clear(m->ctx, m->domid);
    if (rc) {
        monitor_say(m, XTL_ERROR, keep_old ? "cannot rename it (%s)"
                    : "cannot destroy it (%s)", error_name(rc));
        goto out;
    }
    monitor_disarm(m);

    if (len > 0) {
        if (keep_old) libxl_userdata_unlink(m->ctx, m->domid, "xl");
        next = create_by_xl(m, cfg, len);
        goto out;
    }
    rc = create_successor(m, &domid);
    if (rc) goto out;
    next = watch_successor(m, domid);

 out:
    free(cfg);
    return next;
}

static enum monitor_next soft_reset(struct monitor *m)
{
    libxl_domain_config config;
    int rc;

    monitor_disarm(m);
    libxl_domain_config_init(&config);
    libxl_domain_config_copy(m->ctx, &config, &m->config);
    rc = domain_create_soft_reset(m->ctx, &config, m->domid);
    libxl_domain_config_dispose(&config);
    if (rc) {
        monitor_say(m, XTL_ERROR, "cannot reset it (%s); destroyed",
                    error_name(rc));
        return MONITOR_FAILED;
    }
    return watch_successor(m, m->domid);
}

static const char *step_name(enum death_step step)
{
    switch (step) {
    case DEATH_KEEP_WATCHING: return "keep watching";
    case DEATH_LEAVE: return "preserve";
    case DEATH_DESTROY: return "destroy";
    case DEATH_RESTART: return "restart";
    case DEATH_RENAME_RESTART: return "rename-restart";
    case DEATH_SOFT_RESET: return "soft-reset";
    }
    return "?";
}

enum monitor_next monitor_act(struct monitor *m, int reason)
{
    const char *why = libxl_shutdown_reason_to_string(reason);
    struct death_plan plan;
    int rc;

    refresh_config(m);
    plan = death_plan_make(reason, &m->config);
    monitor_say(m, XTL_NOTICE, "shut down (%s): %s%s",
                why ? why : "unknown reason", plan.dump_core ? "coredump-" : "",
                step_name(plan.step));
    if (plan.dump_core) dump_core(m);

    switch (plan.step) {
    case DEATH_KEEP_WATCHING:
        return MONITOR_WAIT;
    case DEATH_LEAVE:
        return MONITOR_DONE;
    case DEATH_DESTROY:
        rc = domain_create_clear(m->ctx, m->domid);
        if (!rc) return MONITOR_DONE;
        monitor_say(m, XTL_ERROR, "cannot destroy it (%s)", error_name(rc));
        return MONITOR_FAILED;
    case DEATH_RESTART:
        return restart(m, false);
    case DEATH_RENAME_RESTART:
        return restart(m, true);
    case DEATH_SOFT_RESET:
        return soft_reset(m);
    }
    return MONITOR_FAILED;
}

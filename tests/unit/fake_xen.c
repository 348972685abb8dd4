/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <libxl_event.h>
#include <libxl_utils.h>

#include "fake_xen.h"

struct fake_xen fake;

struct libxl__evgen_domain_death {
    uint32_t domid;
    bool shutdown_reported, death_reported;
    struct libxl__evgen_domain_death *next;
};

struct libxl__evgen_disk_eject {
    uint32_t domid;
    char vdev[16];
    struct libxl__evgen_disk_eject *next;
};

struct queued {
    libxl_event event;
    struct queued *next;
};

static struct libxl__evgen_domain_death *deaths;
static struct libxl__evgen_disk_eject *ejects;
static struct queued *queue;
/* xenstore has fired @releaseDomain, and nobody has looked yet. */
static bool release_pending;

static void __attribute__((format(printf, 1, 2))) trace(const char *fmt, ...)
{
    size_t len = strlen(fake.trace);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(fake.trace + len, sizeof(fake.trace) - len, fmt, ap);
    va_end(ap);
}

/* ---- the test's side ---- */

void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    libxl_domain_config_init(&fake.config);
    fake.next_domid = 9;
    fake.version_minor = 17;
    fake.free_kb = 2000;
    deaths = NULL;
    ejects = NULL;
    queue = NULL;
    release_pending = false;
}

void fake_dispose(void)
{
    libxl_event *event;

    while (!libxl_event_check(NULL, &event, 0, NULL, NULL))
        libxl_event_free(NULL, event);
    while (deaths)
        libxl_evdisable_domain_death(NULL, deaths);
    while (ejects)
        libxl_evdisable_disk_eject(NULL, ejects);
    libxl_domain_config_dispose(&fake.config);
}

void fake_add(uint32_t domid, const char *name)
{
    struct fake_domain *d = &fake.dom[domid];

    memset(d, 0, sizeof(*d));
    d->exists = true;
    snprintf(d->name, sizeof(d->name), "%s", name);
    memset(d->uuid.uuid, (int)domid, sizeof(d->uuid.uuid));
}

void fake_shutdown(uint32_t domid, int reason)
{
    fake.dom[domid].shutdown = true;
    fake.dom[domid].reason = reason;
    release_pending = true;
}

void fake_resume(uint32_t domid)
{
    fake.dom[domid].shutdown = false;
}

void fake_gone(uint32_t domid)
{
    fake.dom[domid].exists = false;
    release_pending = true;
}

static struct queued *enqueue(uint32_t domid, libxl_event_type type)
{
    struct queued *q = calloc(1, sizeof(*q)), **tail;

    if (!q) abort();
    libxl_event_init(&q->event);
    q->event.domid = domid;
    libxl_event_init_type(&q->event, type);
    for (tail = &queue; *tail; tail = &(*tail)->next)
        ;
    *tail = q;
    return q;
}

void fake_eject(uint32_t domid, const char *vdev)
{
    struct libxl__evgen_disk_eject *e;
    struct queued *q;

    for (e = ejects; e; e = e->next) {
        if (e->domid != domid || strcmp(e->vdev, vdev)) continue;
        q = enqueue(domid, LIBXL_EVENT_TYPE_DISK_EJECT);
        q->event.u.disk_eject.disk.vdev = strdup(vdev);
        q->event.u.disk_eject.vdev = strdup(vdev);
        return;
    }
    trace("eject-unseen ");
}

/* ---- libxl's side: events ---- */

static void look_at_domains(void)
{
    struct libxl__evgen_domain_death *e;

    for (e = deaths; e; e = e->next) {
        struct fake_domain *d = &fake.dom[e->domid];

        if (e->death_reported) continue;
        if (!d->exists || d->dying) {
            enqueue(e->domid, LIBXL_EVENT_TYPE_DOMAIN_DEATH);
            e->death_reported = true;
        } else if (d->shutdown && !e->shutdown_reported) {
            enqueue(e->domid, LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN)
                ->event.u.domain_shutdown.shutdown_reason = d->reason;
            e->shutdown_reported = true;
            if (fake.reason_changes) d->reason = fake.reason_after_report;
        }
    }
}

int libxl_evenable_domain_death(libxl_ctx *ctx, uint32_t domid,
                                libxl_ev_user user,
                                libxl_evgen_domain_death **evgen_out)
{
    struct libxl__evgen_domain_death *e = calloc(1, sizeof(*e));

    if (!e) return ERROR_NOMEM;
    e->domid = domid;
    if (!deaths) release_pending = true;    /* a new watch */
    e->next = deaths;
    deaths = e;
    *evgen_out = e;
    return 0;
}

void libxl_evdisable_domain_death(libxl_ctx *ctx, libxl_evgen_domain_death *gen)
{
    struct libxl__evgen_domain_death **p;

    for (p = &deaths; *p != gen; p = &(*p)->next)
        ;
    *p = gen->next;
    free(gen);
}

int libxl_evenable_disk_eject(libxl_ctx *ctx, uint32_t domid, const char *vdev,
                              libxl_ev_user user,
                              libxl_evgen_disk_eject **evgen_out)
{
    struct libxl__evgen_disk_eject *e = calloc(1, sizeof(*e));

    if (!e) return ERROR_NOMEM;
    e->domid = domid;
    snprintf(e->vdev, sizeof(e->vdev), "%s", vdev);
    e->next = ejects;
    ejects = e;
    *evgen_out = e;
    return 0;
}

void libxl_evdisable_disk_eject(libxl_ctx *ctx, libxl_evgen_disk_eject *gen)
{
    struct libxl__evgen_disk_eject **p;

    for (p = &ejects; *p != gen; p = &(*p)->next)
        ;
    *p = gen->next;
    free(gen);
}

int libxl_event_check(libxl_ctx *ctx, libxl_event **event_r, uint64_t mask,
                      libxl_event_predicate *predicate, void *user)
{
    struct queued *q = queue;

    if (!q) return ERROR_NOT_READY;
    queue = q->next;
    q->next = NULL;
    *event_r = &q->event;   /* the first member */
    return 0;
}

void libxl_event_free(libxl_ctx *ctx, libxl_event *event)
{
    libxl_event_dispose(event);
    free(event);
}

int libxl_osevent_beforepoll(libxl_ctx *ctx, int *nfds_io, struct pollfd *fds,
                             int *timeout_upd, struct timeval now)
{
    /* More than the monitor starts with, to see it make room. */
    int need = 11, i;

    if (*nfds_io < need) {
        *nfds_io = need;
        return ERROR_BUFFERFULL;
    }
    *nfds_io = need;
    for (i = 0; i < need; i++) {
        fds[i].fd = -1;
        fds[i].events = 0;
    }
    if (!release_pending && !queue && !fake.script_over) {
        if (!fake.script || !fake.script(++fake.step)) {
            fake.script_over = true;
            trace("script-over ");
            return ERROR_FAIL;
        }
    }
    /* Long enough to see a process end. */
    *timeout_upd = release_pending || queue ? 0 : 20;
    return 0;
}

void libxl_osevent_afterpoll(libxl_ctx *ctx, int nfds, const struct pollfd *fds,
                             struct timeval now)
{
    if (!release_pending) return;
    release_pending = false;
    look_at_domains();
}

/* ---- libxl's side: domains ---- */

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info_r, uint32_t domid)
{
    struct fake_domain *d = &fake.dom[domid];

    if (domid >= FAKE_DOMAINS || !d->exists) return ERROR_DOMAIN_NOTFOUND;
    if (!info_r) return 0;
    info_r->domid = domid;
    info_r->uuid = d->uuid;
    info_r->paused = d->paused;
    info_r->dying = d->dying;
    info_r->shutdown = d->shutdown;
    info_r->running = !d->paused && !d->shutdown;
    info_r->shutdown_reason = d->shutdown
        ? (libxl_shutdown_reason)d->reason : LIBXL_SHUTDOWN_REASON_UNKNOWN;
    return 0;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    if (domid >= FAKE_DOMAINS || !fake.dom[domid].exists) return NULL;
    return strdup(fake.dom[domid].name);
}

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
    uint32_t i;

    if (fake.blind_lookups > 0) {
        fake.blind_lookups--;
        return ERROR_INVAL;
    }
    for (i = 0; i < FAKE_DOMAINS; i++) {
        if (fake.dom[i].exists && !strcmp(fake.dom[i].name, name)) {
            *domid = i;
            return 0;
        }
    }
    return ERROR_INVAL;
}

static char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy) abort();
    return copy;
}

/* The real one needs a real ctx. What the monitor looks at is here. */
void libxl_domain_config_copy(libxl_ctx *ctx, libxl_domain_config *dst,
                              const libxl_domain_config *src)
{
    int i;

    dst->c_info.name = copy_text(src->c_info.name);
    dst->c_info.uuid = src->c_info.uuid;
    dst->on_poweroff = src->on_poweroff;
    dst->on_reboot = src->on_reboot;
    dst->on_crash = src->on_crash;
    dst->on_watchdog = src->on_watchdog;
    dst->on_soft_reset = src->on_soft_reset;
    if (!src->num_disks) return;
    dst->disks = calloc(src->num_disks, sizeof(dst->disks[0]));
    if (!dst->disks) abort();
    dst->num_disks = src->num_disks;
    for (i = 0; i < src->num_disks; i++) {
        libxl_device_disk_init(&dst->disks[i]);
        dst->disks[i].vdev = copy_text(src->disks[i].vdev);
        dst->disks[i].removable = src->disks[i].removable;
    }
}

/* The same: a configuration is its name here, and nothing begins with '?'. */
int libxl_domain_config_from_json(libxl_ctx *ctx, libxl_domain_config *config,
                                  const char *text)
{
    if (text[0] == '?') return ERROR_FAIL;
    config->c_info.name = copy_text(text);
    return 0;
}

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    if (fake.retrieve_fails || !fake.dom[domid].exists) return ERROR_FAIL;
    libxl_domain_config_copy(NULL, config, &fake.config);
    free(config->c_info.name);
    config->c_info.name = copy_text(fake.dom[domid].name);
    config->c_info.uuid = fake.dom[domid].uuid;
    return 0;
}

int libxl_userdata_retrieve(libxl_ctx *ctx, uint32_t domid, const char *id,
                            uint8_t **data_r, int *len_r)
{
    *data_r = NULL;
    *len_r = 0;
    if (!strcmp(id, "libvirt-xml") && fake.dom[domid].libvirt) {
        *data_r = (uint8_t *)strdup("<domain/>");
        *len_r = strlen("<domain/>");
        return 0;
    }
    if (strcmp(id, "xl") || !fake.dom[domid].updated[0]) return 0;
    *data_r = (uint8_t *)strdup(fake.dom[domid].updated);
    *len_r = strlen(fake.dom[domid].updated);
    return 0;
}

int libxl_userdata_unlink(libxl_ctx *ctx, uint32_t domid, const char *id)
{
    fake.dom[domid].updated[0] = '\0';
    return 0;
}

int libxl_domain_destroy(libxl_ctx *ctx, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    trace("destroy(%u) ", domid);
    if (!fake.dom[domid].exists) return ERROR_DOMAIN_NOTFOUND;
    fake_gone(domid);
    return 0;
}

int libxl_domain_create_new(libxl_ctx *ctx, libxl_domain_config *config,
                            uint32_t *domid, const libxl_asyncop_how *how,
                            const libxl_asyncprogress_how *console)
{
    uint32_t other;

    trace("create(%s) ", config->c_info.name);
    if (fake.create_failures > 0) {
        fake.create_failures--;
        /* Half of it is there. */
        fake_add(fake.next_domid, config->c_info.name);
        *domid = fake.next_domid++;
        return ERROR_FAIL;
    }
    if (!libxl_name_to_domid(ctx, config->c_info.name, &other))
        return ERROR_INVAL;
    fake_add(fake.next_domid, config->c_info.name);
    fake.dom[fake.next_domid].paused = true;
    fake.dom[fake.next_domid].uuid = config->c_info.uuid;
    *domid = fake.next_domid++;
    return 0;
}

int libxl_domain_soft_reset(libxl_ctx *ctx, libxl_domain_config *config,
                            uint32_t domid, const libxl_asyncop_how *how,
                            const libxl_asyncprogress_how *console)
{
    trace("soft-reset(%u) ", domid);
    if (fake.soft_reset_fails) return ERROR_FAIL;
    fake.dom[domid].shutdown = false;
    fake.dom[domid].paused = true;
    return 0;
}

int libxl_domain_preserve(libxl_ctx *ctx, uint32_t domid,
                          libxl_domain_create_info *info, const char *suffix,
                          libxl_uuid new_uuid)
{
    struct fake_domain *d = &fake.dom[domid];
    char name[sizeof(d->name)];

    trace("preserve(%u) ", domid);
    if (fake.preserve_fails || strcmp(d->name, info->name)) return ERROR_FAIL;
    snprintf(name, sizeof(name), "%.40s%.20s", info->name, suffix);
    memcpy(d->name, name, sizeof(name));
    d->preserved++;
    return 0;
}

int libxl_domain_unpause(libxl_ctx *ctx, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    trace("unpause(%u) ", domid);
    fake.dom[domid].paused = false;
    return 0;
}

int libxl_domain_core_dump(libxl_ctx *ctx, uint32_t domid, const char *path,
                           const libxl_asyncop_how *how)
{
    trace("core(%s) ", path);
    return 0;
}

int libxl_cdrom_insert(libxl_ctx *ctx, uint32_t domid, libxl_device_disk *disk,
                       const libxl_asyncop_how *how)
{
    trace("empty(%s) ", disk->vdev);
    return 0;
}

/* ---- libxl's side: memory ---- */

int libxl_domain_need_memory(libxl_ctx *ctx, libxl_domain_config *config,
                             uint32_t domid, uint64_t *need)
{
    *need = 1000;
    return 0;
}

int libxl_get_free_memory(libxl_ctx *ctx, uint64_t *memkb)
{
    *memkb = fake.free_kb;
    return 0;
}

int libxl_set_memory_target(libxl_ctx *ctx, uint32_t domid, int64_t target,
                            int relative, int enforce)
{
    if (domid || !relative || enforce || target >= 0) return ERROR_INVAL;
    fake.dom0_asked_kb = -target;
    trace("shrink(%llu) ", (unsigned long long)fake.dom0_asked_kb);
    return 0;
}

int libxl_wait_for_memory_target(libxl_ctx *ctx, uint32_t domid, int wait_secs)
{
    uint64_t step = fake.dom0_asked_kb;

    if (fake.dom0_stuck) return ERROR_FAIL;
    if (step > fake.dom0_step_kb) step = fake.dom0_step_kb;
    fake.free_kb += step;
    return 0;
}

const libxl_version_info *libxl_get_version_info(libxl_ctx *ctx)
{
    static libxl_version_info info;
    static char commandline[] = "dom0_mem=1G";

    info.xen_version_major = 4;
    info.xen_version_minor = fake.version_minor;
    info.commandline = commandline;
    return &info;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host with one running domain, which somebody else plays: what is asked of
 * the hypervisor goes, line by line, to the socket PLAYED_XEN, and the answer
 * is believed. Linked into xl beside the real libxl, these come before the
 * libraries' own; xenstore is the real library with a small daemon.
 *
 * Calls are made directly, and not by the C library's names, so that they are
 * not among those that preload.c counts.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xenctrl.h>

#include "libxl/libxl_snapshot.h"
#include "xl/monitor.h"

/* ---- asking ---- */

/* No answer is an empty one. */
static void ask_line(char *answer, size_t size, const char *line)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    long fd, n;

    answer[0] = '\0';
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", getenv("PLAYED_XEN"));
    fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) abort();
    if (!syscall(SYS_connect, fd, &to, sizeof(to)) &&
        syscall(SYS_sendto, fd, line, strlen(line), 0, NULL, 0) > 0) {
        n = syscall(SYS_recvfrom, fd, answer, size - 1, 0, NULL, NULL);
        answer[n < 0 ? 0 : n] = '\0';
    }
    syscall(SYS_close, fd);
}

static void ask(char *answer, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void ask(char *answer, size_t size, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    ask_line(answer, size, line);
}

/* "ok", or it failed. */
static int have(const char *what, uint32_t domid)
{
    char answer[16];

    ask(answer, sizeof(answer), "%s %" PRIu32, what, domid);
    return strcmp(answer, "ok") ? ERROR_FAIL : 0;
}

/* ---- the domain ---- */

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
    char answer[16];

    (void)ctx;
    ask(answer, sizeof(answer), "domid %s", name);
    if (!*answer) return ERROR_INVAL;
    *domid = (uint32_t)strtoul(answer, NULL, 10);
    return 0;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    char answer[128];

    (void)ctx;
    ask(answer, sizeof(answer), "name %" PRIu32, domid);
    return *answer ? strdup(answer) : NULL;
}

/* uuid, paused, suspended */
int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    char answer[128], uuid[40];
    int paused, suspended;

    (void)ctx;
    ask(answer, sizeof(answer), "info %" PRIu32, domid);
    if (sscanf(answer, "%39s %d %d", uuid, &paused, &suspended) != 3)
        return ERROR_DOMAIN_NOTFOUND;
    if (!info) return 0;
    if (libxl_uuid_from_string(&info->uuid, uuid)) return ERROR_FAIL;
    info->domid = domid;
    info->paused = paused;
    info->shutdown = suspended;
    info->shutdown_reason = suspended ? LIBXL_SHUTDOWN_REASON_SUSPEND
                                      : LIBXL_SHUTDOWN_REASON_UNKNOWN;
    info->running = !paused && !suspended;
    info->domain_type = LIBXL_DOMAIN_TYPE_PV;
    info->current_memkb = 1024;
    return 0;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *num)
{
    libxl_dominfo *list = calloc(1, sizeof(*list));
    char answer[16];

    *num = 0;
    if (!list) return NULL;
    ask(answer, sizeof(answer), "list");
    libxl_dominfo_init(list);
    if (*answer &&
        !libxl_domain_info(ctx, list, (uint32_t)strtoul(answer, NULL, 10)))
        *num = 1;
    return list;
}

int libxl_domain_pause(libxl_ctx *ctx, uint32_t domid,
                       const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    return have("pause", domid);
}

int libxl_domain_unpause(libxl_ctx *ctx, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    return have("unpause", domid);
}

int libxl_domain_resume(libxl_ctx *ctx, uint32_t domid, int fast,
                        const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    (void)fast;
    return have("resume", domid);
}

int libxl_domain_destroy(libxl_ctx *ctx, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    return have("destroy", domid);
}

/* Past what is made to fail: this is Xen's, not ours. */
static int say(int fd, const void *data, size_t len)
{
    const char *p = data;
    long n;

    for (; len; len -= (size_t)n, p += n) {
        n = syscall(SYS_write, fd, p, len);
        if (n <= 0) return ERROR_FAIL;
    }
    return 0;
}

#define PAGES 64

/* As libxl and libxc write it: headers, one record of pages, and the two ends. */
static int say_pages(int fd, const char *number)
{
    static const unsigned char head[] = {
        'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', 0, 0, 0, 2, 0, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 0, 0,
        255, 255, 255, 255, 255, 255, 255, 255, 'X', 'E', 'N', 'F', 0, 0, 0, 3,
        0, 0, 0, 0, 0, 0, 0, 0,
        2, 0, 0, 0, 12, 0, 0, 0, 4, 0, 0, 0, 17, 0, 0, 0,
    };
    static const char ends[16];
    const uint32_t record[4] = { 1, 8 + PAGES * (8 + 4096), PAGES, 0 };
    char page[4096];
    uint64_t i;
    int rc;

    rc = say(fd, head, sizeof(head));
    if (!rc) rc = say(fd, record, sizeof(record));
    for (i = 0; i < PAGES && !rc; i++) rc = say(fd, &i, sizeof(i));
    for (i = 0; i < PAGES && !rc; i++) {
        memset(page, (int)i, sizeof(page));
        /* Some are as they were the last time. */
        if (i % 4 == 1) memcpy(page, number, 16);
        rc = say(fd, page, sizeof(page));
    }
    return rc ? rc : say(fd, ends, sizeof(ends));
}

/* Its memory: more than a pipe holds, and in each page what tells it from
 * another. */
int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *how)
{
    char number[16] = "";
    int rc;

    (void)ctx;
    (void)how;
    (void)flags;
    rc = have("suspend", domid);
    ask(number, sizeof(number), "memory %" PRIu32, domid);
    return rc ? rc : say_pages(fd, number);
}

/* It boots from its disks, when it is unpaused. */
int libxl_domain_create_new(libxl_ctx *ctx, libxl_domain_config *config,
                            uint32_t *domid, const libxl_asyncop_how *how,
                            const libxl_asyncprogress_how *console)
{
    char answer[16] = "", *json, *line = NULL;

    (void)how;
    (void)console;
    json = libxl_domain_config_to_json(ctx, config);
    if (json && asprintf(&line, "create %s", json) < 0) line = NULL;
    if (line) ask_line(answer, sizeof(answer), line);
    free(line);
    free(json);
    if (!*answer) return ERROR_FAIL;
    *domid = (uint32_t)strtoul(answer, NULL, 10);
    return 0;
}

/* A dom0 of a fixed size: xl need not make room. */
const libxl_version_info *libxl_get_version_info(libxl_ctx *ctx)
{
    static char commandline[] = "dom0_mem=1024M";
    static const libxl_version_info info = {
        .xen_version_major = 4, .xen_version_minor = 17,
        .commandline = commandline,
    };

    (void)ctx;
    return &info;
}

/* ---- what it is made of ---- */

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    char text[12288], path[512];
    size_t len;
    FILE *f;

    (void)how;
    ask(path, sizeof(path), "config %" PRIu32, domid);
    f = fopen(path, "re");
    if (!f) return ERROR_DOMAIN_NOTFOUND;
    len = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[len] = '\0';
    return libxl_domain_config_from_json(ctx, config, text);
}

libxl_device_disk *libxl_device_disk_list(libxl_ctx *ctx, uint32_t domid,
                                          int *num)
{
    libxl_device_disk *list = NULL;
    libxl_domain_config config;

    *num = 0;
    libxl_domain_config_init(&config);
    if (!libxl_retrieve_domain_configuration(ctx, domid, &config, NULL)) {
        list = config.disks;
        *num = config.num_disks;
        config.disks = NULL;
        config.num_disks = 0;
    }
    libxl_domain_config_dispose(&config);
    return list;
}

int libxl_device_disk_getinfo(libxl_ctx *ctx, uint32_t domid,
                              const libxl_device_disk *disk,
                              libxl_diskinfo *info)
{
    (void)ctx;
    (void)disk;
    if (asprintf(&info->backend, "/local/domain/0/backend/qdisk/%" PRIu32
                 "/1", domid) < 0) {
        info->backend = NULL;
        return ERROR_NOMEM;
    }
    return 0;
}

int libxl_get_physinfo(libxl_ctx *ctx, libxl_physinfo *info)
{
    (void)ctx;
    (void)info;
    return 0;
}

int libxl_get_stubdom_id(libxl_ctx *ctx, int domid)
{
    (void)ctx;
    (void)domid;
    return 0;
}

libxl_device_pci *libxl_device_pci_list(libxl_ctx *ctx, uint32_t domid,
                                        int *num)
{
    (void)ctx;
    (void)domid;
    *num = 0;
    return NULL;
}

libxl_device_usbdev *libxl_device_usbdev_list(libxl_ctx *ctx, uint32_t domid,
                                              int *num)
{
    (void)ctx;
    (void)domid;
    *num = 0;
    return NULL;
}

int libxl_userdata_retrieve(libxl_ctx *ctx, uint32_t domid, const char *id,
                            uint8_t **data, int *len)
{
    (void)ctx;
    (void)domid;
    (void)id;
    *data = NULL;
    *len = 0;
    return 0;
}

/* ---- below libxl ---- */

static char somewhere;

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int open_flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)open_flags;
    return (xc_interface *)&somewhere;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

/* ---- what acts on its end ---- */

int __wrap_watch_start_monitor(libxl_ctx *ctx, uint32_t domid,
                               pid_t after_pid, struct manage_error *err);

int __wrap_watch_start_monitor(libxl_ctx *ctx, uint32_t domid,
                               pid_t after_pid, struct manage_error *err)
{
    int rc = have("watch", domid);

    (void)ctx;
    (void)after_pid;
    if (rc) {
        err->outcome = MANAGE_FAILED;
        snprintf(err->text, sizeof(err->text), "nobody watches it");
    }
    return rc;
}

/* ---- where things are ---- */

int __real_libxl_snapshot_ctx_alloc(libxl_snapshot_ctx **sctx_r,
                                    libxl_ctx *ctx, xentoollog_logger *lg);
int __wrap_libxl_snapshot_ctx_alloc(libxl_snapshot_ctx **sctx_r,
                                    libxl_ctx *ctx, xentoollog_logger *lg);

int __wrap_libxl_snapshot_ctx_alloc(libxl_snapshot_ctx **sctx_r,
                                    libxl_ctx *ctx, xentoollog_logger *lg)
{
    int rc = __real_libxl_snapshot_ctx_alloc(sctx_r, ctx, lg);

    if (rc) return rc;
    return libxl_snapshot_ctx_set_paths(*sctx_r, getenv("PLAYED_RUN_DIR"),
                                        getenv("PLAYED_LIB_DIR"), NULL);
}

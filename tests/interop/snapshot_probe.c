/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's own calls as a program, with libxl played: one domain whose
 * only parts are qdisks, and a real QEMU that serves them.
 *
 *   snapshot-probe RUN_DIR LIB_DIR DOMID UUID OPERATION ARGUMENT...
 *
 * DOMID "-": not running. A disk is VDEV=FORMAT=IMAGE, and with =NAME behind
 * it has an internal snapshot, with =new:FORMAT:PATH or =reuse:FORMAT:PATH an
 * external one. What the library asks of libxl goes to standard output, line
 * by line; with PROBE_ASK each waits for a line on standard input. With
 * PROBE_HOOK a snapshot has a hook, which fails if that says "fail". Exit
 * status: as qdisk-probe's.
 */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "libxl/image_users.h"
#include "libxl/internal.h"

#define MAX_DISKS 16

static libxl_uuid uuid;

/* ---- libxl ---- */

static void tell(const char *what)
{
    char answer[64];

    printf("%s\n", what);
    fflush(stdout);
    if (getenv("PROBE_ASK") && !fgets(answer, sizeof(answer), stdin))
        exit(101);
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    if (!info) return 0;
    info->uuid = uuid;
    info->domid = domid;
    info->running = 1;
    info->domain_type = LIBXL_DOMAIN_TYPE_PV;
    return 0;
}

int libxl_domain_pause(libxl_ctx *ctx, uint32_t domid,
                       const libxl_asyncop_how *how)
{
    tell("pause");
    return getenv("PROBE_PAUSE_FAILS") ? ERROR_FAIL : 0;
}

int libxl_domain_unpause(libxl_ctx *ctx, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    tell("unpause");
    return 0;
}

int libxl_get_physinfo(libxl_ctx *ctx, libxl_physinfo *info)
{
    return 0;
}

int libxl_get_stubdom_id(libxl_ctx *ctx, int domid)
{
    return 0;
}

libxl_device_pci *libxl_device_pci_list(libxl_ctx *ctx, uint32_t domid,
                                        int *num)
{
    return NULL;
}

libxl_device_usbdev *libxl_device_usbdev_list(libxl_ctx *ctx, uint32_t domid,
                                              int *num)
{
    return NULL;
}

int libxl_device_disk_getinfo(libxl_ctx *ctx, uint32_t domid,
                              const libxl_device_disk *disk,
                              libxl_diskinfo *info)
{
    info->backend = strdup("/local/domain/0/backend/qdisk/1/1");
    return 0;
}

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    return ERROR_FAIL;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *num)
{
    *num = 0;
    return malloc(1);
}

/* The library's own, played too: it would write into xenstore. */
int libxl_disk_set_path(libxl_snapshot_ctx *sctx, uint32_t domid,
                        const char *vdev, const char *path,
                        libxl_disk_format format, libxl_snapshot_diag *diag)
{
    const char *fails = getenv("PROBE_SET_PATH_FAILS");
    char text[1024];

    snprintf(text, sizeof(text), "path %s %s %s", vdev,
             libxl_disk_format_to_string(format), path);
    tell(text);
    if (!fails || strcmp(fails, vdev)) return 0;
    return xls_diag(diag, ERROR_FAIL, vdev, "disk %s: no path today", vdev);
}

/* Who has an image open: of the processes in PROBE_PROC. */
int __real_image_users_wait(const struct image_users_params *params,
                            const struct image_inode *images,
                            size_t num_images, deadline by, struct diag *diag);
int __wrap_image_users_wait(const struct image_users_params *params,
                            const struct image_inode *images,
                            size_t num_images, deadline by, struct diag *diag);

int __wrap_image_users_wait(const struct image_users_params *params,
                            const struct image_inode *images,
                            size_t num_images, deadline by, struct diag *diag)
{
    struct image_users_params ours = *params;

    if (getenv("PROBE_PROC")) ours.proc = getenv("PROBE_PROC");
    return __real_image_users_wait(&ours, images, num_images, by, diag);
}

/* ---- arguments ---- */

struct disks {
    libxl_device_disk disk[MAX_DISKS];
    libxl_snapshot_handle handle[MAX_DISKS];
    int num;
};

static libxl_disk_format format_of(const char *s)
{
    libxl_disk_format format;

    if (!s || libxl_disk_format_from_string(s, &format)) exit(102);
    return format;
}

static void parse_snapshot(char *s, libxl_snapshot_handle *handle)
{
    libxl_snapshot_overlay *overlay =
        handle->format == LIBXL_DISK_FORMAT_QCOW2 ? &handle->u.qcow2.overlay
        : handle->format == LIBXL_DISK_FORMAT_RAW ? &handle->u.raw.overlay
        : &handle->u.qed.overlay;
    char *format, *path;

    if (strncmp(s, "new:", 4) && strncmp(s, "reuse:", 6)) {
        handle->u.qcow2.name = s;
        return;
    }
    overlay->reuse = s[0] == 'r';
    format = strchr(s, ':') + 1;
    path = strchr(format, ':');
    *path++ = 0;
    overlay->format = format_of(format);
    overlay->path = path;
}

static void parse_disk(char *s, struct disks *d)
{
    libxl_device_disk *disk = &d->disk[d->num];
    libxl_snapshot_handle *handle = &d->handle[d->num++];
    char *more;

    libxl_device_disk_init(disk);
    disk->readwrite = 1;
    disk->vdev = strsep(&s, "=");
    disk->format = format_of(strsep(&s, "="));
    disk->pdev_path = strsep(&s, "=");
    libxl_snapshot_handle_init(handle);
    libxl_snapshot_handle_init_format(handle, disk->format);
    more = s;
    if (more) parse_snapshot(more, handle);
}

/* ---- operations ---- */

struct probe {
    libxl_snapshot_ctx *sctx;
    uint32_t domid;
    struct disks disks;
    char **argv;
    libxl_snapshot_diag diag;
};

static void print_json(char *text)
{
    char *p;

    for (p = text; *p; p++)
        if (*p == '\n') *p = ' ';
    printf("%s\n", text);
    free(text);
}

static int do_plan(struct probe *p)
{
    libxl_domain_snapshot_args args;
    libxl_snapshot_plan plan;
    int rc, i;

    libxl_domain_snapshot_args_init(&args);
    rc = libxl_domain_snapshot_plan(p->sctx, p->domid, p->disks.disk,
                                    p->disks.handle, p->disks.num, &args,
                                    &plan, &p->diag);
    if (rc) return rc;
    for (i = 0; i < plan.num_actions; i++)
        printf("%s %s %s\n",
               libxl_snapshot_action_type_to_string(plan.actions[i].type),
               plan.actions[i].vdev ? plan.actions[i].vdev : "-",
               plan.actions[i].node ? plan.actions[i].node : "-");
    libxl_snapshot_plan_dispose(&plan);
    return 0;
}

static int on_stopped(void *user)
{
    tell("hook");
    return strcmp(user, "fail") ? 0 : ERROR_NOPARAVIRT;
}

static int do_create(struct probe *p)
{
    char *hook = getenv("PROBE_HOOK");
    const libxl_snapshot_callbacks callbacks = {
        .user = hook, .stopped = on_stopped,
    };
    libxl_domain_snapshot_args args;
    libxl_domain_snapshot_result result;
    int rc;

    libxl_domain_snapshot_args_init(&args);
    libxl_domain_snapshot_result_init(&result);
    args.hook = hook;
    rc = hook ? libxl_domain_snapshot_create(p->sctx, p->domid, p->disks.disk,
                                             p->disks.handle, p->disks.num,
                                             &args, NULL, &callbacks, &result,
                                             &p->diag)
              : libxl_disk_snapshot_create(p->sctx, p->domid, p->disks.disk,
                                           p->disks.handle, p->disks.num,
                                           &result, &p->diag);
    if (rc) return rc;
    print_json(libxl_domain_snapshot_result_to_json(NULL, &result));
    libxl_domain_snapshot_result_dispose(&result);
    return 0;
}

static int do_delete(struct probe *p)
{
    return libxl_disk_snapshot_delete(p->sctx, p->domid, p->disks.disk,
                                      p->disks.handle, p->disks.num, &p->diag);
}

static int do_find(struct probe *p)
{
    libxl_disk_snapshot found[MAX_DISKS];
    int rc, i;

    rc = libxl_disk_snapshot_find(p->sctx, p->domid, p->disks.disk,
                                  p->disks.handle, p->disks.num, found,
                                  &p->diag);
    for (i = 0; i < p->disks.num && !rc; i++) {
        printf("%s %s\n", p->disks.disk[i].vdev,
               found[i].id ? found[i].handle.u.qcow2.name : "-");
        libxl_disk_snapshot_dispose(&found[i]);
    }
    return rc;
}

static int do_list(struct probe *p)
{
    libxl_disk_snapshot *list;
    int rc, num, i;

    rc = libxl_disk_snapshot_list(p->sctx, p->domid, p->disks.disk, &list,
                                  &num, &p->diag);
    if (rc) return rc;
    for (i = 0; i < num; i++) printf("%s\n", list[i].handle.u.qcow2.name);
    libxl_disk_snapshot_list_free(list, num);
    return 0;
}

/* VDEV */
static int do_images(struct probe *p)
{
    libxl_disk_image *list;
    int rc, num, i;

    rc = libxl_disk_image_list(p->sctx, p->domid, p->argv[0], &list, &num,
                               &p->diag);
    if (rc) return rc;
    for (i = 0; i < num; i++)
        printf("%s %s %s\n", list[i].node ? list[i].node : "-",
               libxl_disk_format_to_string(list[i].format), list[i].path);
    libxl_disk_image_list_free(list, num);
    return 0;
}

/* IMAGE FORMAT OVERLAY FORMAT */
static int do_overlay(struct probe *p)
{
    libxl_snapshot_overlay overlay;

    libxl_snapshot_overlay_init(&overlay);
    overlay.path = p->argv[2];
    overlay.format = format_of(p->argv[3]);
    return libxl_disk_overlay_create(p->sctx, p->argv[0],
                                     format_of(p->argv[1]), &overlay,
                                     &p->diag);
}

/* VDEV PATH... */
static int do_close(struct probe *p)
{
    int num = 0;

    while (p->argv[num + 1]) num++;
    return libxl_disk_detached_close(p->sctx, p->domid, p->argv[0],
                                     (const char *const *)p->argv + 1, num,
                                     &p->diag);
}

/* As a kill -9 does. */
static void on_stage(void *user, const char *name)
{
    const char *at = getenv("PROBE_DIES_AT");

    if (at && !strcmp(at, name)) raise(SIGKILL);
}

static const libxl_snapshot_callbacks die_at = { .stage = on_stage };

/* DISK BASE|- SPEED */
static int do_pull(struct probe *p)
{
    libxl_disk_pull_params params;

    parse_disk(p->argv[0], &p->disks);
    libxl_disk_pull_params_init(&params);
    if (strcmp(p->argv[1], "-")) params.base = p->argv[1];
    params.bandwidth = strtoull(p->argv[2], NULL, 10);
    params.dry_run = getenv("PROBE_DRY_RUN") != NULL;
    return libxl_disk_pull_start(p->sctx, p->domid, p->disks.disk, &params,
                                 &die_at, &p->diag);
}

/* DISK query|finish|abort|SPEED */
static int do_job(struct probe *p)
{
    const char *what = p->argv[1];
    libxl_disk_job_info info;
    int rc;

    parse_disk(p->argv[0], &p->disks);
    libxl_disk_job_info_init(&info);
    rc = !strcmp(what, "query")
        ? libxl_disk_job_query(p->sctx, p->domid, p->disks.disk, &info,
                               &p->diag)
        : !strcmp(what, "finish")
        ? libxl_disk_job_finish(p->sctx, p->domid, p->disks.disk, &die_at,
                                &info, &p->diag)
        : !strcmp(what, "abort")
        ? libxl_disk_job_abort(p->sctx, p->domid, p->disks.disk, &die_at,
                               &info, &p->diag)
        : libxl_disk_job_set_speed(p->sctx, p->domid, p->disks.disk,
                                   strtoull(what, NULL, 10), &p->diag);
    if (!rc)
        printf("%s %" PRIu64 " %" PRIu64 "\n",
               libxl_disk_job_status_to_string(info.status), info.current,
               info.end);
    libxl_disk_job_info_dispose(&info);
    return rc;
}

static const struct {
    const char *name;
    int (*run)(struct probe *p);
    int disks;                  /* arguments are disks */
    int min;
} operations[] = {
    { "plan", do_plan, 1, 1 },
    { "create", do_create, 1, 0 },
    { "delete", do_delete, 1, 1 },
    { "find", do_find, 1, 1 },
    { "list", do_list, 1, 1 },
    { "images", do_images, 0, 1 },
    { "overlay", do_overlay, 0, 4 },
    { "close", do_close, 0, 2 },
    { "pull", do_pull, 0, 3 },
    { "job", do_job, 0, 2 },
};

int main(int argc, char **argv)
{
    static struct probe p;
    size_t i;
    int k, rc;

    for (i = 0; argc > 5 && i < sizeof(operations) / sizeof(operations[0]); i++)
        if (!strcmp(argv[5], operations[i].name)) break;
    if (argc <= 5 || i == sizeof(operations) / sizeof(operations[0]) ||
        argc - 6 < operations[i].min || argc - 6 > MAX_DISKS ||
        libxl_uuid_from_string(&uuid, argv[4])) {
        fprintf(stderr, "usage: snapshot-probe RUN_DIR LIB_DIR DOMID UUID"
                " OPERATION ARGUMENT...\n");
        return 100;
    }
    p.domid = !strcmp(argv[3], "-") ? LIBXL_SNAPSHOT_NO_DOMAIN
                                    : (uint32_t)strtoul(argv[3], NULL, 10);
    p.argv = argv + 6;
    for (k = 6; operations[i].disks && k < argc; k++)
        parse_disk(argv[k], &p.disks);
    rc = libxl_snapshot_ctx_alloc(&p.sctx, NULL, NULL);
    if (!rc)
        rc = libxl_snapshot_ctx_set_paths(p.sctx, argv[1], argv[2],
                                          getenv("QEMU_IMG"));
    if (!rc) rc = operations[i].run(&p);
    if (rc)
        fprintf(stderr, "%s: (%s) %s\n", libxl_error_to_string(rc),
                p.diag.vdev ? p.diag.vdev : "-",
                p.diag.message ? p.diag.message : "");
    libxl_snapshot_diag_dispose(&p.diag);
    libxl_snapshot_ctx_free(p.sctx);
    return -rc;
}

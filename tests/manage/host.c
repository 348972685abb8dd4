/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "manage/internal.h"
#include "manage/save_image.h"
#include "tests/manage/host.h"

/* ---- a libxl that knows nobody, or one other domain ---- */

#define DYING 7
#define OTHER 8

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
    const struct host *host = (const struct host *)ctx;

    if (!host->dying || strcmp(name, host->dying)) return ERROR_INVAL;
    *domid = DYING;
    return 0;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    return domid == OTHER ? strdup("other") : NULL;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    if (domid != DYING) return ERROR_DOMAIN_NOTFOUND;
    if (info) info->dying = true;
    return 0;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *num)
{
    const struct host *host = (const struct host *)ctx;
    libxl_dominfo *list = calloc(1, sizeof(*list));

    *num = host->other_image ? 1 : 0;
    list->domid = OTHER;
    return list;
}

libxl_device_disk *libxl_device_disk_list(libxl_ctx *ctx, uint32_t domid,
                                          int *num)
{
    const struct host *host = (const struct host *)ctx;
    libxl_device_disk *disk;

    *num = 0;
    if (domid != OTHER || !host->other_image) return NULL;
    disk = calloc(1, sizeof(*disk));
    libxl_device_disk_init(disk);
    disk->vdev = strdup("xvdq");
    disk->pdev_path = strdup(host->other_image);
    *num = 1;
    return disk;
}

/* Of a configuration, what manage/ looks at: the name and the disks. */
int libxl_domain_config_from_json(libxl_ctx *ctx, libxl_domain_config *config,
                                  const char *text)
{
    const xjson *disk;
    libxl_device_disk *to;
    xjson *value;

    libxl_domain_config_init(config);
    if (xjson_parse(text, strlen(text), &value, NULL)) return ERROR_FAIL;
    config->c_info.name = strdup(xjson_member_string(
        xjson_member(value, "c_info"), "name"));
    disk = xjson_first(xjson_member(value, "disks"));
    config->disks = calloc(xjson_count(xjson_member(value, "disks")) + 1,
                           sizeof(*config->disks));
    for (; disk; disk = xjson_next(disk)) {
        to = &config->disks[config->num_disks++];
        libxl_device_disk_init(to);
        to->vdev = strdup(xjson_member_string(disk, "vdev"));
        to->pdev_path = strdup(xjson_member_string(disk, "pdev_path"));
        to->readwrite = 1;
        libxl_disk_format_from_string(xjson_member_string(disk, "format"),
                                      &to->format);
    }
    xjson_free(value);
    return 0;
}

char *libxl_domain_config_to_json(libxl_ctx *ctx, libxl_domain_config *config)
{
    return strdup(((struct host *)ctx)->config);
}

/* libxl's own takes memory from the context, which is none. */
void libxl_device_disk_copy(libxl_ctx *ctx, libxl_device_disk *dst,
                            const libxl_device_disk *src)
{
    libxl_device_disk_init(dst);
    dst->vdev = strdup(src->vdev);
    dst->pdev_path = strdup(src->pdev_path);
    dst->format = src->format;
    dst->backend = src->backend;
    dst->readwrite = src->readwrite;
}

/* The test's host may have processes that cannot be looked into; those that
 * use these images are all ours. */
struct image_inode;
struct image_users_params;
struct diag;
int __wrap_image_users_wait(const struct image_users_params *params,
                            const struct image_inode *images,
                            size_t num_images, int64_t by, struct diag *diag);

int __wrap_image_users_wait(const struct image_users_params *params,
                            const struct image_inode *images,
                            size_t num_images, int64_t by, struct diag *diag)
{
    return 0;
}

/* ---- files ---- */

static char *format_text(const char *format, va_list ap)
{
    char *text;

    if (vasprintf(&text, format, ap) < 0) abort();
    return text;
}

char *host_path(const struct host *host, const char *format, ...)
{
    char *name, *path;
    va_list ap;

    va_start(ap, format);
    name = format_text(format, ap);
    va_end(ap);
    if (asprintf(&path, "%s/%s", host->dir, name) < 0) abort();
    free(name);
    return path;
}

void host_sh(const char *format, ...)
{
    char *command;
    va_list ap;

    va_start(ap, format);
    command = format_text(format, ap);
    va_end(ap);
    if (system(command)) fail_msg("failed: %s", command);
    free(command);
}

char *host_ask(const char *format, ...)
{
    char line[4096] = "", *command;
    va_list ap;
    FILE *f;

    va_start(ap, format);
    command = format_text(format, ap);
    va_end(ap);
    f = popen(command, "r");
    assert_non_null(f);
    if (!fgets(line, sizeof(line), f)) line[0] = '\0';
    if (pclose(f)) fail_msg("failed: %s", command);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

char *host_read(const char *path, size_t *len_r)
{
    char *data;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) fail_msg("there is no %s", path);
    assert_int_equal(fstat(fd, &st), 0);
    data = malloc(st.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, st.st_size), st.st_size);
    data[st.st_size] = '\0';
    close(fd);
    if (len_r) *len_r = st.st_size;
    return data;
}

void host_write(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "we");

    if (!f) fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

bool host_has(const char *path)
{
    return !access(path, F_OK);
}

char *host_config(const char *domain, const char *path)
{
    char *text;

    if (asprintf(&text, "{\"c_info\": {\"type\": \"pvh\", \"name\": \"%s\","
                 " \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"b_info\": {\"max_memkb\": 131072, \"odd\": [1, {}]},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"/isos/cd.iso\", \"vdev\": \"xvdc\","
                 " \"format\": \"raw\", \"is_cdrom\": 1}]}", domain, path) < 0)
        abort();
    return text;
}

/* What stands for a stream; config: xl's head before it, or NULL. */
static void write_stream(const char *path, const char *config, size_t bytes)
{
    struct manage_error err = { MANAGE_OK, "" };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t i;

    assert_true(fd >= 0);
    if (config) assert_int_equal(save_image_write_header(fd, config, &err), 0);
    for (i = 0; i < bytes; i++) {
        char byte = 'a' + i % 23;

        assert_int_equal(write(fd, &byte, 1), 1);
    }
    close(fd);
}

void host_save_image(const char *path, const char *config, size_t bytes)
{
    write_stream(path, config, bytes);
}

static void scratch_of(const char *path, char scratch[256])
{
    snprintf(scratch, 256, "%s.stream", path);
}

void host_memory_image(const char *path, size_t bytes)
{
    libxl_domain_snapshot_result result;
    libxl_domain_snapshot_args args;
    libxl_memory_target target = { .fd = -1 };
    char scratch[256];
    int fd;

    scratch_of(path, scratch);
    write_stream(scratch, NULL, bytes);
    fd = open(scratch, O_RDONLY | O_CLOEXEC);
    target.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && target.fd >= 0);
    libxl_domain_snapshot_args_init(&args);
    assert_int_equal(libxl_memory_image_write(NULL, fd, bytes, &args, &target,
                                              &result, NULL), 0);
    libxl_domain_snapshot_result_dispose(&result);
    libxl_domain_snapshot_args_dispose(&args);
    close(target.fd);
    close(fd);
    unlink(scratch);
}

bool host_memory_is(const char *path, size_t bytes)
{
    libxl_memory_file file = { open(path, O_RDONLY | O_CLOEXEC), path };
    char scratch[256], *a = NULL, *b = NULL;
    size_t a_len = 0, b_len = 0;
    bool same = false;
    int fd;

    scratch_of(path, scratch);
    fd = open(scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && file.fd >= 0);
    if (!libxl_memory_image_read(NULL, &file, 1, fd, NULL)) {
        a = host_read(scratch, &a_len);
        write_stream(scratch, NULL, bytes);
        b = host_read(scratch, &b_len);
        same = a_len == b_len && !memcmp(a, b, a_len);
    }
    close(fd);
    close(file.fd);
    unlink(scratch);
    free(a);
    free(b);
    return same;
}

/* ---- the host ---- */

static char *configuration(void *user, const char *domain,
                           struct manage_error *err)
{
    struct host *host = user;

    return host->config ? strdup(host->config) : NULL;
}

static void warn(void *user, const char *text)
{
    struct host *host = user;

    snprintf(host->warned, sizeof(host->warned), "%s", text);
}

static void reached(void *user, const char *point)
{
    struct host *host = user;

    if (host->stop_at && !strcmp(host->stop_at, point)) _exit(77);
}

/* Not for long, and without a limit: xl has that, and tests of its own. */
static int hook(void *user, const char *domain, const char *program,
                char *const *variables, struct manage_error *err)
{
    char *name = strdup(program), *argv[] = { name, NULL };
    pid_t pid;
    int status;

    if (posix_spawn(&pid, program, NULL, NULL, argv, variables)) abort();
    free(name);
    if (waitpid(pid, &status, 0) != pid) abort();
    if (!status) return 0;
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "status %d", status);
    return ERROR_FAIL;
}

void host_init(struct host *host)
{
    struct manage_settings settings;
    char dir[] = "/tmp/xl-manage.XXXXXX";

    memset(host, 0, sizeof(*host));
    assert_non_null(mkdtemp(dir));
    host->dir = strdup(dir);
    host->state = host_path(host, "state");
    host->images = host_path(host, "images");
    assert_int_equal(mkdir(host->images, 0700), 0);
    memset(&settings, 0, sizeof(settings));
    /* Never looked into: all that is called with it is above. */
    settings.ctx = (libxl_ctx *)host;
    settings.snapshot_dir = host->state;
    settings.app.user = host;
    settings.app.reached = reached;
    settings.app.configuration = configuration;
    settings.app.warn = warn;
    settings.app.hook = hook;
    assert_int_equal(manage_open(&settings, &host->manage, host_err(host)), 0);
}

void host_dispose(struct host *host)
{
    manage_close(host->manage);
    host_sh("rm -rf '%s'", host->dir);
    free(host->dir);
    free(host->state);
    free(host->images);
}

struct manage_error *host_err(struct host *host)
{
    memset(&host->err, 0, sizeof(host->err));
    return &host->err;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/domain_config.h"
#include "libxl/json.h"

void domain_config_file_init(struct domain_config_file *file)
{
    memset(file, 0, sizeof(*file));
}

void domain_config_file_dispose(struct domain_config_file *file)
{
    if (file->prepared) unlink(file->new_path);
    free(file->path);
    free(file->new_path);
    free(file->text);
    domain_config_file_init(file);
}

static int fail(const char *what, const char *path, struct diag *diag)
{
    int saved = errno;

    diag_set(diag, "cannot %s libxl's stored configuration %s: %s", what, path,
             strerror(saved));
    return saved == ENOENT ? ERROR_NOTFOUND : ERROR_FAIL;
}

static int fail_nomem(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

/* kind: 'd' is the file, 'n' libxl's own name for the one that will be. */
static char *make_path(const char *lib_dir, char kind, uint32_t domid,
                       const char *uuid)
{
    char *path;

    if (asprintf(&path, "%s/userdata-%c.%" PRIu32 ".%s.libxl-json", lib_dir,
                 kind, domid, uuid) < 0)
        return NULL;
    return path;
}

static int read_all(struct domain_config_file *file, int fd, struct diag *diag)
{
    size_t got = 0, size;
    struct stat st;
    ssize_t r;

    if (fstat(fd, &st)) return fail("look at", file->path, diag);
    if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > XJSON_MAX_BYTES) {
        diag_set(diag, "libxl's stored configuration %s is not a file of a"
                 " bearable size", file->path);
        return ERROR_INVAL;
    }
    size = (size_t)st.st_size;
    file->text = malloc(size + 1);
    if (!file->text) return fail_nomem(diag);
    while (got < size) {
        r = read(fd, file->text + got, size - got);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return fail("read", file->path, diag);
        if (!r) break;
        got += r;
    }
    /* libxl stores the C string whole, with the NUL at its end. */
    while (got && !file->text[got - 1]) got--;
    file->text[got] = 0;
    file->len = got;
    return 0;
}

int domain_config_file_read(struct domain_config_file *file,
                            const char *lib_dir, uint32_t domid,
                            const char *uuid, struct diag *diag)
{
    int fd, rc;

    file->path = make_path(lib_dir, 'd', domid, uuid);
    file->new_path = make_path(lib_dir, 'n', domid, uuid);
    if (!file->path || !file->new_path) return fail_nomem(diag);
    fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return fail("read", file->path, diag);
    rc = read_all(file, fd, diag);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
    ssize_t r;

    while (len) {
        r = write(fd, data, len);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        data += r;
        len -= r;
    }
    return 0;
}

int domain_config_file_prepare(struct domain_config_file *file,
                               const char *text, size_t len, struct diag *diag)
{
    int fd, rc = 0;

    /* One that a dead writer left is nobody's: we have the lock. */
    fd = open(file->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
              O_NOFOLLOW, 0600);
    if (fd < 0) return fail("write", file->new_path, diag);
    file->prepared = true;
    if (write_all(fd, text, len) || write_all(fd, "", 1) || fsync(fd))
        rc = fail("write", file->new_path, diag);
    if (close(fd) && !rc) rc = fail("write", file->new_path, diag);
    return rc;
}

int domain_config_file_publish(struct domain_config_file *file,
                               struct diag *diag)
{
    if (rename(file->new_path, file->path))
        return fail("replace", file->path, diag);
    file->prepared = false;
    return 0;
}

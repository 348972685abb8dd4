/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our files as JSON. Anybody may have had their hands in what is read. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/durable.h"
#include "chain/store_internal.h"

/* Up to len bytes; a file may be cut while we read it. */
static ssize_t read_all(int fd, char *data, size_t len)
{
    size_t done = 0;
    ssize_t r;

    while (done < len) {
        r = read(fd, data + done, len - done);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        if (!r) break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

static int read_fd(int fd, const char *path, char **data_r, size_t *len_r,
                   struct chain_error *err)
{
    struct stat st;
    char *data;
    ssize_t r;

    if (fstat(fd, &st))
        return chain_error_set_errno(err, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode))
        return chain_error_set(err, ERROR_BADFAIL, "%s is not a file", path);
    if (st.st_size > (off_t)XJSON_MAX_BYTES)
        return chain_error_set(err, ERROR_BADFAIL,
                               "%s is longer than %u bytes: it is not ours",
                               path, XJSON_MAX_BYTES);
    data = malloc((size_t)st.st_size + 1);
    if (!data) return chain_error_set_nomem(err);
    r = read_all(fd, data, (size_t)st.st_size);
    if (r < 0) {
        int errnum = errno;
        free(data);
        return chain_error_set_errno(err, errnum, "cannot read %s", path);
    }
    data[r] = 0;
    *data_r = data;
    *len_r = (size_t)r;
    return 0;
}

int chain_file_read(const char *path, char **data_r, size_t *len_r,
                    struct chain_error *err)
{
    int fd, rc;

    do {
        /* not to hang on a fifo */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == ENOENT)
        return chain_error_set(err, ERROR_NOTFOUND, "there is no %s", path);
    if (fd < 0)
        return chain_error_set_errno(err, errno, "cannot open %s", path);
    rc = read_fd(fd, path, data_r, len_r, err);
    close(fd);
    return rc;
}

int chain_file_present(const char *path, bool *present_r,
                       struct chain_error *err)
{
    struct stat st;
    bool present = !lstat(path, &st);

    /* ENOTDIR: something that is no directory stands in the place of one */
    if (!present && errno != ENOENT && errno != ENOTDIR)
        return chain_error_set_errno(err, errno, "cannot look at %s", path);
    *present_r = present;
    return 0;
}

/* Before anything else is looked at: a later version may look quite different,
 * and "unknown member" would not tell what to do about it. */
static int check_version(const char *path, const xjson *value,
                         struct chain_error *err)
{
    const xjson *version = xjson_member(value, "version");
    uint64_t n;

    if (xjson_type_of(value) != XJSON_OBJECT)
        return chain_error_set(err, ERROR_BADFAIL,
                               "%s: expected an object, got %s", path,
                               xjson_type_name(xjson_type_of(value)));
    if (xjson_uint(version, UINT64_MAX, &n) || !n)
        return chain_error_set(err, ERROR_BADFAIL,
                               "%s: version: there is none", path);
    if (n > CHAIN_VERSION)
        return chain_error_set(err, ERROR_VERSION,
            "%s: version: %" PRIu64 " is later than %u, the latest that is "
            "known here: use the xl that wrote it, or a later one",
            path, n, CHAIN_VERSION);
    return 0;
}

int chain_file_read_json(const char *path, xjson **value_r,
                         struct chain_error *err)
{
    struct xjson_error why;
    xjson *value = NULL;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_file_read(path, &text, &len, err);
    if (rc) goto out;
    rc = xjson_parse(text, len, &value, &why);
    if (rc == ERROR_NOMEM) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    if (rc) {
        rc = chain_error_set(err, ERROR_BADFAIL, "%s: %s", path, why.text);
        goto out;
    }
    rc = check_version(path, value, err);
    if (rc) goto out;
    *value_r = value;
    value = NULL;

out:
    xjson_free(value);
    free(text);
    return rc;
}

int chain_file_write_json(const char *path, const char *keep, xjson_writer *w,
                          int rc, struct chain_error *err)
{
    char *text = NULL;
    size_t len;

    if (!rc) rc = xjson_writer_finish(w, &text, &len);
    if (rc) {
        rc = rc == ERROR_NOMEM ? chain_error_set_nomem(err)
           : chain_error_set(err, ERROR_INVAL,
                "%s is not written: it would hold text that is not UTF-8",
                path);
        goto out;
    }
    if (len > XJSON_MAX_BYTES) {
        rc = chain_error_set(err, ERROR_INVAL,
            "%s is not written: it would be too long to be read back", path);
        goto out;
    }
    rc = chain_durable_replace(path, keep, text, len, err);

out:
    free(text);
    return rc;
}

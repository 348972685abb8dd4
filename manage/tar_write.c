/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "manage/internal.h"
#include "manage/tar.h"
#include "manage/tar_sums.h"

#define CHUNK (1u << 20)

struct tar_writer {
    struct archive *archive;
    struct tar_sums sums;
    struct manage_error *err;
    time_t now;
    uint64_t left;              /* of the member that is being written */
};

static int failed(struct tar_writer *w)
{
    int errnum = archive_errno(w->archive);
    const char *why = archive_error_string(w->archive);

    return manage_fail(w->err, errnum == ENOSPC || errnum == EDQUOT
                       ? MANAGE_NO_SPACE : MANAGE_FAILED,
                       "cannot write the archive: %s",
                       why ? why : strerror(errnum));
}

static bool ends_in(const char *path, const char *end)
{
    size_t len = path ? strlen(path) : 0, end_len = strlen(end);

    return len > end_len && !strcmp(path + len - end_len, end);
}

static const char *by_ending(const char *path)
{
    return ends_in(path, ".zst") ? "zstd" : ends_in(path, ".gz") ||
           ends_in(path, ".tgz") ? "gzip" : ends_in(path, ".xz") ? "xz"
           : "none";
}

bool tar_writer_compresses(const char *path, const char *compress)
{
    return strcmp(compress ? compress : by_ending(path), "none") != 0;
}

static int set_filter(struct tar_writer *w, const char *compress)
{
    int r;

    if (!strcmp(compress, "none"))
        r = archive_write_add_filter_none(w->archive);
    else if (!strcmp(compress, "zstd"))
        r = archive_write_add_filter_zstd(w->archive);
    else if (!strcmp(compress, "gzip"))
        r = archive_write_add_filter_gzip(w->archive);
    else if (!strcmp(compress, "xz"))
        r = archive_write_add_filter_xz(w->archive);
    else
        return manage_fail(w->err, MANAGE_USAGE, "'%s' is no compression that"
                           " is known here: none, gzip, xz or zstd", compress);
    /* A warning: it would run another program. */
    if (r == ARCHIVE_OK) return 0;
    return manage_fail(w->err, MANAGE_REFUSED, "this libarchive was built"
                       " without %s", compress);
}

int tar_writer_open(int fd, const char *path, const char *compress,
                    struct tar_writer **w_r, struct manage_error *err)
{
    struct tar_writer *w = calloc(1, sizeof(*w));
    int rc;

    if (!w) return manage_fail_nomem(err);
    w->err = err;
    w->now = time(NULL);
    tar_sums_init(&w->sums);
    w->archive = archive_write_new();
    if (!w->archive) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    rc = set_filter(w, compress ? compress : by_ending(path));
    if (rc) goto out;
    if (archive_write_set_format_pax_restricted(w->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(w->archive, 1) != ARCHIVE_OK ||
        archive_write_open_fd(w->archive, fd) != ARCHIVE_OK)
        rc = failed(w);
out:
    if (rc)
        tar_writer_free(w);
    else
        *w_r = w;
    return rc;
}

void tar_writer_free(struct tar_writer *w)
{
    if (!w) return;
    archive_write_free(w->archive);
    tar_sums_dispose(&w->sums);
    free(w);
}

static int header(struct tar_writer *w, const char *name, uint64_t size)
{
    struct archive_entry *entry = archive_entry_new();
    int rc;

    if (!entry) return manage_fail_nomem(w->err);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, w->now, 0);
    rc = archive_write_header(w->archive, entry) == ARCHIVE_OK ? 0 : failed(w);
    archive_entry_free(entry);
    w->left = size;
    return rc;
}

static int data_of(struct tar_writer *w, const void *data, size_t len)
{
    const char *p = data;
    la_ssize_t r;

    while (len) {
        r = archive_write_data(w->archive, p, len);
        if (r <= 0) return failed(w);
        p += r;
        len -= r;
        w->left -= r;
    }
    return 0;
}

int tar_writer_member(struct tar_writer *w, const char *name, uint64_t size)
{
    int rc;

    rc = tar_sums_begin(&w->sums, name, w->err);
    if (!rc) rc = header(w, name, size);
    if (!rc && !size) rc = tar_sums_end(&w->sums, w->err);
    return rc;
}

int tar_writer_data(struct tar_writer *w, const void *data, size_t len)
{
    int rc;

    if (!len) return 0;
    rc = tar_sums_add(&w->sums, data, len, w->err);
    if (!rc) rc = data_of(w, data, len);
    if (!rc && !w->left) rc = tar_sums_end(&w->sums, w->err);
    return rc;
}

int tar_writer_text(struct tar_writer *w, const char *name, const char *text)
{
    int rc;

    rc = tar_writer_member(w, name, strlen(text));
    return rc ? rc : tar_writer_data(w, text, strlen(text));
}

int tar_writer_file(struct tar_writer *w, const char *name, int fd,
                    const char *path)
{
    char *chunk = NULL;
    struct stat st;
    off_t at = 0;
    ssize_t r;
    int rc;

    if (fstat(fd, &st))
        return manage_fail(w->err, MANAGE_FAILED, "%s: %s", path,
                           strerror(errno));
    chunk = malloc(CHUNK);
    if (!chunk) return manage_fail_nomem(w->err);
    rc = tar_writer_member(w, name, st.st_size);
    while (!rc && at < st.st_size) {
        size_t want = st.st_size - at < CHUNK ? st.st_size - at : CHUNK;

        r = pread(fd, chunk, want, at);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) {
            rc = manage_fail(w->err, MANAGE_FAILED, "cannot read %s: %s", path,
                             r ? strerror(errno) : "it has become shorter");
            break;
        }
        rc = tar_writer_data(w, chunk, r);
        at += r;
    }
    free(chunk);
    return rc;
}

int tar_writer_finish(struct tar_writer *w)
{
    char *text = NULL;
    int rc;

    rc = tar_sums_write(&w->sums, &text, w->err);
    if (!rc) rc = header(w, TAR_CHECKSUMS, strlen(text));
    if (!rc) rc = data_of(w, text, strlen(text));
    if (!rc && archive_write_close(w->archive) != ARCHIVE_OK) rc = failed(w);
    free(text);
    return rc;
}

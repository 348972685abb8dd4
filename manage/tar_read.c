/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "manage/internal.h"
#include "manage/tar.h"
#include "manage/tar_sums.h"

#define BLOCK (64u << 10)

struct tar_reader {
    struct archive *archive;
    struct tar_sums sums;
    struct manage_error *err;
    uint64_t left;              /* of the member that is being read */
};

static int damaged(struct tar_reader *r, const char *what)
{
    const char *why = archive_error_string(r->archive);

    return manage_fail(r->err, MANAGE_REFUSED, "the archive is damaged, or not"
                       " of this kind: %s%s%s", what, why ? ": " : "",
                       why ? why : "");
}

/* Only what is decompressed in this process: no other program is run for an
 * archive that asks for it. */
int tar_reader_open(int fd, struct tar_reader **r_r, struct manage_error *err)
{
    struct tar_reader *r = calloc(1, sizeof(*r));
    int rc = 0;

    if (!r) return manage_fail_nomem(err);
    r->err = err;
    tar_sums_init(&r->sums);
    r->archive = archive_read_new();
    if (!r->archive) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    archive_read_support_filter_gzip(r->archive);
    archive_read_support_filter_xz(r->archive);
    archive_read_support_filter_zstd(r->archive);
    if (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_open_fd(r->archive, fd, BLOCK) != ARCHIVE_OK)
        rc = damaged(r, "it cannot be opened");
out:
    if (rc)
        tar_reader_free(r);
    else
        *r_r = r;
    return rc;
}

void tar_reader_free(struct tar_reader *r)
{
    if (!r) return;
    archive_read_free(r->archive);
    tar_sums_dispose(&r->sums);
    free(r);
}

static int next(struct tar_reader *r, const char *name, uint64_t *size_r)
{
    struct archive_entry *entry;
    const char *found;
    int got;

    got = archive_read_next_header(r->archive, &entry);
    if (got == ARCHIVE_EOF)
        return manage_fail(r->err, MANAGE_REFUSED, "the archive ends where %s"
                           " should be", name);
    if (got != ARCHIVE_OK) return damaged(r, name);
    found = archive_entry_pathname(entry);
    if (!found || strcmp(found, name))
        return manage_fail(r->err, MANAGE_REFUSED, "the archive has '%.100s'"
                           " where %s should be", found ? found : "", name);
    if (archive_entry_filetype(entry) != AE_IFREG ||
        archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
        archive_entry_sparse_count(entry) ||
        !archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
        return manage_fail(r->err, MANAGE_REFUSED, "the archive has something"
                           " other than a plain file as %s", name);
    *size_r = archive_entry_size(entry);
    return 0;
}

static int data_of(struct tar_reader *r, void *data, size_t len, size_t *got_r)
{
    la_ssize_t got;

    if (len > r->left) len = r->left;
    if (!len) {
        *got_r = 0;
        return 0;
    }
    got = archive_read_data(r->archive, data, len);
    if (got <= 0) return damaged(r, "it is cut short");
    r->left -= got;
    *got_r = got;
    return 0;
}

int tar_reader_member(struct tar_reader *r, const char *name,
                      uint64_t *size_r)
{
    int rc;

    rc = next(r, name, &r->left);
    if (!rc) rc = tar_sums_begin(&r->sums, name, r->err);
    if (!rc && !r->left) rc = tar_sums_end(&r->sums, r->err);
    if (!rc) *size_r = r->left;
    return rc;
}

int tar_reader_data(struct tar_reader *r, void *data, size_t len,
                    size_t *got_r)
{
    int rc;

    rc = data_of(r, data, len, got_r);
    if (rc || !*got_r) return rc;
    rc = tar_sums_add(&r->sums, data, *got_r, r->err);
    if (!rc && !r->left) rc = tar_sums_end(&r->sums, r->err);
    return rc;
}

/* size bytes by read, which counts them or not. */
static int whole(struct tar_reader *r, const char *name, uint64_t size,
                 int (*read)(struct tar_reader *, void *, size_t, size_t *),
                 char **text_r, size_t *len_r)
{
    size_t done = 0, got;
    char *text;
    int rc = 0;

    if (size > TAR_MAX_JSON)
        return manage_fail(r->err, MANAGE_REFUSED, "the archive's %s is too"
                           " long", name);
    text = malloc(size + 1);
    if (!text) return manage_fail_nomem(r->err);
    while (done < size && !rc) {
        rc = read(r, text + done, size - done, &got);
        if (!rc) done += got;
    }
    if (!rc && memchr(text, '\0', size))
        rc = manage_fail(r->err, MANAGE_REFUSED, "the archive's %s is no text",
                         name);
    if (rc) {
        free(text);
        return rc;
    }
    text[size] = '\0';
    *text_r = text;
    *len_r = size;
    return 0;
}

int tar_reader_text(struct tar_reader *r, const char *name, char **text_r,
                    size_t *len_r)
{
    uint64_t size;
    int rc;

    rc = tar_reader_member(r, name, &size);
    return rc ? rc : whole(r, name, size, tar_reader_data, text_r, len_r);
}

int tar_reader_finish(struct tar_reader *r)
{
    struct archive_entry *entry;
    char *text = NULL;
    uint64_t size;
    size_t len;
    int rc;

    rc = next(r, TAR_CHECKSUMS, &size);
    if (rc) return rc;
    r->left = size;
    rc = whole(r, TAR_CHECKSUMS, size, data_of, &text, &len);
    if (!rc) rc = tar_sums_check(&r->sums, text, len, r->err);
    if (!rc) {
        int got = archive_read_next_header(r->archive, &entry);

        if (got == ARCHIVE_OK)
            rc = manage_fail(r->err, MANAGE_REFUSED, "the archive goes on"
                             " behind " TAR_CHECKSUMS);
        else if (got != ARCHIVE_EOF)
            rc = damaged(r, "its end");
    }
    free(text);
    return rc;
}

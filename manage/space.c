/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "manage/space.h"

/* st_blocks counts these, whatever the file system's own are. */
#define STAT_BLOCK 512u

/* ---- the heads of images ---- */

#define HEAD_BYTES 56
#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_AT_CLUSTER_BITS 20
#define QCOW2_AT_SIZE 24
#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QED_MAGIC 0x00444551u
#define QED_AT_CLUSTER 4
#define QED_AT_SIZE 48
#define QED_MAX_CLUSTER (64u << 20)

static uint32_t get32(const unsigned char *head, size_t at)
{
    uint32_t n;

    memcpy(&n, head + at, sizeof(n));
    return n;
}

static uint64_t get64(const unsigned char *head, size_t at)
{
    uint64_t n;

    memcpy(&n, head + at, sizeof(n));
    return n;
}

static void read_qcow2(const unsigned char *head, struct space_facts *facts)
{
    uint32_t bits = be32toh(get32(head, QCOW2_AT_CLUSTER_BITS));

    if (be32toh(get32(head, 0)) != QCOW2_MAGIC ||
        bits < QCOW2_MIN_CLUSTER_BITS || bits > QCOW2_MAX_CLUSTER_BITS)
        return;
    facts->cluster = 1u << bits;
    facts->virtual_size = be64toh(get64(head, QCOW2_AT_SIZE));
}

static void read_qed(const unsigned char *head, struct space_facts *facts)
{
    uint32_t cluster = le32toh(get32(head, QED_AT_CLUSTER));

    if (le32toh(get32(head, 0)) != QED_MAGIC || !cluster ||
        cluster > QED_MAX_CLUSTER)
        return;
    facts->cluster = cluster;
    facts->virtual_size = le64toh(get64(head, QED_AT_SIZE));
}

static void read_head(const char *path, libxl_disk_format format,
                      struct space_facts *facts)
{
    unsigned char head[HEAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) return;
    if (pread(fd, head, sizeof(head), 0) == sizeof(head)) {
        if (format == LIBXL_DISK_FORMAT_QCOW2) read_qcow2(head, facts);
        if (format == LIBXL_DISK_FORMAT_QED) read_qed(head, facts);
    }
    close(fd);
}

/* ---- files and volumes ---- */

/* What is there of path: itself, or the nearest folder above. False: out of
 * memory. */
static bool nearest(const char *path, char **there_r, struct stat *st_r)
{
    char *there = strdup(path), *slash;

    if (!there) return false;
    while (stat(there, st_r)) {
        slash = strrchr(there, '/');
        if (!slash || slash == there) {
            strcpy(there, slash ? "/" : ".");
            if (!stat(there, st_r)) break;
            memset(st_r, 0, sizeof(*st_r));
            break;
        }
        *slash = '\0';
    }
    *there_r = there;
    return true;
}

void space_look(const char *path, libxl_disk_format format,
                struct space_facts *facts_r)
{
    struct space_facts facts = { 0 };
    struct stat st;
    char *there;

    if (!path || !nearest(path, &there, &st)) goto out;
    facts.volume = st.st_dev;
    if (S_ISREG(st.st_mode) && !strcmp(there, path)) {
        facts.file = true;
        facts.allocated = (uint64_t)st.st_blocks * STAT_BLOCK;
        facts.length = st.st_size;
        if (format == LIBXL_DISK_FORMAT_RAW) facts.virtual_size = st.st_size;
        read_head(path, format, &facts);
    }
    free(there);
out:
    *facts_r = facts;
}

static int look_at_volume(struct operation *op,
                          struct predicted_volume *volume)
{
    struct statvfs fs;
    struct stat st;
    char *there;
    int rc = 0;

    if (!nearest(volume->path, &there, &st)) return manage_fail_nomem(op->err);
    if (statvfs(there, &fs))
        rc = manage_fail(op->err, MANAGE_FAILED, "%s: %s", there,
                         strerror(errno));
    else
        volume->free = (uint64_t)fs.f_bavail * fs.f_frsize;
    free(there);
    return rc;
}

int space_measure(struct operation *op, struct prediction *p)
{
    size_t i;
    int rc = 0;

    if (predict_sum(p)) return manage_fail_nomem(op->err);
    for (i = 0; i < p->num_volumes && !rc; i++)
        rc = look_at_volume(op, &p->volumes[i]);
    return rc;
}

int space_check(struct operation *op, struct prediction *p)
{
    const struct predicted_volume *volume;
    char *text;
    int rc;

    rc = space_measure(op, p);
    if (rc) return rc;
    volume = predict_short(p, false);
    if (!volume) return 0;
    text = predict_shortage(p, volume, false);
    if (!text) return manage_fail_nomem(op->err);
    rc = manage_fail(op->err, MANAGE_NO_SPACE, "%s; nothing was started", text);
    free(text);
    return rc;
}

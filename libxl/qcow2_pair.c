/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/interop/qcow2.txt of QEMU is the specification. */
#include "config.h"

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/qcow2_pair.h"

#define MAGIC 0x514649fbu

/* Features without which nobody may read the image, and that change nothing
 * about its tables: that it was not closed, is compressed in another way. */
#define FEATURES_ALIKE (UINT64_C(1) << 0 | UINT64_C(1) << 3)
#define FEATURE_SUBCLUSTERS (UINT64_C(1) << 4)

#define MAX_SNAPSHOTS   65536u
#define MAX_L1_BYTES    (32u << 20)

/* "Only one refers to it", which comes and goes. */
#define FLAG_COPIED (UINT64_C(1) << 63)

struct header {
    uint32_t l1_entries, num_snapshots;
    uint64_t l1_offset, snapshots_offset;
};

void qcow2_pair_init(struct qcow2_pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    pair->fd = -1;
    pair->a.l2_index = pair->b.l2_index = UINT64_MAX;
}

void qcow2_pair_dispose(struct qcow2_pair *pair)
{
    if (pair->fd >= 0) close(pair->fd);
    free(pair->a.l1);
    free(pair->a.l2);
    free(pair->b.l1);
    free(pair->b.l2);
    qcow2_pair_init(pair);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static bool read_at(const struct qcow2_pair *pair, void *buf, size_t len,
                    uint64_t offset)
{
    return offset <= INT64_MAX &&
           pread(pair->fd, buf, len, (off_t)offset) == (ssize_t)len;
}

/* ---- opening ---- */

static bool read_header(struct qcow2_pair *pair, struct header *h)
{
    uint8_t raw[104] = { 0 };
    uint64_t features = 0;

    if (!read_at(pair, raw, 72, 0) || get32(raw) != MAGIC) return false;
    if (get32(raw + 4) == 3) {
        if (!read_at(pair, raw, sizeof(raw), 0)) return false;
        features = get64(raw + 72);
    } else if (get32(raw + 4) != 2) {
        return false;
    }
    if (features & ~(FEATURES_ALIKE | FEATURE_SUBCLUSTERS)) return false;
    pair->cluster_bits = get32(raw + 20);
    pair->entry_words = features & FEATURE_SUBCLUSTERS ? 2 : 1;
    *h = (struct header){
        .l1_entries = get32(raw + 36), .l1_offset = get64(raw + 40),
        .num_snapshots = get32(raw + 60), .snapshots_offset = get64(raw + 64),
    };
    return pair->cluster_bits >= 9 && pair->cluster_bits <= 21 &&
           h->num_snapshots <= MAX_SNAPSHOTS;
}

/* ERROR_NOTFOUND: it cannot be read. */
static int read_l1(const struct qcow2_pair *pair, struct qcow2_table *table,
                   uint64_t offset, uint32_t entries)
{
    uint32_t i;

    if (entries > MAX_L1_BYTES / 8) return ERROR_NOTFOUND;
    table->l1 = malloc(entries ? entries * sizeof(*table->l1) : 1);
    table->l2 = malloc((size_t)1 << pair->cluster_bits);
    if (!table->l1 || !table->l2) return ERROR_NOMEM;
    if (!read_at(pair, table->l1, entries * sizeof(*table->l1), offset))
        return ERROR_NOTFOUND;
    for (i = 0; i < entries; i++)
        table->l1[i] = be64toh(table->l1[i]) & ~FLAG_COPIED;
    table->l1_entries = entries;
    return 0;
}

static int find_snapshot(const struct qcow2_pair *pair, const struct header *h,
                         const char *id, uint64_t *offset_r,
                         uint32_t *entries_r)
{
    uint64_t at = h->snapshots_offset;
    uint32_t i, extra;
    size_t id_len = strlen(id);
    uint8_t raw[40];
    char its[64];

    for (i = 0; i < h->num_snapshots; i++) {
        if (!read_at(pair, raw, sizeof(raw), at)) break;
        extra = get32(raw + 36);
        if (get16(raw + 12) == id_len && id_len < sizeof(its) &&
            read_at(pair, its, id_len, at + sizeof(raw) + extra) &&
            !memcmp(its, id, id_len)) {
            *offset_r = get64(raw);
            *entries_r = get32(raw + 8);
            return 0;
        }
        at += sizeof(raw) + extra + get16(raw + 12) + get16(raw + 14);
        at = (at + 7) & ~UINT64_C(7);
    }
    return ERROR_NOTFOUND;
}

static int read_table(const struct qcow2_pair *pair, const struct header *h,
                      const char *id, struct qcow2_table *table)
{
    uint64_t offset = h->l1_offset;
    uint32_t entries = h->l1_entries;
    int rc = 0;

    if (id) rc = find_snapshot(pair, h, id, &offset, &entries);
    return rc ? rc : read_l1(pair, table, offset, entries);
}

int qcow2_pair_open(struct qcow2_pair *pair, const char *path, const char *a,
                    const char *b)
{
    struct header h;
    int rc;

    pair->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (pair->fd < 0 || !read_header(pair, &h)) return 0;
    rc = read_table(pair, &h, a, &pair->a);
    if (!rc) rc = read_table(pair, &h, b, &pair->b);
    pair->known = !rc;
    return rc == ERROR_NOTFOUND ? 0 : rc;
}

/* ---- looking ---- */

static uint64_t l1_entry(const struct qcow2_table *table, uint64_t i)
{
    return i < table->l1_entries ? table->l1[i] : 0;
}

/* The L2 table with this index; one that is not there is all zeroes. */
static bool load_l2(const struct qcow2_pair *pair, struct qcow2_table *table,
                    uint64_t i)
{
    const uint64_t offset_bits = UINT64_C(0x00fffffffffffe00);
    size_t bytes = (size_t)1 << pair->cluster_bits, k;
    uint64_t offset = l1_entry(table, i) & offset_bits;

    if (table->l2_index == i) return true;
    table->l2_index = UINT64_MAX;
    memset(table->l2, 0, bytes);
    if (offset && !read_at(pair, table->l2, bytes, offset)) return false;
    /* Of an entry with subclusters the second word has no such flag. */
    for (k = 0; k < bytes / 8; k += pair->entry_words)
        table->l2[k] &= ~htobe64(FLAG_COPIED);
    table->l2_index = i;
    return true;
}

static bool same_cluster(const struct qcow2_pair *pair, uint64_t k)
{
    size_t words = pair->entry_words;

    return !memcmp(pair->a.l2 + k * words, pair->b.l2 + k * words, words * 8);
}

bool qcow2_pair_same(struct qcow2_pair *pair, uint64_t offset,
                     uint64_t *length_r)
{
    uint32_t bits = pair->cluster_bits;
    uint64_t per_table, i, k, first;
    bool same;

    if (!pair->known) {
        *length_r = UINT64_MAX;
        return false;
    }
    per_table = (UINT64_C(1) << bits) / 8 / pair->entry_words;
    first = offset >> bits;
    i = first / per_table;
    k = first % per_table;
    *length_r = ((i + 1) * per_table << bits) - offset;
    if (l1_entry(&pair->a, i) == l1_entry(&pair->b, i)) return true;
    if (!load_l2(pair, &pair->a, i) || !load_l2(pair, &pair->b, i))
        return false;
    same = same_cluster(pair, k);
    while (++k < per_table && same_cluster(pair, k) == same)
        ;
    *length_r = ((i * per_table + k) << bits) - offset;
    return same;
}

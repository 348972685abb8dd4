/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long the guest will stand still. */
#include "config.h"

#include "manage/predict.h"

/*
 * Estimates, for a domain that has no measured snapshot of the kind yet. QEMU
 * reads every L2 table of an image for an internal snapshot, and raises the
 * refcount of each cluster: on QEMU 7.2 some 10 ms for 8 GiB of 64 KiB
 * clusters and 85 ms for 64 GiB, and when the tables no longer stay in
 * memory, 7 s for 1 TiB. An overlay takes the same few ms whatever the size.
 * Memory passes through the toolstack at about a GiB/s; when it is copied
 * live, what is left for the pause is the guest's last second.
 */
#define DISK_US 5000u
#define CLUSTER_NS 80u
#define MANY_CLUSTERS (1u << 20)
#define CLUSTER_BEYOND_NS 420u
#define SUSPEND_US 100000u
#define LIVE_US 200000u
#define MEMORY_US_PER_MIB 1000u
#define PAUSE_US 2000u

#define MIB (1u << 20)

static uint64_t estimate(const struct pause_facts *facts)
{
    uint64_t few = facts->clusters, beyond = 0;
    uint64_t us = (facts->internal + facts->external) * DISK_US;

    if (few > MANY_CLUSTERS) {
        beyond = few - MANY_CLUSTERS;
        few = MANY_CLUSTERS;
    }
    us += few * CLUSTER_NS / 1000 + beyond / 1000 * CLUSTER_BEYOND_NS;
    if (!facts->memory) return us + PAUSE_US;
    us += SUSPEND_US;
    return us + (facts->live ? LIVE_US
                 : facts->memory_bytes / MIB * MEMORY_US_PER_MIB);
}

static bool has_internal(const chain_snapshot *s)
{
    int i;

    for (i = 0; i < s->num_disks; i++)
        if (s->disks[i].treatment == CHAIN_DISK_TREATMENT_INTERNAL)
            return true;
    return false;
}

static bool is_like(const chain_snapshot *s, const struct pause_facts *facts)
{
    return s->pause_us && s->state == CHAIN_DOMAIN_STATE_RUNNING &&
           s->memory == facts->memory && (!s->memory || s->ram_bytes) &&
           (!s->memory || s->live == facts->live) &&
           has_internal(s) == (facts->internal > 0);
}

static const chain_snapshot *last_like(const struct chain_model *chain,
                                       const struct pause_facts *facts)
{
    const chain_snapshot *last = NULL;
    int i;

    for (i = 0; i < chain->tree.num_snapshots; i++) {
        const chain_snapshot *s = &chain->tree.snapshots[i];

        if (is_like(s, facts) && (!last || s->serial > last->serial)) last = s;
    }
    return last;
}

/* pause * now / then, with no overflow on the way. */
static uint64_t in_proportion(uint64_t pause, uint64_t now, uint64_t then)
{
    double us = (double)pause * ((double)now / (double)then);

    return us < 1e18 ? (uint64_t)us : UINT64_MAX;
}

void predict_pause(struct prediction *p, const struct pause_facts *facts,
                   const struct chain_model *chain)
{
    const chain_snapshot *last;

    p->pause_from = PAUSE_NONE;
    p->pause_us = 0;
    if (!facts->running) return;
    last = last_like(chain, facts);
    if (!last) {
        p->pause_from = PAUSE_ESTIMATED;
        p->pause_us = estimate(facts);
        return;
    }
    p->pause_from = PAUSE_MEASURED;
    p->pause_us = !facts->memory || facts->live ? last->pause_us
        : in_proportion(last->pause_us, facts->memory_bytes,
                        last->ram_bytes);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much is written by what. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/predict.h"

#define KIB (1u << 10)
#define MIB (1u << 20)

/*
 * A snapshot of a qcow2 image copies its L1 table and its snapshot table and
 * may need new refcount blocks: with the smallest usual clusters (64 KiB)
 * that is 1/65536 of the data.
 */
#define TABLES_SHIFT 16

/* The header, the tables and a refcount block of a new image of 64 KiB
 * clusters, and 8 bytes of L1 table for each 512 MiB. */
#define NEW_IMAGE (256u * KIB)
#define L1_SHIFT 26

/* For the guest's first writes, each of which needs a new cluster from then
 * on: without any room left the guest would see write errors at once. */
#define FIRST_WRITES (8u * MIB)

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t predict_memory_bytes(uint64_t memory)
{
    /* At most a tenth of a percent around the pages, and the device model's
     * state. */
    return sum(memory, memory / 512);
}

uint64_t predict_first_writes(void)
{
    return FIRST_WRITES;
}

uint64_t predict_internal_bytes(const struct space_facts *image)
{
    return FIRST_WRITES + (image->length >> TABLES_SHIFT);
}

uint64_t predict_overlay_bytes(const struct space_facts *image)
{
    uint64_t size = image->virtual_size ? image->virtual_size : image->length;

    return NEW_IMAGE + (size >> L1_SHIFT);
}

uint64_t predict_apply_bytes(const struct space_facts *image)
{
    /* No room for first writes is asked for: going back is what people do
     * when a volume has filled up, and it frees what the guest wrote. */
    return NEW_IMAGE + (image->length >> TABLES_SHIFT);
}

uint64_t predict_merge_bytes(const struct space_facts *source,
                             const struct space_facts *target)
{
    uint64_t most = source->allocated, size, fill = 1;

    /* Each cluster of the source may bring a whole one of the target's. */
    if (target->cluster && source->cluster)
        fill = target->cluster / source->cluster;
    if (fill > 1 && __builtin_mul_overflow(most, fill, &most))
        most = UINT64_MAX;
    size = target->virtual_size > source->virtual_size
        ? target->virtual_size : source->virtual_size;
    if (!size) return most;
    /* A raw image has no more than the disk, and some of that already. One
     * with clusters has tables, too; of what it has, internal snapshots that
     * nobody knows may be a part, so that nothing is taken off. */
    if (target->cluster)
        size = sum(size, (size >> 12) + NEW_IMAGE);
    else
        size = size > target->allocated ? size - target->allocated : 0;
    return most < size ? most : size;
}

/* ---- merges ---- */

struct play {
    struct chain_model chain;           /* a copy, which becomes smaller */
    const struct chain_model *images;   /* all that there were */
    struct space_facts *facts;          /* of those, as they become */
};

static struct space_facts *facts_of(struct play *play, const char *path)
{
    const chain_image *image = chain_images_find(play->images, path);

    return image ? &play->facts[image - play->images->tree.images] : NULL;
}

static uint64_t allocated(void *user, const char *path)
{
    const struct space_facts *facts = facts_of(user, path);

    return facts ? facts->allocated : 0;
}

static bool is_kept(void *user, const char *path)
{
    const struct play *play = user;
    const chain_image *image = chain_images_find(play->images, path);

    return image && image->keep;
}

static int play_merge(struct play *play, const struct chain_image_step *step,
                      struct prediction *p, bool hard)
{
    bool down = step->type == CHAIN_IMAGE_COMMIT;
    const chain_image *from = down ? step->overlay : step->image;
    const chain_image *to = down ? step->image : step->overlay;
    struct space_facts *source = facts_of(play, from->path);
    struct space_facts *target = facts_of(play, to->path);
    uint64_t bytes;
    int rc;

    if (!source || !target) return 0;
    bytes = predict_merge_bytes(source, target);
    /* What becomes larger is the source of a later step, perhaps. */
    target->allocated = sum(target->allocated, bytes);
    if (!target->file || !bytes) return 0;
    rc = predict_need(p, to->path, "merging images", target->volume, bytes,
                      hard);
    if (!rc && source->file && from->ours)
        predict_freed(p, source->allocated, source->volume);
    return rc;
}

int predict_merges(struct prediction *p, const struct chain_model *chain,
                   const struct space_facts *facts, bool hard)
{
    size_t size = (chain->tree.num_images + 1) * sizeof(*facts);
    struct play play = { .images = chain };
    struct chain_image_step step;
    int rc = ERROR_NOMEM;

    chain_model_init(&play.chain);
    play.facts = malloc(size);
    if (!play.facts) goto out;
    if (chain->tree.num_images)
        memcpy(play.facts, facts, size - sizeof(*facts));
    rc = chain_model_copy(&play.chain, chain, NULL);
    while (!rc && chain_images_next(&play.chain, allocated, is_kept, &play,
                                    &step)) {
        if (step.type != CHAIN_IMAGE_REMOVE)
            rc = play_merge(&play, &step, p, hard);
        if (!rc) rc = chain_images_done(&play.chain, &step, NULL);
    }
out:
    free(play.facts);
    chain_model_dispose(&play.chain);
    return rc;
}

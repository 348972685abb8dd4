/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an operation will write to which volume, and how long the guest will
 * stand still: told before anything is started. Pure: the facts are gathered
 * by space.h, and nothing here looks at a file.
 */
#ifndef MANAGE_PREDICT_H
#define MANAGE_PREDICT_H

#include "chain/images.h"

/* ---- facts ---- */

/* What is known of a file, or of the folder that one will be made in. */
struct space_facts {
    uint64_t volume;            /* the same for all that share their space */
    bool file;                  /* it is there, and takes its volume's space */
    uint64_t allocated;         /* bytes */
    uint64_t length;
    uint64_t virtual_size;      /* of the disk in it; 0: not known */
    uint32_t cluster;           /* how much is allocated at once; 0: no image
                                 * with clusters */
};

/* ---- what will be written ---- */

struct predicted_need {
    char *path;                 /* the file, or its folder */
    char *what;                 /* "the memory image" */
    uint64_t volume;
    uint64_t bytes;
    /* So much is written, or has to be there for the guest; it must fit. Else
     * it is the most that may be written, and often it is less. */
    bool hard;
    /* When it has been done, so much becomes free, on that volume, before
     * what follows is begun. */
    uint64_t freed;
    uint64_t freed_volume;
};

struct predicted_volume {
    uint64_t id;
    const char *path;           /* of the first need that is on it */
    uint64_t free;              /* filled in by whoever can look */
    uint64_t hard, most;        /* bytes, at the worst moment */
    int64_t hard_now, most_now; /* (while they are being summed up) */
};

enum pause_from {
    PAUSE_NONE,                 /* the guest does not run, or is not stopped */
    PAUSE_MEASURED,             /* an earlier snapshot of the same kind */
    PAUSE_ESTIMATED,
};

struct prediction {
    struct predicted_need *needs;       /* in the order of the work */
    size_t num_needs;
    struct predicted_volume *volumes;   /* in the order of the needs */
    size_t num_volumes;
    enum pause_from pause_from;
    uint64_t pause_us;
};

void prediction_init(struct prediction *p);
void prediction_dispose(struct prediction *p);

/* Add a need on the volume of at; path and what are copied. Nothing is added
 * for no bytes. ERROR_NOMEM. */
int predict_need(struct prediction *p, const char *path, const char *what,
                 uint64_t volume, uint64_t bytes, bool hard);

/* Of the need that was added last: what becomes free after it. */
void predict_freed(struct prediction *p, uint64_t bytes, uint64_t volume);

/* Sum the needs up into the volumes, whose free bytes are then 0. */
int predict_sum(struct prediction *p);

/* The first volume that cannot take what must fit, or with most, the most
 * that may be written; NULL: none. */
const struct predicted_volume *predict_short(const struct prediction *p,
                                             bool most);

/* "N MiB are needed on the volume of PATH (for what), which has M MiB free"
 * and so on, for people; malloc'd, or NULL. */
char *predict_shortage(const struct prediction *p,
                       const struct predicted_volume *volume, bool most);

/* ---- how much ---- */

/* Records and journals, wherever something is made for the chain. */
#define PREDICT_OWN_FILES (2u << 20)

/* An image of memory, with what libxl's stream has around the pages. */
uint64_t predict_memory_bytes(uint64_t memory);
/* A new snapshot inside an image, and the guest's first writes after it. */
uint64_t predict_internal_bytes(const struct space_facts *image);
/* A new overlay, without a write yet; and the first writes after it. */
uint64_t predict_overlay_bytes(const struct space_facts *image);
uint64_t predict_first_writes(void);
/* An image goes back to a snapshot in it. */
uint64_t predict_apply_bytes(const struct space_facts *image);
/* Merging source into target: at most so much is written. */
uint64_t predict_merge_bytes(const struct space_facts *source,
                             const struct space_facts *target);

/*
 * All that can be merged in a chain, step by step, each freeing what is
 * merged. facts: one for each of its images, in their order. hard: all of it
 * must fit. keep: not the images that the user wants to be left alone.
 */
int predict_merges(struct prediction *p, const struct chain_model *chain,
                   const struct space_facts *facts, bool hard);

/* ---- how long ---- */

struct pause_facts {
    bool running;               /* and not paused: there is something to stop */
    bool memory;
    bool live;                  /* memory is copied while it runs */
    uint64_t memory_bytes;
    size_t internal, external;  /* disks */
    uint64_t clusters;          /* allocated in the internal ones' images */
};

/*
 * Into p. From the last snapshot of the same kind that was measured: with
 * memory or not, live or not, with internal disks or not. Memory that is taken
 * while the guest stands still takes longer in proportion. Else an estimate.
 */
void predict_pause(struct prediction *p, const struct pause_facts *facts,
                   const struct chain_model *chain);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Needs, and what they come to on each volume. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/predict.h"

#define MIB (1u << 20)

/* More than that in one line helps nobody. */
#define MOST_NAMED 3

void prediction_init(struct prediction *p)
{
    memset(p, 0, sizeof(*p));
}

void prediction_dispose(struct prediction *p)
{
    size_t i;

    for (i = 0; i < p->num_needs; i++) {
        free(p->needs[i].path);
        free(p->needs[i].what);
    }
    free(p->needs);
    free(p->volumes);
    prediction_init(p);
}

int predict_need(struct prediction *p, const char *path, const char *what,
                 uint64_t volume, uint64_t bytes, bool hard)
{
    struct predicted_need *grown;

    if (!bytes) return 0;
    grown = realloc(p->needs, (p->num_needs + 1) * sizeof(*grown));
    if (!grown) return ERROR_NOMEM;
    p->needs = grown;
    grown += p->num_needs++;
    *grown = (struct predicted_need){
        .path = strdup(path), .what = strdup(what), .volume = volume,
        .bytes = bytes, .hard = hard,
    };
    return grown->path && grown->what ? 0 : ERROR_NOMEM;
}

void predict_freed(struct prediction *p, uint64_t bytes, uint64_t volume)
{
    if (!p->num_needs) return;
    p->needs[p->num_needs - 1].freed = bytes;
    p->needs[p->num_needs - 1].freed_volume = volume;
}

/* ---- the sums ---- */

static struct predicted_volume *volume_of(struct prediction *p, uint64_t id)
{
    size_t i;

    for (i = 0; i < p->num_volumes; i++)
        if (p->volumes[i].id == id) return &p->volumes[i];
    return NULL;
}

/* now: what is taken at this moment, below 0 if more was freed. */
static void take(int64_t *now, uint64_t *worst, uint64_t bytes)
{
    if (bytes > INT64_MAX ||
        __builtin_add_overflow(*now, (int64_t)bytes, now))
        *now = INT64_MAX;
    if (*now > 0 && (uint64_t)*now > *worst) *worst = (uint64_t)*now;
}

static void release(int64_t *now, uint64_t bytes)
{
    if (bytes > INT64_MAX ||
        __builtin_sub_overflow(*now, (int64_t)bytes, now))
        *now = INT64_MIN;
}

static void count(struct prediction *p, const struct predicted_need *need)
{
    struct predicted_volume *volume = volume_of(p, need->volume);
    struct predicted_volume *freed = need->freed
        ? volume_of(p, need->freed_volume) : NULL;

    take(&volume->most_now, &volume->most, need->bytes);
    if (need->hard) take(&volume->hard_now, &volume->hard, need->bytes);
    if (!freed) return;
    release(&freed->most_now, need->freed);
    if (need->hard) release(&freed->hard_now, need->freed);
}

int predict_sum(struct prediction *p)
{
    size_t i;

    free(p->volumes);
    p->num_volumes = 0;
    p->volumes = calloc(p->num_needs + 1, sizeof(*p->volumes));
    if (!p->volumes) return ERROR_NOMEM;
    for (i = 0; i < p->num_needs; i++)
        if (!volume_of(p, p->needs[i].volume))
            p->volumes[p->num_volumes++] = (struct predicted_volume){
                .id = p->needs[i].volume, .path = p->needs[i].path,
            };
    for (i = 0; i < p->num_needs; i++) count(p, &p->needs[i]);
    return 0;
}

const struct predicted_volume *predict_short(const struct prediction *p,
                                             bool most)
{
    size_t i;

    for (i = 0; i < p->num_volumes; i++) {
        const struct predicted_volume *v = &p->volumes[i];

        if ((most ? v->most : v->hard) > v->free) return v;
    }
    return NULL;
}

/* ---- in words ---- */

static uint64_t mib_up(uint64_t bytes)
{
    return bytes / MIB + (bytes % MIB != 0);
}

static bool counts(const struct predicted_need *need,
                   const struct predicted_volume *volume, bool most)
{
    return need->volume == volume->id && (most || need->hard);
}

char *predict_shortage(const struct prediction *p,
                       const struct predicted_volume *volume, bool most)
{
    size_t i, size, named = 0, left = 0;
    char *text = NULL;
    FILE *f = open_memstream(&text, &size);

    if (!f) return NULL;
    fprintf(f, "%s%" PRIu64 " MiB are needed on the volume of %s, which has %"
            PRIu64 " MiB free, for ", most ? "up to " : "",
            mib_up(most ? volume->most : volume->hard), volume->path,
            volume->free / MIB);
    for (i = 0; i < p->num_needs; i++) {
        if (!counts(&p->needs[i], volume, most)) continue;
        if (named == MOST_NAMED) {
            left++;
            continue;
        }
        fprintf(f, "%s%s", named++ ? ", " : "", p->needs[i].what);
    }
    if (left) fprintf(f, " and %zu more", left);
    if (!fclose(f)) return text;
    free(text);
    return NULL;
}

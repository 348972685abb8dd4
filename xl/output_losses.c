/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a revert gives up, in words: for the question before it, and for the
 * notes after it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "xl/output.h"
#include "xl/text.h"

static char *memory_text(const struct manage_loss *loss)
{
    char size[TEXT_SIZE_LEN], when[TEXT_TIME_LEN], *text;
    int r;

    text_size(loss->bytes, size);
    r = loss->since_time
        ? asprintf(&text, "the memory of the guest, %s, which runs since %s",
                   size, text_time(loss->since_time, when))
        : asprintf(&text, "the memory of the running guest, %s", size);
    return r < 0 ? NULL : text;
}

static char *writes_text(const struct manage_loss *loss)
{
    char size[TEXT_SIZE_LEN], when[TEXT_TIME_LEN], *text;
    int r;

    if (!loss->since)
        r = asprintf(&text, "what %s holds, of which no snapshot has anything"
                     " (%s)", loss->vdev, loss->path);
    else if (loss->bytes_known)
        r = asprintf(&text, "what was written to %s since '%s' (%s), %s at"
                     " most (%s)", loss->vdev, loss->since,
                     text_time(loss->since_time, when),
                     text_size(loss->bytes, size), loss->path);
    else
        r = asprintf(&text, "what was written to %s since '%s' (%s), if"
                     " anything (%s)", loss->vdev, loss->since,
                     text_time(loss->since_time, when), loss->path);
    return r < 0 ? NULL : text;
}

bool output_is_lost(const struct manage_loss *loss)
{
    return loss->kind == MANAGE_LOSS_MEMORY || loss->kind == MANAGE_LOSS_WRITES;
}

char *output_loss_text(const struct manage_loss *loss, const char *snapshot)
{
    char *text;
    int r = -1;

    switch (loss->kind) {
    case MANAGE_LOSS_MEMORY:
        return memory_text(loss);
    case MANAGE_LOSS_WRITES:
        return writes_text(loss);
    case MANAGE_DISK_LEAVES:
        r = asprintf(&text, "'%s' is without the disk %s that the domain has"
                     " now: the domain comes back without it, and its image %s"
                     " stays as it is", snapshot, loss->vdev, loss->path);
        break;
    case MANAGE_DISK_RETURNS:
        r = asprintf(&text, "'%s' has a disk %s that the domain has not now:"
                     " it comes back (%s)", snapshot, loss->vdev,
                     loss->path ? loss->path : "");
        break;
    }
    return r < 0 ? NULL : text;
}

void output_losses_notes(const struct xl_app *app, const char *snapshot,
                         const struct manage_losses *lost, bool all)
{
    bool is_lost;
    char *text;
    int i;

    for (i = 0; i < lost->num; i++) {
        is_lost = output_is_lost(&lost->list[i]);
        if (is_lost && !all) continue;
        text = output_loss_text(&lost->list[i], snapshot);
        if (text) output_note(app, "%s%s", is_lost ? "given up: " : "", text);
        free(text);
    }
}

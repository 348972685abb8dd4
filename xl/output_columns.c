/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The columns of snapshot-list: what they are called, and what they hold. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/output_columns.h"
#include "xl/text.h"

#define LONGEST_NAME 11     /* "description" */

static char *nothing(void)
{
    return strdup("-");
}

static char *number(uint64_t n)
{
    char *text;

    return asprintf(&text, "%" PRIu64, n) < 0 ? NULL : text;
}

static char *yes_or_no(bool yes)
{
    return strdup(yes ? "yes" : "no");
}

/* What is not known exactly is told as a lower bound to people, and not at
 * all to programs, which could not see that it is one. */
static char *amount(const struct cell *cell, uint64_t bytes, bool exact)
{
    char buf[TEXT_SIZE_LEN], *text;

    if (!exact && (cell->exact || !bytes)) return nothing();
    if (cell->exact) return number(bytes);
    return asprintf(&text, "%s%s", text_size(bytes, buf), exact ? "" : "+") < 0
           ? NULL : text;
}

/* ---- what is in them ---- */

static char *cell_domain(const struct cell *cell)
{
    return text_escape(cell->domain->view.domain, cell->utf8);
}

static char *cell_name(const struct cell *cell)
{
    return text_escape(cell->entry->snapshot->name, cell->utf8);
}

static char *cell_parent(const struct cell *cell)
{
    const chain_snapshot *parent = cell->entry->parent;

    return text_escape(parent ? parent->name : "-", cell->utf8);
}

static char *cell_created(const struct cell *cell)
{
    uint64_t created = cell->entry->snapshot->created;
    char buf[TEXT_TIME_LEN];

    return cell->exact ? number(created) : strdup(text_time(created, buf));
}

static char *cell_state(const struct cell *cell)
{
    return strdup(output_state(cell->entry->snapshot->state));
}

static char *cell_kind(const struct cell *cell)
{
    const char *kind = output_kind(chain_snapshot_kind(cell->entry->snapshot));

    return kind ? strdup(kind) : nothing();
}

/* "xvda,xvdb" */
static char *cell_disks(const struct cell *cell)
{
    const chain_snapshot *snapshot = cell->entry->snapshot;
    char *list = NULL, *longer, *safe;
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (!chain_disk_included(&snapshot->disks[i])) continue;
        safe = text_escape(snapshot->disks[i].vdev, cell->utf8);
        if (!safe || asprintf(&longer, "%s%s%s", list ? list : "",
                              list ? "," : "", safe) < 0)
            longer = NULL;
        free(safe);
        free(list);
        if (!longer) return NULL;
        list = longer;
    }
    return list ? list : nothing();
}

static char *cell_memory(const struct cell *cell)
{
    const chain_snapshot *snapshot = cell->entry->snapshot;

    return snapshot->memory ? amount(cell, output_ram(snapshot), true)
                            : nothing();
}

static char *cell_stored(const struct cell *cell)
{
    const chain_snapshot *snapshot = cell->entry->snapshot;

    return snapshot->memory ? amount(cell, snapshot->memory_bytes, true)
                            : nothing();
}

static const struct manage_size *size_of(const struct cell *cell)
{
    const chain_snapshot *first = cell->domain->view.chain.tree.snapshots;

    return cell->domain->sizes
           ? &cell->domain->sizes[cell->entry->snapshot - first] : NULL;
}

static char *cell_size(const struct cell *cell)
{
    const struct manage_size *size = size_of(cell);

    return size ? amount(cell, size->bytes, size->exact) : nothing();
}

static char *cell_freed(const struct cell *cell)
{
    const struct manage_size *size = size_of(cell);

    return size ? amount(cell, size->freed_bytes, size->freed_exact)
                : nothing();
}

static char *cell_pause(const struct cell *cell)
{
    const chain_snapshot *snapshot = cell->entry->snapshot;
    char buf[TEXT_PAUSE_LEN];

    if (snapshot->state == CHAIN_DOMAIN_STATE_OFF) return nothing();
    return cell->exact ? number(snapshot->pause_us)
                       : strdup(text_pause(snapshot->pause_us, buf));
}

static char *cell_live(const struct cell *cell)
{
    return yes_or_no(cell->entry->snapshot->live);
}

static char *cell_quiesced(const struct cell *cell)
{
    return yes_or_no(cell->entry->snapshot->quiesced);
}

static char *cell_current(const struct cell *cell)
{
    return yes_or_no(cell->entry->snapshot->serial ==
                     cell->domain->view.chain.tree.current);
}

static char *cell_serial(const struct cell *cell)
{
    return number(cell->entry->snapshot->serial);
}

static char *cell_uuid(const struct cell *cell)
{
    const char *uuid = cell->entry->snapshot->domain_uuid;

    return text_escape(uuid ? uuid : "-", cell->utf8);
}

static char *cell_description(const struct cell *cell)
{
    return text_escape(cell->entry->snapshot->description, cell->utf8);
}

/* ---- what they are called ---- */

static const struct {
    const char *name, *heading, *meaning;
    char *(*text)(const struct cell *cell);
} table[NUM_COLUMNS] = {
    [COLUMN_DOMAIN] = { "domain", "Domain",
        "the domain's name", cell_domain },
    [COLUMN_NAME] = { "name", "Name",
        "the snapshot's name", cell_name },
    [COLUMN_PARENT] = { "parent", "Parent",
        "the snapshot that it descends from", cell_parent },
    [COLUMN_CREATED] = { "created", "Created",
        "when it was taken", cell_created },
    [COLUMN_STATE] = { "state", "State",
        "running, paused or off: what the domain was", cell_state },
    [COLUMN_KIND] = { "kind", "Kind",
        "internal, external, manual or mixed: its disks", cell_kind },
    [COLUMN_DISKS] = { "disks", "Disks",
        "the disks that are part of it", cell_disks },
    [COLUMN_MEMORY] = { "memory", "Memory",
        "bytes of the guest's memory in it", cell_memory },
    [COLUMN_STORED] = { "stored", "Stored",
        "bytes of its memory image", cell_stored },
    [COLUMN_SIZE] = { "size", "Size",
        "bytes that it takes: memory and frozen images", cell_size },
    [COLUMN_FREED] = { "freed", "Freed",
        "bytes that deleting it alone would free", cell_freed },
    [COLUMN_PAUSE] = { "pause", "Pause",
        "how long the guest stood still", cell_pause },
    [COLUMN_LIVE] = { "live", "Live",
        "yes: the guest ran while memory was copied", cell_live },
    [COLUMN_QUIESCED] = { "quiesced", "Quiesced",
        "yes: the guest had frozen its file systems", cell_quiesced },
    [COLUMN_CURRENT] = { "current", "Current",
        "yes: the present descends from it", cell_current },
    [COLUMN_SERIAL] = { "serial", "Serial",
        "its number in the files", cell_serial },
    [COLUMN_UUID] = { "uuid", "UUID",
        "the domain's UUID at that time", cell_uuid },
    [COLUMN_DESCRIPTION] = { "description", "Description",
        "what was said about it", cell_description },
};

const char *column_heading(enum output_column column)
{
    return table[column].heading;
}

char *column_text(enum output_column column, const struct cell *cell)
{
    return table[column].text(cell);
}

static bool find(const char *name, size_t len, enum output_column *column_r)
{
    enum output_column i;

    for (i = 0; i < NUM_COLUMNS; i++) {
        if (strlen(table[i].name) == len &&
            !strncmp(table[i].name, name, len)) {
            *column_r = i;
            return true;
        }
    }
    return false;
}

/* "unknown column 'x'; there are domain, name, ..." */
static void say_unknown(const char *name, size_t len, char *reason,
                        size_t size)
{
    size_t used, i;
    int n;

    n = snprintf(reason, size, "unknown column '%.*s'; there are",
                 (int)(len > 40 ? 40 : len), name);
    for (i = 0; i < NUM_COLUMNS && n >= 0; i++) {
        used = strlen(reason);
        n = snprintf(reason + used, size - used, "%s %s", i ? "," : "",
                     table[i].name);
    }
}

bool output_columns_add(struct output_columns *columns, const char *list,
                        char *reason, size_t len)
{
    struct output_columns more = *columns;
    size_t word;

    for (;;) {
        word = strcspn(list, ",");
        if (more.num == OUTPUT_MAX_COLUMNS) {
            snprintf(reason, len, "more than %d columns", OUTPUT_MAX_COLUMNS);
            return false;
        }
        if (!find(list, word, &more.list[more.num])) {
            say_unknown(list, word, reason, len);
            return false;
        }
        more.num++;
        if (!list[word]) break;
        list += word + 1;
    }
    *columns = more;
    return true;
}

void output_columns_help(void)
{
    size_t i;

    for (i = 0; i < NUM_COLUMNS; i++)
        printf("%-*s  %s\n", LONGEST_NAME, table[i].name, table[i].meaning);
}

bool output_columns_have(const struct output_columns *columns,
                         enum output_column column)
{
    size_t i;

    for (i = 0; i < columns->num; i++) {
        if (columns->list[i] == column) return true;
    }
    return false;
}

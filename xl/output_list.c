/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists, trees and the sheet of one snapshot, as text. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/output.h"
#include "xl/text.h"

const char *output_state(chain_domain_state state)
{
    switch (state) {
    case CHAIN_DOMAIN_STATE_RUNNING:    return "running";
    case CHAIN_DOMAIN_STATE_PAUSED:     return "paused";
    case CHAIN_DOMAIN_STATE_OFF:        return "off";
    default:                            return "unknown";
    }
}

const char *output_skipped(chain_disk_treatment treatment)
{
    switch (treatment) {
    case CHAIN_DISK_TREATMENT_SKIPPED_CDROM:    return "CD-ROM";
    case CHAIN_DISK_TREATMENT_SKIPPED_EMPTY:    return "empty";
    case CHAIN_DISK_TREATMENT_SKIPPED_READONLY: return "read-only";
    default:                                    return NULL;
    }
}

const char *output_verb(chain_verb verb)
{
    switch (verb) {
    case CHAIN_VERB_CREATE: return "create";
    case CHAIN_VERB_REVERT: return "revert";
    case CHAIN_VERB_DELETE: return "delete";
    default:                return "unknown";
    }
}

const char *output_step(chain_step step)
{
    switch (step) {
    case CHAIN_STEP_BEGUN:      return "begun";
    case CHAIN_STEP_STOPPING:   return "stopping";
    case CHAIN_STEP_DESTROYING: return "destroying";
    case CHAIN_STEP_APPLYING:   return "applying";
    case CHAIN_STEP_STARTING:   return "starting";
    case CHAIN_STEP_STARTED:    return "started";
    case CHAIN_STEP_REMOVING:   return "removing";
    default:                    return "unknown";
    }
}

static int out_of_memory(struct manage_error *err)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "out of memory");
    return ERROR_NOMEM;
}

/* ---- cells ---- */

#define NUM_COLUMNS 6
enum { NAME, CREATED, STATE, MEMORY, PARENT, DESCRIPTION };

static const char *const headings[NUM_COLUMNS] = {
    "Name", "Created", "State", "Memory", "Parent", "Description",
};

struct row {
    char *cells[NUM_COLUMNS];
    bool current;
};

static void row_dispose(struct row *row)
{
    size_t i;

    for (i = 0; i < NUM_COLUMNS; i++)
        free(row->cells[i]);
}

static bool row_fill(struct row *row, const chain_snapshot *snapshot,
                     const chain_snapshot *parent, bool current, bool utf8)
{
    char created[TEXT_TIME_LEN], memory[TEXT_SIZE_LEN];
    size_t i;

    row->current = current;
    row->cells[NAME] = text_escape(snapshot->name, utf8);
    row->cells[CREATED] = strdup(text_time(snapshot->created, created));
    row->cells[STATE] = strdup(output_state(snapshot->state));
    row->cells[MEMORY] = strdup(snapshot->memory
                                ? text_size(snapshot->memory_bytes, memory)
                                : "-");
    row->cells[PARENT] = text_escape(parent ? parent->name : "-", utf8);
    row->cells[DESCRIPTION] = text_escape(snapshot->description, utf8);
    for (i = 0; i < NUM_COLUMNS; i++) {
        if (!row->cells[i]) return false;
    }
    return true;
}

static void print_padded(const char *text, size_t width, bool utf8)
{
    size_t have = text_width(text, utf8);

    printf("%s%*s", text, (int)(have < width ? width - have : 0), "");
}

/* ---- the table ---- */

struct table {
    struct row *rows;
    size_t num;
    size_t widths[NUM_COLUMNS];
    bool described;         /* some snapshot has a description */
    bool utf8;
};

static int by_serial(const void *a, const void *b)
{
    const struct chain_walk_entry *x = a, *y = b;

    return (x->snapshot->serial > y->snapshot->serial) -
           (x->snapshot->serial < y->snapshot->serial);
}

/* The walk's entries keep their depth when they are sorted, but no longer say
 * who is whose parent, so that is noted first. */
static int note_parents(const struct chain_walk_entry *entries, size_t num,
                        const chain_snapshot *first,
                        const chain_snapshot **parents)
{
    const chain_snapshot **path = calloc(num + 1, sizeof(*path));
    size_t i, depth;

    if (!path) return ERROR_NOMEM;
    for (i = 0; i < num; i++) {
        depth = entries[i].depth;
        path[depth] = entries[i].snapshot;
        parents[entries[i].snapshot - first] = depth ? path[depth - 1] : NULL;
    }
    free(path);
    return 0;
}

static void table_dispose(struct table *table)
{
    size_t i;

    for (i = 0; i < table->num; i++)
        row_dispose(&table->rows[i]);
    free(table->rows);
}

static int table_fill(struct table *table, const struct chain_model *chain,
                      struct chain_walk_entry *entries, size_t num)
{
    const chain_snapshot *first = chain->tree.snapshots, *snapshot;
    const chain_snapshot **parents = calloc(num + 1, sizeof(*parents));
    size_t i, c, width;
    int rc = ERROR_NOMEM;

    table->rows = calloc(num + 1, sizeof(*table->rows));
    if (!parents || !table->rows) goto out;
    rc = note_parents(entries, num, first, parents);
    if (rc) goto out;
    if (num) qsort(entries, num, sizeof(*entries), by_serial);

    for (c = 0; c < NUM_COLUMNS; c++)
        table->widths[c] = strlen(headings[c]);
    for (i = 0; i < num; i++) {
        snapshot = entries[i].snapshot;
        table->num++;
        rc = ERROR_NOMEM;
        if (!row_fill(&table->rows[i], snapshot, parents[snapshot - first],
                      snapshot->serial == chain->tree.current, table->utf8))
            goto out;
        for (c = 0; c < NUM_COLUMNS; c++) {
            width = text_width(table->rows[i].cells[c], table->utf8);
            if (width > table->widths[c]) table->widths[c] = width;
        }
        if (table->rows[i].cells[DESCRIPTION][0]) table->described = true;
    }
    rc = 0;
out:
    free(parents);
    return rc;
}

/* The last column is not padded: no line ends in spaces. */
static void print_row(const struct table *table, const char *mark,
                      const char *const *cells)
{
    size_t last = table->described ? DESCRIPTION : PARENT, c;

    while (last && !cells[last][0])
        last--;
    printf("%s ", mark);
    for (c = 0; c < last; c++) {
        print_padded(cells[c], table->widths[c], table->utf8);
        printf("  ");
    }
    printf("%s\n", cells[last]);
}

static int print_table(const struct chain_model *chain,
                       struct chain_walk_entry *entries, size_t num)
{
    struct table table = { .utf8 = text_locale_is_utf8() };
    size_t i;
    int rc;

    rc = table_fill(&table, chain, entries, num);
    if (rc) goto out;
    print_row(&table, " ", headings);
    for (i = 0; i < table.num; i++)
        print_row(&table, table.rows[i].current ? "*" : " ",
                  (const char *const *)table.rows[i].cells);
out:
    table_dispose(&table);
    return rc;
}

/* ---- the tree ---- */

struct strokes {
    const char *branch, *corner, *line, *space;
};

static const struct strokes utf8_strokes = {
    "\u251c\u2500 ", "\u2514\u2500 ", "\u2502  ", "   ",
};
static const struct strokes ascii_strokes = { "|- ", "`- ", "|  ", "   " };

/* Deeper than this the drawing goes no further to the right, and a number
 * says how deep it is: a chain of thousands stays readable, and printable. */
#define TREE_MAX_DEPTH 24

/* more[d]: on the way here, the branch at depth d goes on below. */
static void print_branch(const struct strokes *strokes, const bool *more,
                         size_t depth)
{
    size_t shown = depth < TREE_MAX_DEPTH ? depth : TREE_MAX_DEPTH, d;

    for (d = 0; d < shown; d++)
        printf("%s", more[d] ? strokes->line : strokes->space);
    printf("%s", more[depth] ? strokes->branch : strokes->corner);
    if (depth > TREE_MAX_DEPTH) printf("(%zu) ", depth + 1);
}

static bool has_children(const struct chain_walk_entry *entries, size_t num,
                         size_t i)
{
    return i + 1 < num && entries[i + 1].depth > entries[i].depth;
}

static int print_tree(const struct chain_model *chain,
                      const struct chain_walk_entry *entries, size_t num)
{
    bool utf8 = text_locale_is_utf8();
    const struct strokes *strokes = utf8 ? &utf8_strokes : &ascii_strokes;
    bool *more = calloc(num + 2, sizeof(*more));
    const chain_snapshot *snapshot;
    size_t i, depth;
    int rc = ERROR_NOMEM;

    if (!more) goto out;
    for (i = 0; i < num; i++) {
        struct row row = { 0 };

        snapshot = entries[i].snapshot;
        depth = entries[i].depth;
        more[depth] = !entries[i].last;
        if (!row_fill(&row, snapshot, NULL, false, utf8)) {
            row_dispose(&row);
            goto out;
        }
        print_branch(strokes, more, depth);
        printf("%s  %s  %s%s%s\n", row.cells[NAME], row.cells[CREATED],
               row.cells[STATE], snapshot->memory ? "  " : "",
               snapshot->memory ? row.cells[MEMORY] : "");
        row_dispose(&row);

        /* The present is drawn as the first of current's children. */
        if (snapshot->serial == chain->tree.current) {
            more[depth + 1] = has_children(entries, num, i);
            print_branch(strokes, more, depth + 1);
            printf("* you are here\n");
        }
    }
    rc = 0;
out:
    free(more);
    return rc;
}

static void print_names(const struct chain_walk_entry *entries, size_t num)
{
    size_t i;
    char *safe;

    for (i = 0; i < num; i++) {
        safe = text_escape(entries[i].snapshot->name, text_locale_is_utf8());
        if (safe) printf("%s\n", safe);
        free(safe);
    }
}

static void print_heading(const struct manage_view *view)
{
    char *safe = text_escape(view->domain, text_locale_is_utf8());

    if (view->running)
        printf("%s (domain %" PRIu32 ")\n", safe ? safe : "?", view->domid);
    else
        printf("%s\n", safe ? safe : "?");
    free(safe);
}

int output_text_list(const struct output_domain *domain,
                     enum output_list_style style, bool heading,
                     struct manage_error *err)
{
    const struct chain_model *chain = &domain->view.chain;
    struct chain_walk_entry *entries = NULL;
    size_t num = 0;
    int rc;

    rc = chain_model_walk(chain, 0, &entries, &num, NULL);
    if (rc) goto out;
    if (heading || style == OUTPUT_TREE) print_heading(&domain->view);
    switch (style) {
    case OUTPUT_TABLE:
        rc = print_table(chain, entries, num);
        break;
    case OUTPUT_TREE:
        rc = print_tree(chain, entries, num);
        break;
    case OUTPUT_NAMES:
        print_names(entries, num);
        break;
    }
out:
    free(entries);
    return rc ? out_of_memory(err) : 0;
}

/* ---- one snapshot ---- */

static void print_field(const char *name, const char *value)
{
    char *safe = text_escape(value, text_locale_is_utf8());

    printf("%-13s %s\n", name, safe ? safe : "?");
    free(safe);
}

static void print_disk(const chain_disk *disk)
{
    const char *skipped = output_skipped(disk->treatment);
    bool utf8 = text_locale_is_utf8();
    char *vdev = text_escape(disk->vdev, utf8);
    char *path = text_escape(disk->path, utf8);

    printf("%-13s %s  %s  %s", "disk:", vdev ? vdev : "?",
           libxl_disk_format_to_string(disk->format), path ? path : "?");
    if (skipped) printf("  (left out: %s)", skipped);
    printf("\n");
    free(vdev);
    free(path);
}

static void print_children(const chain_tree *tree,
                           const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < tree->num_snapshots; i++) {
        if (tree->snapshots[i].parent == snapshot->serial)
            print_field("child:", tree->snapshots[i].name);
    }
}

int output_text_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err)
{
    const chain_snapshot *parent = chain_model_parent(&view->chain, snapshot);
    char buf[TEXT_PAUSE_LEN];
    int i;

    (void)err;              /* there is nothing here that may fail */
    print_field("name:", snapshot->name);
    print_field("domain:", view->domain);
    if (snapshot->description && snapshot->description[0])
        print_field("description:", snapshot->description);
    print_field("created:", text_time(snapshot->created, buf));
    print_field("state:", output_state(snapshot->state));
    print_field("memory:", snapshot->memory
                ? text_size(snapshot->memory_bytes, buf) : "none");
    if (snapshot->state != CHAIN_DOMAIN_STATE_OFF)
        print_field("pause:", text_pause(snapshot->pause_us, buf));
    for (i = 0; i < snapshot->num_disks; i++)
        print_disk(&snapshot->disks[i]);
    print_field("parent:", parent ? parent->name : "none");
    print_children(&view->chain.tree, snapshot);
    print_field("current:", snapshot->serial == view->chain.tree.current
                ? "yes" : "no");
    return 0;
}

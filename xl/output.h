/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything this program prints, as text and as JSON. Results go to standard
 * output, everything else to standard error.
 *
 * With --json a command prints exactly one JSON object on standard output,
 * whatever happens; their shapes are promised in xl-snapshot(1), under JSON
 * OUTPUT. An error is {"error": {"outcome": ..., "message": ...}}, and its
 * line still goes to standard error as well.
 *
 * Output is buffered by stdio; output_finish() tells whether all of it
 * arrived.
 */
#ifndef XL_OUTPUT_H
#define XL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/filter.h"
#include "manage/manage.h"
#include "xl/app.h"

/* ---- standard error ---- */

/* "xl: snapshot-create: TEXT". */
void output_note(const struct xl_app *app, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The error, after libxl's messages when they may explain it. */
void output_error(const struct xl_app *app, const struct manage_error *err);

/* The error, and how the command is used. */
void output_usage_error(const struct xl_app *app, const char *message);

/* Text as it is. */
void output_stderr(const char *text);

/* The same for what may be lost: waits for the reader or the terminal for
 * wait_ms at most, cuts what is very long, and tells whether it was written. */
bool output_stderr_soon(const char *text, int wait_ms);

/* ---- standard output ---- */

/* Text as it is. */
void output_stdout(const char *text, size_t len);

/* The command's help, as "xl help COMMAND" prints it. */
void output_help(const struct cmd_spec *spec);
/* One line of the list of commands, in the columns of xl's. */
void output_help_line(const struct cmd_spec *spec);

void output_created(const struct xl_app *app, const char *domain,
                    const chain_snapshot *snapshot);
void output_reverted(const struct xl_app *app, const char *domain,
                     const char *name,
                     const struct manage_revert_result *result);
/* Is it gone afterwards? Else it is about a disk that leaves or returns. */
bool output_is_lost(const struct manage_loss *loss);
/* One loss in words, malloc'd, not escaped; NULL: out of memory. snapshot: what
 * is gone back to. */
char *output_loss_text(const struct manage_loss *loss, const char *snapshot);
/* A note for each: with all, also for what is lost, and not only for the disks
 * that leave and return. */
void output_losses_notes(const struct xl_app *app, const char *snapshot,
                         const struct manage_losses *lost, bool all);
void output_deleted(const struct xl_app *app, const struct manage_delete *args,
                    const struct manage_delete_result *result);
void output_renamed(const struct xl_app *app, const char *domain,
                    const char *name, const char *new_name);
/* done: "put back", "adopted" ... */
void output_redefined(const struct xl_app *app, const char *domain,
                      const char *done,
                      const struct manage_redefined *redefined);
void output_exported(const struct xl_app *app,
                     const struct manage_export *args);
void output_imported(const struct xl_app *app, const char *domain,
                     const chain_snapshot *snapshot);
void output_cloned(const struct xl_app *app, const struct manage_clone *args,
                   const struct manage_clone_result *result);
void output_thawed(const struct xl_app *app, const char *domain);
void output_current(const struct xl_app *app, const struct manage_view *view,
                    const chain_snapshot *current);
/* 0, or a libxl error with err filled in. */
int output_info(const struct xl_app *app, const struct manage_view *view,
                const chain_snapshot *snapshot, struct manage_error *err);

/* What is known of one domain; err.outcome says whether view is to be read. */
struct output_domain {
    const char *name;
    struct manage_view view;
    struct manage_error err;
    char *report;               /* snapshot-recover: lines, or NULL */
    struct manage_size *sizes;  /* snapshot-list: when they are asked for */
    struct manage_verified *verified;   /* snapshot-verify */
    int num_verified;
};

/* snapshot-verify: what was found. */
void output_verified(const struct xl_app *app,
                     const struct output_domain *domains, size_t num);

/* snapshot-diff: what differs. */
void output_difference(const struct xl_app *app,
                       const struct manage_diff *args,
                       const struct manage_difference *difference);

/* snapshot-recover: what was done, or with -N what is in flight. */
void output_recovered(const struct xl_app *app,
                      const struct output_domain *domains, size_t num,
                      bool all);

/*
 * The last call: the exit status. It is outcome, unless what a command that
 * only reads had to say could not be written.
 */
int output_finish(const struct xl_app *app, enum manage_outcome outcome);

/* ---- JSON: output_json.c, output_json_list.c ---- */

struct output_list;

/* A document that is there already, such as a plan. False: out of memory. */
bool output_json(const char *json);

void output_json_error(const struct manage_error *err);
void output_json_created(const char *domain, const chain_snapshot *snapshot);
void output_json_reverted(const char *domain, const char *name,
                          const struct manage_revert_result *result);
void output_json_deleted(const struct manage_delete *args,
                         const struct manage_delete_result *result);
void output_json_renamed(const char *domain, const char *name,
                         const char *new_name);
void output_json_redefined(const char *domain,
                           const struct manage_redefined *redefined);
void output_json_exported(const struct manage_export *args);
void output_json_thawed(const char *domain);
void output_json_current(const struct manage_view *view,
                         const chain_snapshot *current);
int output_json_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err);
int output_json_list(const struct output_domain *domains, size_t num,
                     const struct output_list *how, struct manage_error *err);
void output_json_recovered(const struct output_domain *domains, size_t num,
                           bool dry_run);

/* ---- text: output_clock.c ---- */

/* A line of what becomes of the guest's clock; nothing, if it has booted. */
void output_clock(const struct manage_clock *clock);

/* ---- text: output_info.c; output_list.h has the lists ---- */

int output_text_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err);

/* ---- words: output_words.c ---- */

/* "running", "paused", "off", "unknown". */
const char *output_state(chain_domain_state state);
/* Why a disk was left out, or NULL when it was not. */
const char *output_skipped(chain_disk_treatment treatment);

/* How much of the guest's memory its image stands for; when that was not noted,
 * as of one that was put back, about. */
static inline uint64_t output_ram(const chain_snapshot *snapshot)
{
    return snapshot->ram_bytes ? snapshot->ram_bytes : snapshot->memory_bytes;
}
/* "internal", "external", "manual", or NULL for a disk that was left out. */
const char *output_treatment(chain_disk_treatment treatment);
/* The same and "mixed"; NULL when there is no disk. */
const char *output_kind(enum chain_kind kind);
/* "create", "revert" ...; the word that JSON has. */
const char *output_verb(chain_verb verb);
const char *output_step(chain_step step);

/* ERROR_NOMEM, and err filled in. */
int output_out_of_memory(struct manage_error *err);

#endif

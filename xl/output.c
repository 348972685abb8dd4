/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xl/cmdtable.h"
#include "xl/log.h"
#include "xl/output.h"
#include "xl/progress.h"
#include "xl/text.h"

/* ---- standard error ---- */

void output_stderr(const char *text)
{
    size_t len = strlen(text);
    ssize_t r;

    for (; len; text += r, len -= r) {
        r = write(STDERR_FILENO, text, len);
        if (r < 0 && errno == EINTR) r = 0;
        if (r < 0) return;      /* there is nobody left to tell */
    }
}

bool output_stderr_soon(const char *text, int wait_ms)
{
    struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
    size_t len = strlen(text);
    char cut[PIPE_BUF];

    /* A pipe that poll calls writable takes so much without waiting. */
    if (len > sizeof(cut)) {
        memcpy(cut, text, sizeof(cut) - 1);
        cut[sizeof(cut) - 1] = '\n';
        text = cut;
        len = sizeof(cut);
    }
    if (poll(&pfd, 1, wait_ms) != 1 || !(pfd.revents & POLLOUT)) return false;
    return write(STDERR_FILENO, text, len) == (ssize_t)len;
}

/* "xl: snapshot-create: TEXT", in one write, the progress line cleared. */
static void print_stderr(const struct xl_app *app, const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8()), *line;

    if (app->progress) progress_clear(app->progress);
    if (asprintf(&line, "xl: %s%s%s\n", app->cmd ? app->cmd->name : "",
                 app->cmd ? ": " : "", safe ? safe : "out of memory") >= 0) {
        output_stderr(line);
        free(line);
    }
    free(safe);
}

void output_note(const struct xl_app *app, const char *format, ...)
{
    char *text;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&text, format, ap);
    va_end(ap);
    if (r < 0) return;
    print_stderr(app, text);
    free(text);
}

/* Did something go wrong that the message alone may not explain? */
static bool is_surprise(enum manage_outcome outcome)
{
    return outcome == MANAGE_FAILED || outcome == MANAGE_ROLLED_BACK ||
           outcome == MANAGE_NEEDS_RECOVERY;
}

void output_error(const struct xl_app *app, const struct manage_error *err)
{
    if (app->progress) progress_clear(app->progress);
    if (app->log && is_surprise(err->outcome)) log_show_kept(app->log);
    print_stderr(app, err->text);
    if (app->json) output_json_error(err);
}

void output_usage_error(const struct xl_app *app, const char *message)
{
    struct manage_error err = { .outcome = MANAGE_USAGE };
    char *usage;

    snprintf(err.text, sizeof(err.text), "%s", message);
    output_error(app, &err);
    if (asprintf(&usage, "Usage: xl %s %s\n(xl help %s tells more)\n",
                 app->cmd->name, app->cmd->usage, app->cmd->name) < 0)
        return;
    output_stderr(usage);
    free(usage);
}

/* ---- standard output ---- */

void output_stdout(const char *text, size_t len)
{
    fwrite(text, 1, len, stdout);
}

void output_help(const struct cmd_spec *spec)
{
    printf("Usage: xl [-v%s%s] %s %s\n\n%s.\n\n", spec->modifies ? "f" : "",
           spec->can_dryrun ? "N" : "", spec->name, spec->usage, spec->desc);
    if (spec->option) printf("Options:\n\n%s\n", spec->option);
    printf("Exit status and JSON output: see xl-snapshot(1).\n");
}

void output_help_line(const struct cmd_spec *spec)
{
    printf(" %-19s ", spec->name);
    if (strlen(spec->name) > 19) printf("\n %-19s ", "");
    printf("%s\n", spec->desc);
}

/* Text of a user's, escaped; on lack of memory what is left is still true. */
static void print_escaped(const char *before, const char *text,
                          const char *after)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s%s%s", before, safe ? safe : "?", after);
    free(safe);
}

static void print_snapshot_of(const char *name, const char *domain)
{
    print_escaped("Snapshot '", name, "'");
    print_escaped(" of domain '", domain, "'");
}

/* A result is due: what was drawn while it was waited for goes. */
static void end_progress(const struct xl_app *app)
{
    if (app->progress) progress_clear(app->progress);
}

/* "memory 256 MiB and 2 disks (xvda, xvdb)" */
static void print_contents(const chain_snapshot *snapshot)
{
    char size[TEXT_SIZE_LEN];
    const char *separator = "";
    int i, num = 0;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (!output_skipped(snapshot->disks[i].treatment)) num++;
    }
    if (snapshot->memory)
        printf("memory %s", text_size(output_ram(snapshot), size));
    if (snapshot->memory && snapshot->ram_bytes)
        printf(" (%s stored)", text_size(snapshot->memory_bytes, size));
    if (snapshot->memory && num) printf(" and ");
    if (!num) {
        if (!snapshot->memory) printf("no disks");
        return;
    }
    printf("%d disk%s (", num, num == 1 ? "" : "s");
    for (i = 0; i < snapshot->num_disks; i++) {
        if (output_skipped(snapshot->disks[i].treatment)) continue;
        print_escaped(separator, snapshot->disks[i].vdev, "");
        separator = ", ";
    }
    printf(")");
}

static void print_skipped(const chain_snapshot *snapshot)
{
    const char *reason, *separator = "Left out: ";
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        reason = output_skipped(snapshot->disks[i].treatment);
        if (!reason) continue;
        print_escaped(separator, snapshot->disks[i].vdev, "");
        printf(" (%s)", reason);
        separator = ", ";
    }
    if (*separator == ',') printf(".\n");
}

static void print_pause_parts(const chain_snapshot *snapshot)
{
    char pause[TEXT_PAUSE_LEN];

    if (!snapshot->pause_memory_us) return;
    printf(" (memory %s", text_pause(snapshot->pause_memory_us, pause));
    printf(", disks %s", text_pause(snapshot->pause_disks_us, pause));
    printf(", resume %s)", text_pause(snapshot->pause_resume_us, pause));
}

void output_created(const struct xl_app *app, const char *domain,
                    const chain_snapshot *snapshot)
{
    char pause[TEXT_PAUSE_LEN];

    end_progress(app);
    if (app->json) {
        output_json_created(domain, snapshot);
        return;
    }
    print_snapshot_of(snapshot->name, domain);
    printf(" taken: ");
    print_contents(snapshot);
    if (snapshot->state == CHAIN_DOMAIN_STATE_OFF) {
        printf("; the domain is off.\n");
    } else {
        printf("; the guest was %spaused for %s",
               snapshot->quiesced ? "quiesced, and " : "",
               text_pause(snapshot->pause_us, pause));
        print_pause_parts(snapshot);
        printf(".\n");
    }
    print_skipped(snapshot);
}

void output_reverted(const struct xl_app *app, const char *domain,
                     const char *name,
                     const struct manage_revert_result *result)
{
    end_progress(app);
    if (app->json) {
        output_json_reverted(domain, name, result);
        return;
    }
    print_escaped("Domain '", domain, "'");
    print_escaped(" is back at snapshot '", name, "'");
    if (result->state == CHAIN_DOMAIN_STATE_OFF)
        printf(", and off.\n");
    else
        printf(", and %s as domain %" PRIu32 ".\n",
               output_state(result->state), result->domid);
    if (result->undo)
        print_escaped("What it was before is the snapshot '", result->undo,
                      "'.\n");
    output_clock(&result->clock);
}

/* What was left for later, a line each. */
static void note_lines(const struct xl_app *app, const char *note)
{
    const char *end;

    for (; note && *note; note = *end ? end + 1 : end) {
        end = strchrnul(note, '\n');
        output_note(app, "%.*s", (int)(end - note), note);
    }
}

void output_deleted(const struct xl_app *app, const struct manage_delete *args,
                    const struct manage_delete_result *result)
{
    int deleted = result->deleted;

    end_progress(app);
    note_lines(app, result->note);
    if (app->json) {
        output_json_deleted(args, result);
    } else if (deleted == 1 && !args->children_only) {
        print_snapshot_of(args->name, args->domain);
        printf(" deleted.\n");
    } else {
        printf("%d snapshot%s", deleted, deleted == 1 ? "" : "s");
        print_escaped(" of domain '", args->domain, "' deleted.\n");
    }
}

void output_renamed(const struct xl_app *app, const char *domain,
                    const char *name, const char *new_name)
{
    end_progress(app);
    if (app->json) {
        output_json_renamed(domain, name, new_name);
        return;
    }
    print_snapshot_of(name, domain);
    print_escaped(" is now called '", new_name, "'.\n");
}

void output_redefined(const struct xl_app *app, const char *domain,
                      const char *done,
                      const struct manage_redefined *redefined)
{
    const char *separator = ": ";
    int i;

    end_progress(app);
    if (app->json) {
        output_json_redefined(domain, redefined);
        return;
    }
    printf("%d snapshot%s", redefined->num, redefined->num == 1 ? "" : "s");
    print_escaped(" of domain '", domain, "'");
    printf(" %s", done);
    for (i = 0; i < redefined->num; i++) {
        print_escaped(separator, redefined->names[i], "");
        separator = ", ";
    }
    printf(".\n");
    if (redefined->kept == 1)
        printf("1 was there already, and stays as it is.\n");
    else if (redefined->kept)
        printf("%d were there already, and stay as they are.\n",
               redefined->kept);
}

void output_exported(const struct xl_app *app,
                     const struct manage_export *args)
{
    end_progress(app);
    if (app->json) {
        output_json_exported(args);
        return;
    }
    if (args->xl_image) printf("Memory of ");
    print_escaped(args->xl_image ? "snapshot '" : "Snapshot '", args->name,
                  "'");
    print_escaped(" of domain '", args->domain, "'");
    print_escaped(" written to ", args->path, ".\n");
}

void output_imported(const struct xl_app *app, const char *domain,
                     const chain_snapshot *snapshot)
{
    end_progress(app);
    if (app->json) {
        output_json_created(domain, snapshot);
        return;
    }
    print_snapshot_of(snapshot->name, domain);
    printf(" imported: ");
    print_contents(snapshot);
    printf(".\n");
}

void output_thawed(const struct xl_app *app, const char *domain)
{
    end_progress(app);
    if (app->json)
        output_json_thawed(domain);
    else
        print_escaped("The file systems of domain '", domain,
                      "' are thawed.\n");
}

void output_current(const struct xl_app *app, const struct manage_view *view,
                    const chain_snapshot *current)
{
    if (app->json)
        output_json_current(view, current);
    else
        print_escaped("", current->name, "\n");
}

int output_info(const struct xl_app *app, const struct manage_view *view,
                const chain_snapshot *snapshot, struct manage_error *err)
{
    return app->json ? output_json_info(view, snapshot, err)
                     : output_text_info(view, snapshot, err);
}

/* A report's lines, each escaped; with the domain before them when several
 * were looked at. */
static void print_report(const char *domain, const char *report, bool all)
{
    size_t len;
    char *line;

    for (; *report; report += len) {
        len = strcspn(report, "\n");
        line = strndup(report, len);
        if (all) print_escaped("", domain, ": ");
        print_escaped("", line, "\n");
        free(line);
        if (report[len]) len++;
    }
}

void output_recovered(const struct xl_app *app,
                      const struct output_domain *domains, size_t num,
                      bool all)
{
    bool something = false;
    size_t i;

    end_progress(app);
    if (app->json || app->dry_run) {
        output_json_recovered(domains, num, app->dry_run);
        return;
    }
    for (i = 0; i < num; i++) {
        if (domains[i].err.outcome != MANAGE_OK) {
            something = true;
        } else if (domains[i].report && domains[i].report[0]) {
            something = true;
            print_report(domains[i].name, domains[i].report, all);
        }
    }
    if (!something) printf("There was nothing to recover.\n");
}

int output_finish(const struct xl_app *app, enum manage_outcome outcome)
{
    struct manage_error err = { .outcome = MANAGE_FAILED };

    if (!fflush(stdout) && !ferror(stdout)) return outcome;

    snprintf(err.text, sizeof(err.text),
             "cannot write to the standard output: %s", strerror(errno));
    print_stderr(app, err.text);
    /* A change that was made was made, whoever could not be told of it. */
    if (outcome == MANAGE_OK && !(app->cmd && app->cmd->modifies))
        outcome = MANAGE_FAILED;
    return outcome;
}

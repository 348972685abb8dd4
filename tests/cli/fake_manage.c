/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A manage/ that does nothing, notes what it was asked to do, and answers
 * what the files in $XL_TEST_DIR say:
 *
 *   calls            each call and its arguments are appended to it
 *   DOMAIN.chain     the JSON of the domain's chain_tree
 *   DOMAIN.journal   the JSON of a chain_journal that is in flight
 *   DOMAIN.domid     it runs
 *   DOMAIN.fail      "OUTCOME TEXT": every call about the domain fails so
 *   DOMAIN.report    what a recovery did
 *   DOMAIN.sizes     lines "BYTES EXACT FREED EXACT", one for each snapshot
 *   DOMAIN.lost      what a revert gives up: lines "KIND VDEV PATH BYTES SINCE
 *                    TIME", "-" for what is not known
 *   DOMAIN.clock     of a guest that goes on from memory: "AGE FOLLOWS AGENT
 *                    BEFORE AFTER PROBLEM"; AGENT is the number of a
 *                    manage_clock_agent, "-" is as above
 *   DOMAIN.dump      the document of a dump
 *   DOMAIN.problem   why a diff cannot read a disk
 *   DOMAIN.job       lines "STATUS CURRENT END ERROR": what looks at a block
 *                    job find, one after the other
 *   created          the JSON of the chain_snapshot that a create makes
 *   config           a create asks for the domain's configuration first, and
 *                    what it gets is written to it
 *   script           what a create does meanwhile: lines "reached POINT",
 *                    "progress BYTES ESTIMATE", "sleep MILLISECONDS",
 *                    "log TEXT", "warn TEXT", "restart ANYTHING" (all
 *                    callbacks that bring domains up, once), "hook PROGRAM"
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxl/json.h"
#include "manage/manage.h"

struct manage {
    struct manage_settings settings;
};

/* ---- files ---- */

static FILE *open_file(const char *stem, const char *suffix, const char *mode)
{
    const char *dir = getenv("XL_TEST_DIR");
    char path[4096];

    if (!dir) abort();
    snprintf(path, sizeof(path), "%s/%s%s", dir, stem, suffix);
    return fopen(path, mode);
}

/* The whole file, malloc'd, or NULL when there is none. */
static char *read_file(const char *stem, const char *suffix)
{
    FILE *f = open_file(stem, suffix, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t len;

    if (!f) return NULL;
    len = getdelim(&text, &size, '\0', f);
    fclose(f);
    if (len < 0) {
        free(text);
        return strdup("");
    }
    return text;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    FILE *f = open_file("calls", "", "ae");
    va_list ap;

    if (!f) abort();
    va_start(ap, format);
    vfprintf(f, format, ap);
    va_end(ap);
    fputc('\n', f);
    fclose(f);
}

static int scripted_failure(const char *domain, struct manage_error *err)
{
    char *text = read_file(domain, ".fail"), *rest;

    if (!text) return 0;
    err->outcome = strtol(text, &rest, 10);
    if (*rest == ' ') rest++;
    rest[strcspn(rest, "\n")] = '\0';
    snprintf(err->text, sizeof(err->text), "%s", rest);
    free(text);
    return ERROR_FAIL;
}

/* ---- the contract ---- */

int manage_open(const struct manage_settings *settings, struct manage **m_r,
                struct manage_error *err)
{
    struct manage *m = calloc(1, sizeof(*m));

    (void)err;
    if (!m) abort();
    m->settings = *settings;
    note("open %s", settings->ctx ? "xen" : "no-xen");
    *m_r = m;
    return 0;
}

void manage_close(struct manage *m)
{
    note("close");
    free(m);
}

void manage_view_init(struct manage_view *view)
{
    memset(view, 0, sizeof(*view));
    chain_model_init(&view->chain);
    chain_journal_init(&view->journal);
}

void manage_view_dispose(struct manage_view *view)
{
    free(view->domain);
    chain_model_dispose(&view->chain);
    chain_journal_dispose(&view->journal);
    manage_view_init(view);
}

static void read_chain(const char *domain, const char *text,
                       struct chain_model *model)
{
    chain_tree tree;

    chain_tree_init(&tree);
    if (chain_tree_from_json(NULL, &tree, text)) {
        fprintf(stderr, "fake_manage: %s.chain is bad\n", domain);
        abort();
    }
    if (chain_model_take(model, &tree, NULL)) abort();
    chain_tree_dispose(&tree);
}

int manage_look(struct manage *m, const char *domain,
                struct manage_view *view_r, struct manage_error *err)
{
    char *chain, *journal, *domid;
    int rc;

    (void)m;
    note("look [%s]", domain);
    rc = scripted_failure(domain, err);
    if (rc) return rc;
    chain = read_file(domain, ".chain");
    domid = read_file(domain, ".domid");
    journal = read_file(domain, ".journal");
    if (!chain && !domid) {
        err->outcome = MANAGE_NOT_FOUND;
        snprintf(err->text, sizeof(err->text), "no domain '%s'", domain);
        rc = ERROR_NOTFOUND;
        goto out;
    }
    view_r->domain = strdup(domain);
    if (chain) read_chain(domain, chain, &view_r->chain);
    if (domid && m->settings.ctx) {
        view_r->running = true;
        view_r->domid = strtoul(domid, NULL, 10);
    }
    if (journal) {
        view_r->in_flight = true;
        if (chain_journal_from_json(NULL, &view_r->journal, journal)) abort();
    }
    rc = 0;
out:
    free(chain);
    free(domid);
    free(journal);
    return rc;
}

/* A file "in-use" says by whom. */
int manage_check_unused(struct manage *m, const char *vdev,
                        const chain_image *image, struct manage_error *err)
{
    char *text = read_file("in-use", "");

    (void)m;
    note("check-unused [%s] [%s]", vdev, image->path);
    if (!text) return 0;
    err->outcome = MANAGE_BUSY;
    snprintf(err->text, sizeof(err->text), "disk %s: %s", vdev, text);
    free(text);
    return ERROR_NOT_READY;
}

/* A file "stays-open" says why. */
int manage_close_detached(struct manage *m, const char *domain,
                          struct manage_error *err)
{
    char *text = read_file("stays-open", "");

    (void)m;
    note("close-detached [%s]", domain);
    if (!text) return 0;
    err->outcome = MANAGE_BUSY;
    snprintf(err->text, sizeof(err->text), "%s", text);
    free(text);
    return ERROR_NOT_READY;
}

int manage_list_domains(struct manage *m, char ***names_r, int *num_r,
                        struct manage_error *err)
{
    char *text = read_file("domains", ""), *line, *rest = NULL;
    char **names = calloc(1024, sizeof(*names));
    int num = 0, rc;

    (void)m;
    note("list-domains");
    if (!names) abort();
    rc = scripted_failure("domains", err);
    if (rc) {
        free(names);
        goto out;
    }
    line = text ? strtok_r(text, "\n", &rest) : NULL;
    for (; line; line = strtok_r(NULL, "\n", &rest))
        names[num++] = strdup(line);
    *names_r = names;
    *num_r = num;
out:
    free(text);
    return rc;
}

int manage_sizes(struct manage *m, const struct manage_view *view, bool freed,
                 struct manage_size *sizes, struct manage_error *err)
{
    FILE *f = open_file(view->domain, ".sizes", "re");
    int i, exact, freed_exact;

    (void)m;
    note("sizes [%s]%s", view->domain, freed ? " freed" : "");
    if (!f) return scripted_failure("sizes", err);
    for (i = 0; i < view->chain.tree.num_snapshots; i++) {
        if (fscanf(f, "%" SCNu64 " %d %" SCNu64 " %d", &sizes[i].bytes, &exact,
                   &sizes[i].freed_bytes, &freed_exact) != 4)
            abort();
        sizes[i].exact = exact;
        sizes[i].freed_exact = freed_exact;
    }
    fclose(f);
    return 0;
}

int manage_dump(struct manage *m, const struct manage_view *view,
                const chain_snapshot *snapshot, char **text_r,
                struct manage_error *err)
{
    int rc;

    (void)m;
    note("dump [%s] [%s]", view->domain, snapshot->name);
    rc = scripted_failure("dump", err);
    if (rc) return rc;
    *text_r = read_file(view->domain, ".dump");
    if (!*text_r) abort();
    return 0;
}

static void make_plan(const char *command, const char *domain, char **plan_r)
{
    if (asprintf(plan_r, "{\"command\": \"%s\", \"domain\": \"%s\", "
                 "\"actions\": []}", command, domain) < 0)
        abort();
}

/* "reached POINT" and so on; see above. */
static void follow(const struct manage_settings *settings, char *line)
{
    const struct manage_application *app = &settings->app;
    char *rest = strchr(line, ' ');

    if (!rest) abort();
    *rest++ = '\0';
    if (!strcmp(line, "reached")) {
        app->reached(app->user, rest);
    } else if (!strcmp(line, "progress")) {
        uint64_t bytes = strtoull(rest, &rest, 10);

        app->progress(app->user, bytes, strtoull(rest, NULL, 10));
    } else if (!strcmp(line, "sleep")) {
        usleep(1000 * strtoul(rest, NULL, 10));
    } else if (!strcmp(line, "log")) {
        xtl_log(settings->lg, XTL_ERROR, -1, "libxl", "%s", rest);
    } else if (!strcmp(line, "warn")) {
        app->warn(app->user, rest);
    } else if (!strcmp(line, "restart")) {
        struct manage_memory memory = { NULL, NULL, 0 };
        struct manage_error err;
        uint32_t domid;

        if (!app->watched(app->user, 3) ||
            app->keep_watched(app->user, 3, &err) ||
            app->restore(app->user, &memory, "config", "g", &domid, &err) ||
            domid != 7 ||
            app->start(app->user, "config", "g", &domid, &err) || domid != 8)
            abort();
        note("restarted %s", rest);
    } else if (!strcmp(line, "hook")) {
        char variable[] = "XL_SNAPSHOT_ACTION=check";
        char *variables[] = { variable, NULL };
        struct manage_error err = { MANAGE_OK, "" };

        if (!app->hook(app->user, "g", rest, variables, &err)) abort();
        note("hook: %s", err.text);
    } else {
        abort();
    }
}

static void follow_script(const struct manage_settings *settings)
{
    char *text = read_file("script", ""), *line, *rest = NULL;

    line = text ? strtok_r(text, "\n", &rest) : NULL;
    for (; line; line = strtok_r(NULL, "\n", &rest))
        follow(settings, line);
    free(text);
}

static int ask_for_configuration(struct manage *m, const char *domain,
                                 struct manage_error *err)
{
    char *wanted = read_file("config", ""), *text;
    FILE *f;

    if (!wanted) return 0;
    free(wanted);
    text = m->settings.app.configuration(m->settings.app.user, domain, err);
    if (!text) return ERROR_FAIL;
    f = open_file("config", "", "we");
    if (!f) abort();
    fputs(text, f);
    fclose(f);
    free(text);
    return 0;
}

int manage_create(struct manage *m, const struct manage_create *args,
                  chain_snapshot *snapshot_r, char **plan_r,
                  struct manage_error *err)
{
    char *created;
    int i, rc;

    note("create [%s] [%s] [%s]%s%s%s%s%s%s", args->domain,
         args->name ? args->name : "", args->description ? args->description
         : "", args->disk_only ? " disk-only" : "",
         args->external ? " external" : "", args->num_specs ? " specs" : "",
         args->quiesce ? " quiesce" : "", args->memory_sha256 ? " sha256" : "",
         args->dry_run ? " dry-run" : "");
    for (i = 0; i < args->num_specs; i++)
        note("spec [%s] %d [%s] %d%s", args->specs[i].vdev,
             args->specs[i].kind, args->specs[i].file ? args->specs[i].file
             : args->specs[i].hook ? args->specs[i].hook : "",
             args->specs[i].format, args->specs[i].reuse ? " reuse" : "");
    if (args->memory_buffer || args->memory_level || args->pause_budget_ms)
        note("memory %llu %d budget %u",
             (unsigned long long)args->memory_buffer, args->memory_level,
             args->pause_budget_ms);
    if (args->quiesce_timeout_ms)
        note("wait %u ms", args->quiesce_timeout_ms);
    rc = ask_for_configuration(m, args->domain, err);
    if (rc) return rc;
    if (!args->dry_run)
        m->settings.app.guard(m->settings.app.user, args->domain);
    follow_script(&m->settings);
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run) {
        make_plan("snapshot-create", args->domain, plan_r);
        return 0;
    }
    created = read_file("created", "");
    if (!created) abort();
    chain_snapshot_dispose(snapshot_r);
    if (chain_snapshot_from_json(NULL, snapshot_r, created)) abort();
    free(created);
    note("created");
    return 0;
}

static char *word_or_null(const char *word)
{
    return strcmp(word, "-") ? strdup(word) : NULL;
}

static void read_losses(const char *domain, struct manage_losses *losses)
{
    FILE *f = open_file(domain, ".lost", "re");
    char kind[32], vdev[32], path[128], bytes[32], since[64], when[32];
    struct manage_loss *loss;

    if (!f) return;
    losses->list = calloc(16, sizeof(*losses->list));
    while (losses->num < 16 &&
           fscanf(f, "%31s %31s %127s %31s %63s %31s", kind, vdev, path, bytes,
                  since, when) == 6) {
        loss = &losses->list[losses->num++];
        while (strcmp(kind, manage_loss_kind_to_string(loss->kind)))
            loss->kind++;
        loss->vdev = word_or_null(vdev);
        loss->path = word_or_null(path);
        loss->bytes_known = strcmp(bytes, "-");
        loss->bytes = strtoull(bytes, NULL, 10);
        loss->since = word_or_null(since);
        loss->since_time = strtoull(when, NULL, 10);
    }
    fclose(f);
}

static void note_wish(const struct manage_clock_wish *wish)
{
    if (!wish->set)
        note("clock: not to be set");
    else if (wish->timeout_ms)
        note("clock: within %u ms", wish->timeout_ms);
}

static void read_clock(const char *domain, struct manage_clock *clock)
{
    FILE *f = open_file(domain, ".clock", "re");
    char before[32], after[32], problem[128];
    int follows, agent;

    if (!f) return;
    if (fscanf(f, "%" SCNu64 " %d %d %31s %31s %127[^\n]", &clock->age_s,
               &follows, &agent, before, after, problem) != 6)
        abort();
    fclose(f);
    clock->stopped = true;
    clock->taken = 1795207530;
    clock->follows = follows;
    clock->agent = (enum manage_clock_agent)agent;
    clock->told = strcmp(before, "-");
    clock->before_ms = strtoll(before, NULL, 10);
    clock->after_ms = strtoll(after, NULL, 10);
    clock->problem = word_or_null(problem);
}

int manage_revert_losses(struct manage *m, const struct manage_revert *args,
                         struct manage_losses *losses_r,
                         struct manage_error *err)
{
    int rc;

    (void)m;
    note("losses [%s] [%s]", args->domain, args->name);
    rc = scripted_failure(args->domain, err);
    if (!rc) read_losses(args->domain, losses_r);
    return rc;
}

int manage_revert(struct manage *m, const struct manage_revert *args,
                  struct manage_revert_result *result_r, char **plan_r,
                  struct manage_error *err)
{
    int rc;

    (void)m;
    note("revert [%s] [%s] %s%s%s", args->domain, args->name,
         chain_domain_state_to_string(args->state),
         args->undo ? " undo" : "",
         args->dry_run ? " dry-run" : "");
    note_wish(&args->clock);
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run) {
        make_plan("snapshot-revert", args->domain, plan_r);
        return 0;
    }
    result_r->state = args->state != CHAIN_DOMAIN_STATE_UNKNOWN
                      ? args->state : CHAIN_DOMAIN_STATE_RUNNING;
    result_r->domid = 9;
    if (args->undo)
        result_r->undo = strdup("undo-1");
    else
        read_losses(args->domain, &result_r->lost);
    read_clock(args->domain, &result_r->clock);
    return 0;
}

int manage_delete(struct manage *m, const struct manage_delete *args,
                  struct manage_delete_result *result_r, char **plan_r,
                  struct manage_error *err)
{
    int rc;

    (void)m;
    note("delete [%s] [%s]%s%s%s%s%s%s", args->domain, args->name,
         args->children ? " children" : "",
         args->children_only ? " children-only" : "",
         args->metadata ? " metadata" : "",
         args->leaf_only ? " leaf-only" : "",
         args->merge_now ? " merge-now" : "",
         args->dry_run ? " dry-run" : "");
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run)
        make_plan("snapshot-delete", args->domain, plan_r);
    else
        result_r->deleted = args->children ? 3 : args->children_only ? 2 : 1;
    return 0;
}

int manage_rename(struct manage *m, const char *domain, const char *name,
                  const char *new_name, bool dry_run, char **plan_r,
                  struct manage_error *err)
{
    int rc;

    (void)m;
    note("rename [%s] [%s] [%s]%s", domain, name, new_name,
         dry_run ? " dry-run" : "");
    rc = scripted_failure(domain, err);
    if (rc) return rc;
    if (dry_run) make_plan("snapshot-rename", domain, plan_r);
    return 0;
}

/* ---- what comes from elsewhere and goes there ---- */

void manage_redefined_init(struct manage_redefined *redefined)
{
    memset(redefined, 0, sizeof(*redefined));
}

void manage_redefined_dispose(struct manage_redefined *redefined)
{
    int i;

    for (i = 0; i < redefined->num; i++) free(redefined->names[i]);
    free(redefined->names);
    manage_redefined_init(redefined);
}

static void two_names(struct manage_redefined *redefined_r)
{
    redefined_r->names = calloc(2, sizeof(*redefined_r->names));
    redefined_r->names[0] = strdup("a");
    redefined_r->names[1] = strdup("b");
    redefined_r->num = 2;
}

/* A failure comes after two of them. */
int manage_redefine(struct manage *m, const struct manage_redefine *args,
                    struct manage_redefined *redefined_r, char **plan_r,
                    struct manage_error *err)
{
    int rc;

    (void)m;
    note("redefine [%s] [%.*s] [%s]%s%s%s%s", args->domain, (int)args->len,
         args->text, args->memory ? args->memory : "",
         args->update ? " update" : "", args->current ? " current" : "",
         args->without_memory ? " disk-only" : "",
         args->dry_run ? " dry-run" : "");
    rc = scripted_failure(args->domain, err);
    if (args->dry_run)
        make_plan("snapshot-redefine", args->domain, plan_r);
    else
        two_names(redefined_r);
    redefined_r->kept = 1;
    return rc;
}

int manage_adopt(struct manage *m, const struct manage_adopt *args,
                 struct manage_redefined *adopted_r, char **plan_r,
                 struct manage_error *err)
{
    int i, rc;

    (void)m;
    note("adopt [%s] [%s]%s%s", args->domain, args->parent ? args->parent : "",
         args->current ? " current" : "", args->dry_run ? " dry-run" : "");
    for (i = 0; i < args->num_names; i++) note("name [%s]", args->names[i]);
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run)
        make_plan("snapshot-adopt", args->domain, plan_r);
    else
        two_names(adopted_r);
    return 0;
}

int manage_export(struct manage *m, const struct manage_export *args,
                  char **plan_r, struct manage_error *err)
{
    int rc;

    (void)m;
    note("export [%s] [%s] [%s] [%s] [%s]%s%s", args->domain, args->name,
         args->path ? args->path : "", args->compress ? args->compress : "",
         args->work_dir ? args->work_dir : "", args->xl_image ? " xl" : "",
         args->dry_run ? " dry-run" : "");
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run)
        make_plan("snapshot-export", args->domain, plan_r);
    else if (!args->path && write(args->fd, "stream", 6) != 6)
        abort();
    return 0;
}

void manage_imported_init(struct manage_imported *imported)
{
    imported->domain = NULL;
    chain_snapshot_init(&imported->snapshot);
}

void manage_imported_dispose(struct manage_imported *imported)
{
    free(imported->domain);
    chain_snapshot_dispose(&imported->snapshot);
    manage_imported_init(imported);
}

int manage_import(struct manage *m, const struct manage_import *args,
                  struct manage_imported *imported_r, char **plan_r,
                  struct manage_error *err)
{
    char text[16] = "", *created;
    int rc;

    (void)m;
    if (read(args->fd, text, sizeof(text) - 1) < 0) abort();
    note("import [%s] [%s] [%s] [%s]%s", text, args->domain ? args->domain
         : "", args->name ? args->name : "", args->dir ? args->dir : "",
         args->dry_run ? " dry-run" : "");
    rc = scripted_failure("import", err);
    if (rc) return rc;
    if (args->dry_run) {
        make_plan("snapshot-import", "h", plan_r);
        return 0;
    }
    created = read_file("created", "");
    if (!created) abort();
    chain_snapshot_dispose(&imported_r->snapshot);
    if (chain_snapshot_from_json(NULL, &imported_r->snapshot, created)) abort();
    imported_r->domain = strdup("h");
    free(created);
    return 0;
}

void manage_clone_result_init(struct manage_clone_result *result)
{
    memset(result, 0, sizeof(*result));
}

void manage_clone_result_dispose(struct manage_clone_result *result)
{
    int i;

    for (i = 0; i < result->num_disks; i++) {
        free(result->disks[i].vdev);
        free(result->disks[i].path);
        free(result->disks[i].base);
    }
    free(result->disks);
    free(result->note);
}

/* Of two disks, one of them copied; DOMAIN.note: what is noted. */
int manage_clone(struct manage *m, const struct manage_clone *args,
                 struct manage_clone_result *result_r, char **plan_r,
                 struct manage_error *err)
{
    const char *state = chain_domain_state_to_string(args->state);
    int rc;

    (void)m;
    note("clone [%s] [%s] [%s] [%s] %s%s", args->domain, args->name,
         args->clone, args->dir ? args->dir : "", state,
         args->dry_run ? " dry-run" : "");
    note_wish(&args->clock);
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    if (args->dry_run) {
        make_plan("snapshot-clone", args->domain, plan_r);
        return 0;
    }
    strcpy(result_r->uuid, "11111111-2222-3333-4444-555555555555");
    result_r->state = args->state == CHAIN_DOMAIN_STATE_UNKNOWN
        ? CHAIN_DOMAIN_STATE_RUNNING : args->state;
    result_r->domid = 7;
    result_r->disks = calloc(2, sizeof(*result_r->disks));
    result_r->num_disks = 2;
    result_r->disks[0].vdev = strdup("xvda");
    result_r->disks[0].path = strdup("/i/new-xvda.qcow2");
    result_r->disks[0].base = strdup("/i/old.qcow2");
    result_r->disks[1].vdev = strdup("xvdb");
    result_r->disks[1].path = strdup("/i/new-xvdb.qcow2");
    result_r->note = read_file(args->domain, ".note");
    read_clock(args->domain, &result_r->clock);
    return 0;
}

int manage_thaw(struct manage *m, const char *domain, uint32_t timeout_ms,
                struct manage_error *err)
{
    (void)m;
    note("thaw [%s] %u ms", domain, timeout_ms);
    return scripted_failure(domain, err);
}

/* ---- block jobs ---- */

void manage_block_chain_init(struct manage_block_chain *chain)
{
    memset(chain, 0, sizeof(*chain));
}

void manage_block_chain_dispose(struct manage_block_chain *chain)
{
    free(chain->images);
    manage_block_chain_init(chain);
}

int manage_block_chain(struct manage *m, const char *domain, const char *vdev,
                       struct manage_block_chain *chain_r,
                       struct manage_error *err)
{
    int rc = scripted_failure(domain, err);

    (void)m;
    (void)vdev;
    if (rc) return rc;
    chain_r->num = 2;
    chain_r->images = calloc(2, sizeof(*chain_r->images));
    if (!chain_r->images) abort();
    chain_r->images[0].path = (char *)"/top";
    chain_r->images[0].format = LIBXL_DISK_FORMAT_QCOW2;
    chain_r->images[1].path = (char *)"/below";
    chain_r->images[1].format = LIBXL_DISK_FORMAT_RAW;
    chain_r->images[1].snapshot = (char *)"S";
    return 0;
}

int manage_block_pull(struct manage *m, const struct manage_block_pull *args,
                      char **plan_r, struct manage_error *err)
{
    int rc = scripted_failure(args->domain, err);

    (void)m;
    if (rc) return rc;
    note("pull [%s] [%s] [%s] %" PRIu64 "%s", args->domain, args->vdev,
         args->base ? args->base : "", args->bandwidth,
         args->dry_run ? " dry-run" : "");
    if (args->dry_run) make_plan("block-pull", args->domain, plan_r);
    return 0;
}

/* Each line of DOMAIN.job to see, if there is somebody; the last one stays. */
static int look_at_job(const char *domain, const struct manage_block_wait *wait,
                       libxl_disk_job_info *info_r, struct manage_error *err)
{
    char *text, *line, *rest, status[32], error[64];
    int rc = scripted_failure(domain, err);

    if (rc) return rc;
    text = read_file(domain, ".job");
    for (line = text; line && *line; line = rest) {
        rest = line + strcspn(line, "\n");
        if (*rest) *rest++ = '\0';
        error[0] = '\0';
        libxl_disk_job_info_dispose(info_r);
        if (sscanf(line, "%31s %" SCNu64 " %" SCNu64 " %63[^\n]", status,
                   &info_r->current, &info_r->end, error) < 3 ||
            libxl_disk_job_status_from_string(status, &info_r->status))
            abort();
        info_r->kind = LIBXL_DISK_JOB_KIND_PULL;
        if (error[0]) info_r->error = strdup(error);
        if (wait && wait->show) wait->show(wait->user, info_r);
    }
    free(text);
    return 0;
}

int manage_block_job_look(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err)
{
    (void)m;
    note("job look [%s] [%s]", domain, vdev);
    return look_at_job(domain, NULL, info_r, err);
}

int manage_block_job_info(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err)
{
    (void)m;
    note("job info [%s] [%s]", domain, vdev);
    return look_at_job(domain, NULL, info_r, err);
}

int manage_block_job_abort(struct manage *m, const char *domain,
                           const char *vdev, libxl_disk_job_info *info_r,
                           struct manage_error *err)
{
    (void)m;
    note("job abort [%s] [%s]", domain, vdev);
    return look_at_job(domain, NULL, info_r, err);
}

int manage_block_job_speed(struct manage *m, const char *domain,
                           const char *vdev, uint64_t bandwidth,
                           struct manage_error *err)
{
    (void)m;
    note("job speed [%s] [%s] %" PRIu64, domain, vdev, bandwidth);
    return scripted_failure(domain, err);
}

int manage_block_job_wait(struct manage *m, const struct manage_block_wait *args,
                          libxl_disk_job_info *info_r, struct manage_error *err)
{
    (void)m;
    note("wait [%s] [%s] %u ms%s", args->domain, args->vdev, args->timeout_ms,
         args->detach ? " detach" : "");
    return look_at_job(args->domain, args, info_r, err);
}

/* DOMAIN.verified: a name, and what is wrong with it, if anything, in a line. */
int manage_verify(struct manage *m, const char *domain, const char *name,
                  struct manage_verified **list_r, int *num_r,
                  struct manage_error *err)
{
    char *text, *line, *rest;
    int rc, num = 0;

    (void)m;
    note("verify [%s] [%s]", domain, name ? name : "");
    rc = scripted_failure(domain, err);
    if (rc) return rc;
    text = read_file(domain, ".verified");
    *list_r = calloc(8, sizeof(**list_r));
    for (line = text; line && *line && num < 8; line = rest) {
        struct manage_verified *v = &(*list_r)[num++];
        char *blank;

        rest = line + strcspn(line, "\n");
        if (*rest) *rest++ = '\0';
        blank = strchr(line, ' ');
        if (blank) *blank = '\0';
        v->name = strdup(line);
        v->problem = blank ? strdup(blank + 1) : NULL;
        v->memory = line[0] != 'x';
        v->bytes = 5 << 20;
    }
    free(text);
    *num_r = num;
    return 0;
}

void manage_verified_free(struct manage_verified *list, int num)
{
    int i;

    for (i = 0; i < num; i++) {
        free(list[i].name);
        free(list[i].problem);
    }
    free(list);
}

void manage_difference_init(struct manage_difference *difference)
{
    memset(difference, 0, sizeof(*difference));
}

void manage_difference_dispose(struct manage_difference *difference)
{
    int i;

    free(difference->memory.problem);
    for (i = 0; i < difference->num_disks; i++) {
        free(difference->disks[i].vdev);
        free(difference->disks[i].path_a);
        free(difference->disks[i].path_b);
        free(difference->disks[i].problem);
    }
    free(difference->disks);
    for (i = 0; i < difference->num_config; i++) {
        free(difference->config[i].key);
        free(difference->config[i].a);
        free(difference->config[i].b);
    }
    free(difference->config);
}

static void fake_config(struct manage_difference *d)
{
    d->config = calloc(3, sizeof(*d->config));
    d->num_config = 3;
    d->config[0].key = strdup("b_info.max_memkb");
    d->config[0].a = strdup("1024");
    d->config[0].b = strdup("2048");
    d->config[1].key = strdup("b_info.new");
    d->config[1].b = strdup("a\x1b");
    d->config[2].key = strdup("b_info.old");
    d->config[2].a = strdup("b");
}

/* Two disks, and one that was not compared: with DOMAIN.problem that has
 * failed, and the memory was not compared either. */
int manage_diff(struct manage *m, const struct manage_diff *args,
                struct manage_difference *difference_r,
                struct manage_error *err)
{
    static const char *const vdevs[] = { "xvda", "xvdb", "xvdc" };
    struct manage_difference *d = difference_r;
    char *problem;
    int i, rc;

    (void)m;
    note("diff [%s] [%s] [%s]", args->domain, args->a, args->b ? args->b : "");
    rc = scripted_failure(args->domain, err);
    if (rc) return rc;
    problem = read_file(args->domain, ".problem");
    d->memory.problem = problem ? strdup("it has none") : NULL;
    if (!problem)
        d->memory.pages = (libxl_memory_comparison){
            .pages_a = 65536, .pages_b = 65536 + 256, .changed = 512,
            .only_b = 256, .zero_a = 7, .zero_b = 8,
        };
    d->disks = calloc(3, sizeof(*d->disks));
    d->num_disks = 3;
    for (i = 0; i < 3; i++) {
        d->disks[i].vdev = strdup(vdevs[i]);
        d->disks[i].path_a = strdup("/i/a.qcow2");
        d->disks[i].path_b = strdup("/i/b.qcow2");
        d->disks[i].bytes = (libxl_disk_comparison){
            .bytes_a = 1 << 20, .bytes_b = (uint64_t)1 << (20 + i),
            .changed_bytes = i ? 8192 : 0, .read_bytes = 65536,
        };
    }
    d->disks[2].problem = problem ? problem : strdup("a hook has it");
    d->disks[2].failed = problem != NULL;
    if (args->b) fake_config(d);
    return 0;
}

int manage_recover(struct manage *m, const char *domain, char **report_r,
                   struct manage_error *err)
{
    int rc;

    (void)m;
    note("recover [%s]", domain);
    rc = scripted_failure(domain, err);
    if (rc) return rc;
    *report_r = read_file(domain, ".report");
    if (!*report_r) *report_r = strdup("");
    return 0;
}

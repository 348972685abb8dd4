/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "xl/command.h"
#include "xl/output.h"

void command_error_init(struct manage_error *err)
{
    err->outcome = MANAGE_OK;
    err->text[0] = '\0';
}

void command_error_complete(struct manage_error *err)
{
    if (err->outcome == MANAGE_OK) err->outcome = MANAGE_FAILED;
    if (!err->text[0])
        snprintf(err->text, sizeof(err->text), "failed, for no known reason");
}

int command_end(struct xl_app *app, int rc, struct manage_error *err,
                enum manage_outcome outcome)
{
    if (rc) {
        command_error_complete(err);
        output_error(app, err);
        outcome = err->outcome;
    }
    app_close(app);
    return output_finish(app, outcome);
}

int command_print_plan(char *plan, struct manage_error *err)
{
    bool ok = plan && output_json(plan);

    free(plan);
    if (ok) return 0;
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "out of memory for the plan");
    return ERROR_NOMEM;
}

enum manage_outcome command_remark(const struct xl_app *app,
                                   const struct manage_view *view)
{
    if (view->in_flight)
        output_note(app, "a snapshot-%s of domain '%s' was interrupted: run "
                    "xl snapshot-recover %s", output_verb(view->journal.verb),
                    view->domain, view->domain);
    if (!view->chain.damaged) return MANAGE_OK;
    output_note(app, "the chain of domain '%s' is damaged: %s", view->domain,
                view->chain.damaged);
    return MANAGE_DAMAGED;
}

const chain_snapshot *command_find(const struct manage_view *view,
                                   const char *name, struct manage_error *err)
{
    const chain_snapshot *found = chain_model_by_name(&view->chain, name);

    if (found) return found;
    err->outcome = MANAGE_NOT_FOUND;
    snprintf(err->text, sizeof(err->text), "domain '%s' has no snapshot '%s' "
             "(xl snapshot-list %s shows those it has)", view->domain, name,
             view->domain);
    return NULL;
}

const chain_snapshot *command_find_current(const struct manage_view *view,
                                           struct manage_error *err)
{
    const chain_snapshot *found = chain_model_current(&view->chain);

    if (found) return found;
    err->outcome = MANAGE_NOT_FOUND;
    snprintf(err->text, sizeof(err->text), "the present state of domain '%s' "
             "descends from no snapshot", view->domain);
    return NULL;
}

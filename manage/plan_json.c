/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "manage/internal.h"
#include "manage/predict.h"

int plan_begin(struct plan_writer *plan, const char *command,
               struct operation *op)
{
    if (xjson_writer_alloc(true, &plan->w)) return manage_fail_nomem(op->err);
    xjson_write_object(plan->w);
    xjson_write_member_string(plan->w, "command", command);
    xjson_write_member_string(plan->w, "domain", op->domain);
    if (op->running) xjson_write_member_uint(plan->w, "domid", op->domid);
    xjson_write_name(plan->w, "actions");
    xjson_write_array(plan->w);
    plan->in_actions = true;
    return 0;
}

void plan_step(struct plan_writer *plan, const char *action,
               const char *vdev, const char *target)
{
    xjson_write_object(plan->w);
    xjson_write_member_string(plan->w, "action", action);
    if (vdev) xjson_write_member_string(plan->w, "vdev", vdev);
    if (target) xjson_write_member_string(plan->w, "target", target);
    xjson_write_object_end(plan->w);
}

static void member(struct plan_writer *plan, const char *name, const char *s)
{
    if (s) xjson_write_member_string(plan->w, name, s);
}

void plan_library_steps(struct plan_writer *plan,
                        const libxl_snapshot_plan *steps)
{
    int i;

    for (i = 0; i < steps->num_actions; i++) {
        const libxl_snapshot_action *a = &steps->actions[i];

        xjson_write_object(plan->w);
        member(plan, "action", libxl_snapshot_action_type_to_string(a->type));
        member(plan, "vdev", a->vdev);
        member(plan, "target", a->path);
        member(plan, "node", a->node);
        member(plan, "name", a->name);
        member(plan, "id", a->id);
        xjson_write_object_end(plan->w);
    }
}

void plan_end_actions(struct plan_writer *plan)
{
    if (plan->in_actions) xjson_write_array_end(plan->w);
    plan->in_actions = false;
}

static void write_volumes(xjson_writer *w, const struct prediction *p)
{
    size_t i;

    xjson_write_name(w, "volumes");
    xjson_write_array(w);
    for (i = 0; i < p->num_volumes; i++) {
        const struct predicted_volume *v = &p->volumes[i];

        xjson_write_object(w);
        xjson_write_member_string(w, "path", v->path);
        xjson_write_member_uint(w, "bytes", v->hard);
        xjson_write_member_uint(w, "at_most_bytes", v->most);
        xjson_write_member_uint(w, "free_bytes", v->free);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
}

static void write_needs(xjson_writer *w, const struct prediction *p)
{
    size_t i;

    xjson_write_name(w, "writes");
    xjson_write_array(w);
    for (i = 0; i < p->num_needs; i++) {
        const struct predicted_need *need = &p->needs[i];

        xjson_write_object(w);
        xjson_write_member_string(w, "what", need->what);
        xjson_write_member_string(w, "path", need->path);
        xjson_write_member_uint(w, "bytes", need->bytes);
        xjson_write_member_bool(w, "at_most", !need->hard);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
}

void plan_predicted(struct plan_writer *plan, const struct prediction *p)
{
    xjson_writer *w = plan->w;

    plan_end_actions(plan);
    xjson_write_name(w, "predicted");
    xjson_write_object(w);
    write_volumes(w, p);
    write_needs(w, p);
    xjson_write_name(w, "pause_ms");
    if (p->pause_from == PAUSE_NONE)
        xjson_write_null(w);
    else
        xjson_write_uint(w, p->pause_us / 1000 + (p->pause_us % 1000 != 0));
    xjson_write_member_string(w, "pause_from", p->pause_from == PAUSE_NONE
                              ? NULL : p->pause_from == PAUSE_MEASURED
                              ? "measured" : "estimated");
    xjson_write_object_end(w);
}

int plan_end(struct plan_writer *plan, char **text_r, struct manage_error *err)
{
    int rc;

    plan_end_actions(plan);
    xjson_write_object_end(plan->w);
    rc = xjson_writer_finish(plan->w, text_r, NULL);
    xjson_writer_free(plan->w);
    plan->w = NULL;
    return rc ? manage_fail(err, MANAGE_FAILED, "cannot write the plan as"
                            " JSON; a path is not UTF-8") : 0;
}

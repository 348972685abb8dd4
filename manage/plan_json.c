/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "manage/internal.h"

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

int plan_end(struct plan_writer *plan, char **text_r, struct manage_error *err)
{
    int rc;

    xjson_write_array_end(plan->w);
    xjson_write_object_end(plan->w);
    rc = xjson_writer_finish(plan->w, text_r, NULL);
    xjson_writer_free(plan->w);
    plan->w = NULL;
    return rc ? manage_fail(err, MANAGE_FAILED, "cannot write the plan as"
                            " JSON; a path is not UTF-8") : 0;
}

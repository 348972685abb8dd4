/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "libxl/image_info.h"
#include "libxl/qmp_transaction.h"

struct transaction {
    const struct qmp_transaction_action *actions;
    size_t num;
};

static const char *type_name(enum qmp_transaction_type type)
{
    switch (type) {
    case QMP_TRANSACTION_SNAPSHOT: return "blockdev-snapshot-internal-sync";
    case QMP_TRANSACTION_OVERLAY: return "blockdev-snapshot";
    case QMP_TRANSACTION_BITMAP_ADD: return "block-dirty-bitmap-add";
    }
    return "abort";
}

static void write_data(xjson_writer *w,
                       const struct qmp_transaction_action *action)
{
    switch (action->type) {
    case QMP_TRANSACTION_SNAPSHOT:
        xjson_write_member_string(w, "device", action->node);
        xjson_write_member_string(w, "name", action->name);
        break;
    case QMP_TRANSACTION_OVERLAY:
        xjson_write_member_string(w, "node", action->node);
        xjson_write_member_string(w, "overlay", action->overlay);
        break;
    case QMP_TRANSACTION_BITMAP_ADD:
        xjson_write_member_string(w, "node", action->node);
        xjson_write_member_string(w, "name", action->name);
        xjson_write_member_uint(w, "granularity", action->granularity);
        xjson_write_member_bool(w, "persistent", true);
        break;
    }
}

static void write_transaction(xjson_writer *w, const void *user)
{
    const struct transaction *transaction = user;
    size_t i;

    xjson_write_name(w, "actions");
    xjson_write_array(w);
    for (i = 0; i < transaction->num; i++) {
        xjson_write_object(w);
        xjson_write_member_string(w, "type",
                                  type_name(transaction->actions[i].type));
        xjson_write_name(w, "data");
        xjson_write_object(w);
        write_data(w, &transaction->actions[i]);
        xjson_write_object_end(w);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
}

static int check_name(const char *name, struct diag *diag)
{
    if (image_snapshot_name_is_valid(name)) return 0;
    diag_set(diag, "\"%s\" cannot be a disk snapshot's name: it needs a letter, "
             "then up to %d letters, digits, dots, dashes or underscores", name,
             IMAGE_SNAPSHOT_NAME_MAX - 1);
    return ERROR_INVAL;
}

int qmp_transaction(struct qmp_client *client,
                    const struct qmp_transaction_action *actions,
                    size_t num_actions, deadline by, struct diag *diag)
{
    const struct transaction transaction = { actions, num_actions };
    size_t i;
    int rc;

    for (i = 0; i < num_actions; i++) {
        if (actions[i].type != QMP_TRANSACTION_SNAPSHOT) continue;
        rc = check_name(actions[i].name, diag);
        if (rc) return rc;
    }
    return qmp_client_execute(client, "transaction", write_transaction,
                              &transaction, by, NULL, diag);
}

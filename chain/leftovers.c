/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/model.h"

static int refuse_damaged(const struct chain_model *model,
                          struct chain_error *err)
{
    if (!model->damaged) return 0;
    return chain_error_set(err, ERROR_BADFAIL, "the chain is damaged: %s",
                           model->damaged);
}

int chain_model_add_leftover(struct chain_model *model, const chain_disk *disk,
                             struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    chain_disk *grown;
    int rc;

    rc = refuse_damaged(model, err);
    if (rc) return rc;
    grown = realloc(tree->leftovers,
                    (tree->num_leftovers + 1) * sizeof(*grown));
    if (!grown) return chain_error_set_nomem(err);
    tree->leftovers = grown;
    chain_disk_init(&grown[tree->num_leftovers]);
    if (chain_disk_copy(NULL, &grown[tree->num_leftovers], disk)) {
        chain_disk_dispose(&grown[tree->num_leftovers]);
        return chain_error_set_nomem(err);
    }
    tree->num_leftovers++;
    return 0;
}

int chain_model_remove_leftover(struct chain_model *model, int index,
                                struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    int rc;

    rc = refuse_damaged(model, err);
    if (rc) return rc;
    if (index < 0 || index >= tree->num_leftovers)
        return chain_error_set(err, ERROR_INVAL, "there is no leftover %d",
                               index);
    chain_disk_dispose(&tree->leftovers[index]);
    memmove(&tree->leftovers[index], &tree->leftovers[index + 1],
            (tree->num_leftovers - index - 1) * sizeof(*tree->leftovers));
    tree->num_leftovers--;
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that people give, checked before they become paths, arguments of
 * qemu-img or entries of an image's snapshot table; and names made for them.
 */
#ifndef CHAIN_NAME_H
#define CHAIN_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "chain/error.h"
#include "chain/model.h"

#define CHAIN_NAME_MAX 100u             /* bytes */
#define CHAIN_DOMAIN_NAME_MAX 200u      /* bytes; a directory name */
#define CHAIN_DESCRIPTION_MAX 4096u     /* bytes */

/* A snapshot's name: [A-Za-z][A-Za-z0-9._-]{0,99}. ERROR_INVAL says which
 * rule is broken. */
int chain_name_check(const char *name, struct chain_error *err);

/* A domain's name as the name of its directory: UTF-8 without control
 * characters, no '/', no '.' in front, neither empty nor too long. */
int chain_domain_name_check(const char *domain, struct chain_error *err);

/* UTF-8 in which the only control characters are newline and tab. */
int chain_description_check(const char *text, struct chain_error *err);

/*
 * "snapshot-20261120-204530", from now, with "-2", "-3" ... when the chain
 * has it already. In UTC, so that the names sort as they were made whatever
 * happens to dom0's time zone. *name_r is malloc'd.
 */
int chain_name_default(const struct chain_model *model, time_t now,
                       char **name_r, struct chain_error *err);

/*
 * A name for the disk snapshots of a new snapshot called name: name itself,
 * or name-2, name-3 ..., shortened to stay within CHAIN_NAME_MAX, such that
 * no disk of any snapshot in the chain has a handle of that name and it is
 * not one of further[] (names the images hold already; may be NULL with 0).
 * A snapshot's name and its handles' name part ways after a rename.
 */
int chain_name_handle(const struct chain_model *model, const char *name,
                      const char *const *further, size_t num_further,
                      char **handle_r, struct chain_error *err);

#endif

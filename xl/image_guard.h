/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May a disk be given this image to write to? Decided from one domain's chain
 * and from which file a path means; nothing is changed.
 */
#ifndef XL_IMAGE_GUARD_H
#define XL_IMAGE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/model.h"

/*
 * Why path must not be written, as the end of a sentence that begins with
 * "its image PATH ": it is frozen, or no disk of the domain has it any more.
 * False: this chain has nothing against it.
 */
bool image_guard_refuses(const struct chain_model *model, const char *path,
                         char *text, size_t len);

/* Do both paths mean the same file? Two that are equal do, there or not. */
bool image_guard_same(const char *a, const char *b);

#endif

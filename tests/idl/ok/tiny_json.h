/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON in and out; private.
 * Made from tiny.idl by idl/idlc.py: do not edit.
 */
#ifndef TINY_JSON_H
#define TINY_JSON_H

#include "libxl/json.h"
#include "tiny.h"

#pragma GCC visibility push(hidden)

int tiny_kind_gen_json(xjson_writer *w, const tiny_kind *p);
int tiny_kind_parse_json(const xjson *v, tiny_kind *p,
                         struct xjson_error *err);

int tiny_item_gen_json(xjson_writer *w, const tiny_item *p);
int tiny_item_parse_json(const xjson *v, tiny_item *p,
                         struct xjson_error *err);

#pragma GCC visibility pop

#endif

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The .c file: everything that the headers declare."""

from . import emit_enum, emit_json, emit_life
from .code import Code, banner


def source(schema, options):
    c = Code()
    c(*banner(schema, 'Functions of the types.'))
    c('#include <stdlib.h>', '#include <string.h>', '',
      '#include "idl/runtime.h"', '#include "%s"' % options.json_name, '')
    used = used_types(schema)
    for ty in schema.types:
        if not ty.ours and ty in used:
            c.append(emit_json.emit_foreign_helper(ty))
    for ty in signed_claims(schema, used):
        c('_Static_assert(%s((%s)-1 < (%s)1), "%s is %ssigned");'
          % ('' if ty.signed else '!', ty.typename, ty.typename, ty.typename,
             'not ' if ty.signed else ''))
    c()
    for ty in schema.ours:
        if ty.kind == 'enum':
            c.append(emit_enum.emit_enum(ty))
        else:
            c.append(emit_life.emit_life(ty))
            c.append(emit_json.emit_json(ty, options.lenient))
    return c.text()


def used_types(schema):
    """Types whose JSON a struct of ours reads, directly or by its parts."""
    used = set()

    def visit(ty):
        for f in ty.fields:
            if f.type is None or not (ty.kind == 'keyed' or f.in_json):
                continue
            if f.type.kind == 'keyed' or f.type.kind == 'struct' and \
               f.type.typename is None:
                visit(f.type)
            elif f.type.kind == 'array':
                used.add(f.type.elem)
            else:
                used.add(f.type)
    for ty in schema.ours:
        if ty.kind == 'struct' and ty.json_parse_fn and ty.auto_json: visit(ty)
    return used


def signed_claims(schema, used):
    """Numbers of which only the schema says whether they have a sign."""
    seen = {}
    for ty in used:
        if ty.kind == 'number' and ty.line and not hasattr(ty, 'width'):
            seen[ty.typename] = ty
    return [seen[name] for name in sorted(seen)]

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The names of an enumeration's values, and its JSON."""

from .code import Code, c_string
from .emit_json import emit_enum_parse, emit_from_json, emit_to_json
from .emit_types import gen_head, parse_head


def emit_enum(ty):
    c = Code()
    c('const char *%s_to_string(%s e)' % (ty.typename, ty.typename))
    c.open('{')
    c('switch (e) {')
    for v in ty.values:
        c('case %s: return %s;' % (v.cname, c_string(v.string)))
    c('}', 'return NULL;')
    c.close()
    c()
    c('int %s_from_string(const char *s, %s *e)' % (ty.typename, ty.typename))
    c.open('{')
    c.open('static const struct xidl_enum_value values[] = {')
    for v in ty.values: c('{ %s, %s },' % (c_string(v.string), v.cname))
    c('{ NULL, 0 }')
    c.close('};')
    c('int n, rc;', '',
      'rc = xidl_enum_from_string(values, s, &n);',
      'if (!rc) *e = (%s)n;' % ty.typename,
      'return rc;')
    c.close()
    c()
    if ty.json_gen_fn and ty.auto_json:
        c(gen_head(ty))
        c.open('{')
        c('return xidl_write_enum(w, %s_to_string(*p));' % ty.typename)
        c.close()
        c()
    if ty.json_parse_fn and ty.auto_json: emit_enum_parse(c, ty, parse_head(ty))
    if ty.json_gen_fn: emit_to_json(c, ty)
    if ty.json_parse_fn: emit_from_json(c, ty)
    return c

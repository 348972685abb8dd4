# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A stand-in for the header that declares a schema's builtins, with which what
is made of the schema can be compiled (not linked) without that header. It
declares each function in the shape that our runtime calls.
"""

import re

from .code import Code, banner
from .emit_types import by_passby, reference
from .model import Number
from .names import guard

STANDARD_C = ('free',)


def stub_header(schema, options):
    c = Code()
    c(*banner(schema, "Stands in for the schema's builtins: compile-only."))
    g = guard(options.stub_builtins)
    c('#ifndef STUB_%s' % g, '#define STUB_%s' % g, '',
      '#include <stdbool.h>', '#include <stddef.h>', '#include <stdint.h>',
      '#include <sys/types.h>', '', 'typedef struct libxl__ctx libxl_ctx;',
      'struct xjson;', 'struct xjson_error;', 'struct xjson_writer;')
    error_codes(c, schema)
    builtins = [t for t in schema.types
                if t.kind in ('opaque', 'number', 'bool', 'string') and
                t.line and not t.declared_in and not isinstance(t, Number)]
    done = set(STANDARD_C)
    for ty in builtins:
        c('', typedef(ty))
        for name, prototype in prototypes(ty):
            if name in done: continue
            done.add(name)
            c(prototype)
    c()
    for name in macros(schema):
        c('#ifndef %s' % name, '#define %s 0' % name, '#endif')
    c('', '#endif')
    return c.text()


def error_codes(c, schema):
    """In Xen's own schema libxl_error is one of the types."""
    ours = set(v.cname for t in schema.of('enum') for v in t.values)
    if 'ERROR_INVAL' not in ours:
        c('', 'enum { ERROR_NOMEM = -5, ERROR_INVAL = -6 };')


def typedef(ty):
    if ty.plain_ctype: c_type = ty.plain_ctype
    elif ty.kind == 'bool': c_type = 'bool'
    elif ty.kind == 'string': c_type = 'char *'
    elif ty.passby == 'PASS_BY_REFERENCE':
        c_type = 'struct { unsigned char bytes[16]; }'
    elif ty.init_val is not None: c_type = 'int64_t'
    else: c_type = 'void *'
    return 'typedef %s %s;' % (c_type, ty.typename)


def prototypes(ty):
    ref, const = reference(ty, 'p'), reference(ty, 'p', True)
    if ty.init_fn: yield ty.init_fn, 'void %s(%s);' % (ty.init_fn, ref)
    if ty.dispose_fn:
        yield ty.dispose_fn, 'void %s(%s);' % (ty.dispose_fn,
                                               by_passby(ty, 'p'))
    if ty.copy_fn:
        yield ty.copy_fn, ('int %s(libxl_ctx *ctx, %s, %s);'
                           % (ty.copy_fn, reference(ty, 'dst'),
                              reference(ty, 'src', True)))
    if ty.check_default_fn:
        yield ty.check_default_fn, 'bool %s(%s);' % (ty.check_default_fn,
                                                     const)
    if ty.kind != 'opaque': return
    if ty.json_gen_fn:
        arg = const if ty.passby == 'PASS_BY_REFERENCE' \
            else '%s p' % ty.typename
        yield ty.json_gen_fn, ('int %s(struct xjson_writer *w, %s);'
                               % (ty.json_gen_fn, arg))
    if ty.json_parse_fn:
        yield ty.json_parse_fn, ('int %s(const struct xjson *v, %s, '
                                 'struct xjson_error *err);'
                                 % (ty.json_parse_fn, ref))


def macros(schema):
    """The names in initial values that the schema itself does not define."""
    known = set(v.cname for t in schema.of('enum') for v in t.values)
    found = []

    def note(expression):
        for name in re.findall(r'(?<![\w])[A-Za-z_]\w*', expression or ''):
            if name not in known and name != 'NULL' and name not in found:
                found.append(name)

    def visit(ty):
        note(ty.init_val)
        if ty.kind == 'keyed': note(ty.keyvar.init_val)
        for f in getattr(ty, 'fields', []):
            note(f.init_val)
            if f.type is not None: visit(f.type)
    for ty in schema.types: visit(ty)
    return found

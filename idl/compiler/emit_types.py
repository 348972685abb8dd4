# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two headers: types with their public functions, and JSON functions."""

from . import names
from .code import Code, banner
from .walk import keyed_unions


def reference(ty, name, const=False):
    return '%s%s *%s' % ('const ' if const else '', ty.typename, name)


def by_passby(ty, name):
    """How to_json and a dispose_fn are handed one."""
    if ty.passby == 'PASS_BY_REFERENCE': return reference(ty, name)
    return '%s %s' % (ty.typename, name)


def declare(ctype, name):
    """"char *" and "x" have no blank between them."""
    return ctype + name if ctype.endswith('*') else '%s %s' % (ctype, name)


# ---- types ----

def define(ty):
    c = Code()
    if ty.kind == 'enum':
        c.open('typedef enum %s {' % ty.typename)
        for v in ty.values: c('%s = %s,' % (v.cname, int_literal(v.number)))
    else:
        c.open('typedef %s %s {' % (ty.kind, ty.typename))
        members(c, ty)
    c.close('} %s;' % ty.typename)
    return c


def int_literal(n):
    # 2147483648 would be a long before it is negated
    return '-2147483647 - 1' if n == -2 ** 31 else str(n)


def members(c, ty):
    for f in ty.fields:
        if f.type is not None: a_member(c, f)


def a_member(c, f):
    ty = f.type
    if ty.kind == 'keyed':
        c('%s;' % declare(ty.keyvar.type.typename, ty.keyvar.name))
        c.open('union %s{' % (ty.typename + ' ' if ty.typename else ''))
        if any(v.type is not None for v in ty.fields):
            members(c, ty)
        else:
            c('char none;   /* no variant has a value */')
        c.close('} %s;' % f.name)
    elif ty.kind in ('struct', 'union') and ty.typename is None:
        c.open('%s%s {' % ('const ' if f.const else '', ty.kind))
        members(c, ty)
        c.close('} %s;' % f.name)
    elif ty.kind == 'array':
        c('int %s;' % ty.lenvar.name)
        elem = ty.elem.typename
        star = '*' if elem.endswith('*') else ' *'
        c('%s%s%s%s;' % ('const ' if f.const else '', elem, star, f.name))
    else:
        c('%s%s;' % ('const ' if f.const else '',
                     declare(ty.typename, f.name)))


# ---- prototypes ----

def public_prototypes(ty):
    """(doc or None, prototype) of each function that users may call."""
    out = []
    if ty.kind == 'enum':
        out.append('const char *%s_to_string(%s e)'
                   % (ty.typename, ty.typename))
        out.append('int %s_from_string(const char *s, %s *e)'
                   % (ty.typename, ty.typename))
    else:
        if ty.init_fn:
            out.append('void %s(%s)' % (ty.init_fn, reference(ty, 'p')))
        for path, keyed in keyed_unions(ty):
            out.append('void %s(%s, %s %s)'
                       % (names.init_key(ty, path, keyed), reference(ty, 'p'),
                          keyed.keyvar.type.typename, keyed.keyvar.name))
        if ty.dispose_fn:
            out.append('void %s(%s)' % (ty.dispose_fn, by_passby(ty, 'p')))
        if ty.copy_fn:
            out.append('int %s(libxl_ctx *ctx, %s, %s)'
                       % (ty.copy_fn, reference(ty, 'dst'),
                          reference(ty, 'src', True)))
        if ty.copy_deprecated_fn:
            out.append('int %s(libxl_ctx *ctx, %s)'
                       % (ty.copy_deprecated_fn, reference(ty, 'p')))
    if ty.json_gen_fn: out.append(to_json_head(ty))
    if ty.json_parse_fn: out.append(from_json_head(ty))
    return out


def to_json_head(ty):
    arg = ty.typename + ' p' if ty.kind == 'enum' else reference(ty, 'p', True)
    return 'char *%s_to_json(libxl_ctx *ctx, %s)' % (ty.typename, arg)


def from_json_head(ty):
    return ('int %s_from_json(libxl_ctx *ctx, %s, const char *s)'
            % (ty.typename, reference(ty, 'p')))


def gen_head(ty):
    return 'int %s(xjson_writer *w, %s)' % (ty.json_gen_fn,
                                            reference(ty, 'p', True))


def parse_head(ty):
    return ('int %s(const xjson *v, %s, struct xjson_error *err)'
            % (ty.json_parse_fn, reference(ty, 'p')))


def internal_prototypes(ty):
    out = []
    if ty.json_gen_fn: out.append(gen_head(ty))
    if ty.json_parse_fn: out.append(parse_head(ty))
    if ty.check_default_fn:
        out.append('bool %s(%s)' % (ty.check_default_fn,
                                    reference(ty, 'p', True)))
    return out


# ---- headers ----

def public_header(schema, options):
    c = Code()
    c(*banner(schema, 'Types and their functions.'))
    g = names.guard(options.header)
    c('#ifndef %s' % g, '#define %s' % g, '',
      '#include <stdbool.h>', '#include <stddef.h>', '#include <stdint.h>', '')
    for h in includes(schema, options): c('#include <%s>' % h)
    c('', '#ifdef __cplusplus', 'extern "C" {', '#endif', '')
    if options.export:
        c('#ifndef %s' % options.export, '#define %s '
          '__attribute__((visibility("default")))' % options.export,
          '#endif', '')
    for ty in schema.ours:
        c.append(define(ty))
        c()
        prefix = options.export
        if ty.hidden: prefix = '__attribute__((visibility("hidden")))'
        for p in public_prototypes(ty):
            if prefix: c(prefix)
            c(p + ';')
        c()
    c('#ifdef __cplusplus', '}', '#endif', '', '#endif')
    return c.text()


def includes(schema, options):
    out = list(options.include)
    for ty in schema.types:
        if ty.declared_in and ty.declared_in not in out:
            out.append(ty.declared_in)
    return out


def json_header(schema, options):
    c = Code()
    c(*banner(schema, 'JSON in and out; private.'))
    g = names.guard(options.json_header)
    c('#ifndef %s' % g, '#define %s' % g, '',
      '#include "libxl/json.h"', '#include "%s"' % options.header_name)
    for h in companion_headers(schema): c('#include "%s"' % h)
    c('', '#pragma GCC visibility push(hidden)', '')
    for ty in schema.ours:
        for p in internal_prototypes(ty): c(p + ';')
        c()
    c('#pragma GCC visibility pop', '', '#endif')
    return c.text()


def companion_headers(schema):
    """The JSON header beside the header that another schema was made into."""
    out = []
    for ty in schema.types:
        if not ty.declared_in or ty.kind not in ('opaque', 'struct', 'union'):
            continue
        if ty.private or 'json_gen_fn' in ty.kw: continue
        h = ty.declared_in[:-len('.h')] + '_json.h'
        if h not in out: out.append(h)
    return out

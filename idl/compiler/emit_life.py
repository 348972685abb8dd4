# SPDX-License-Identifier: LGPL-2.1-or-later
"""Beginning, end and copies of a value: _init, _dispose, _copy."""

from . import names
from .code import Code
from .emit_types import by_passby, reference
from .names import member
from .walk import inline, key_path, keyed_unions, len_path, parts


def emit_life(ty):
    """All of it for one struct or union of ours."""
    c = Code()
    for path, part in parts(ty):
        if part.kind == 'keyed' and part.needs_dispose():
            emit_keyed_dispose(c, ty, path, part)
    if ty.dispose_fn and ty.auto_dispose: emit_dispose(c, ty)
    if ty.init_fn and ty.auto_init: emit_init(c, ty)
    emit_init_keys(c, ty)
    if ty.copy_fn and ty.auto_copy: emit_copy(c, ty)
    if ty.copy_deprecated_fn: emit_copy_deprecated(c, ty)
    return c


def step(path, name):
    return path + (name,)


# ---- init ----

def emit_init(c, ty):
    c('void %s(%s)' % (ty.init_fn, reference(ty, 'p')))
    c.open('{')
    c('memset(p, 0, sizeof(*p));')
    if ty.kind == 'struct': init_fields(c, ty, ())
    c.close()
    c()


def init_fields(c, ty, path):
    for f in ty.owned_fields(): init_one(c, f, step(path, f.name))


def init_one(c, f, path):
    """What zero is not good enough for."""
    ty, place = f.type, member('p', path)
    if ty.kind == 'keyed':
        if ty.keyvar.default is not None:
            c('%s = %s;' % (member('p', key_path(path, ty)),
                            ty.keyvar.default))
    elif inline(ty):
        init_fields(c, ty, path)
    elif f.default is not None:
        c('%s = %s;' % (place, f.default))
    elif ty.kind != 'array' and ty.init_fn:
        c('%s(&%s);' % (ty.init_fn, place))


def emit_init_keys(c, ty):
    for path, keyed in keyed_unions(ty):
        key, place = keyed.keyvar, member('p', path)
        cases = []
        for v in keyed.fields:
            body = Code()
            if v.type is not None: init_one(body, v, step(path, v.name))
            if body.lines: cases.append((v, body))
        c('/* From one key to another: what the union held is disposed of. */')
        c('void %s(%s, %s %s)'
          % (names.init_key(ty, path, keyed), reference(ty, 'p'),
             key.type.typename, key.name))
        c.open('{')
        if keyed.needs_dispose():
            c('%s(p);' % names.helper(ty, path, 'dispose'))
        c('memset(&%s, 0, sizeof(%s));' % (place, place))
        c('%s = %s;' % (member('p', key_path(path, keyed)), key.name))
        switch(c, key.name, cases)
        c.close()
        c()


def switch(c, key, cases):
    """Only the cases that have something to do."""
    if not cases: return
    c.open('switch (%s) {' % key)
    for v, body in cases:
        c.label('case %s:' % v.value.cname)
        c.append(body)
        c('break;')
    c.label('default:')
    c('break;')
    c.close()


# ---- dispose ----

def emit_dispose(c, ty):
    c('void %s(%s)' % (ty.dispose_fn, by_passby(ty, 'p')))
    c.open('{')
    body = Code()
    dispose_fields(body, ty, ())
    if loops(body): c('int i;', '')
    c('if (!p) return;')
    c.append(body)
    c('memset(p, 0, sizeof(*p));')
    c.close()
    c()


def loops(code):
    return any('(i = 0;' in line for line in code.lines)


def emit_keyed_dispose(c, ty, path, keyed):
    cases = []
    for v in keyed.fields:
        body = Code()
        if v.type is not None: dispose_one(body, ty, v.type, step(path, v.name))
        if body.lines: cases.append((v, body))
    c('static void %s(%s)' % (names.helper(ty, path, 'dispose'),
                              reference(ty, 'p')))
    c.open('{')
    if any(loops(body) for _, body in cases): c('int i;', '')
    switch(c, member('p', key_path(path, keyed)), cases)
    c.close()
    c()


def dispose_fields(c, ty, path):
    for f in owning_fields(ty): dispose_one(c, ty, f.type, step(path, f.name))


def owning_fields(ty):
    if ty.kind != 'struct': return []
    return [f for f in ty.owned_fields() if f.type.needs_dispose()]


def dispose_one(c, outer, ty, path):
    if not ty.needs_dispose(): return
    place = member('p', path)
    if ty.kind == 'keyed':
        c('%s(p);' % names.helper(outer, path, 'dispose'))
    elif inline(ty):
        for f in owning_fields(ty):
            dispose_one(c, outer, f.type, step(path, f.name))
    elif ty.kind == 'array':
        if ty.elem.needs_dispose():
            c.open('for (i = 0; i < %s; i++)' % member('p', len_path(path, ty)))
            dispose_call(c, ty.elem, place + '[i]')
            c.depth -= 1
        if ty.free_fn: c('%s(%s);' % (ty.free_fn, place))
    else:
        dispose_call(c, ty, place)


def dispose_call(c, ty, place):
    ref = '&' if ty.passby == 'PASS_BY_REFERENCE' else ''
    c('%s(%s%s);' % (ty.dispose_fn, ref, place))


# ---- copy ----

def emit_copy(c, ty):
    for path, part in parts(ty):
        if part.kind == 'array': emit_array_copy(c, ty, path, part)
    body = Code()
    copy_fields(body, ty, ty, ())
    c('int %s(libxl_ctx *ctx, %s, %s)'
      % (ty.copy_fn, reference(ty, 'dst'), reference(ty, 'src', True)))
    c.open('{')
    fallible = any('goto out;' in line for line in body.lines)
    if fallible: c('int rc;', '')
    if not any('ctx,' in line for line in body.lines): c('(void)ctx;')
    begin(c, ty, 'dst')
    c.append(body)
    if fallible:
        c('rc = 0;', '')
        c.label('out:')
        if ty.dispose_fn or ty.init_fn:
            c.open('if (rc) {')
            if ty.dispose_fn: c('%s(dst);' % ty.dispose_fn)
            begin(c, ty, 'dst')
            c.close()
        c('return rc;')
    else:
        c('return 0;')
    c.close()
    c()


def begin(c, ty, p):
    if ty.init_fn:
        c('%s(%s);' % (ty.init_fn, p))
    else:
        c('memset(%s, 0, sizeof(*%s));' % (p, p))


def copy_fields(c, outer, ty, path):
    if ty.kind == 'union':
        c('memcpy(dst, src, sizeof(*dst));')
        return
    for f in ty.owned_fields():
        if not f.type.private: copy_one(c, outer, f.type, step(path, f.name))


def copy_one(c, outer, ty, path):
    if ty.kind == 'keyed':
        copy_keyed(c, outer, ty, path)
    elif inline(ty):
        copy_fields(c, outer, ty, path)
    elif ty.kind == 'array':
        checked(c, '%s(ctx, dst, src)' % names.helper(outer, path, 'copy'))
    else:
        copy_value(c, ty, member('dst', path), member('src', path))


def copy_value(c, ty, dst, src):
    if ty.kind == 'string':
        checked(c, 'xidl_copy_string(&%s, %s)' % (dst, src))
    elif ty.kind in ('bool', 'number', 'enum', 'void'):
        c('%s = %s;' % (dst, src))
    elif ty.copy_fn is None:
        # not by assignment: the type may be an array
        c('memcpy(&%s, &%s, sizeof(%s));' % (dst, src, dst))
    elif ty.kind == 'struct' and ty.ours:
        checked(c, '%s(ctx, &%s, &%s)' % (ty.copy_fn, dst, src))
    else:
        checked(c, 'XIDL_COPY(%s, ctx, &%s, &%s)' % (ty.copy_fn, dst, src))


def checked(c, call):
    c('rc = %s;' % call, 'if (rc) goto out;')


def copy_keyed(c, outer, keyed, path):
    key = member('src', key_path(path, keyed))
    c('%s(dst, %s);' % (names.init_key(outer, path, keyed), key))
    cases = []
    for v in keyed.fields:
        body = Code()
        if v.type is not None:
            copy_one(body, outer, v.type, step(path, v.name))
        if body.lines: cases.append((v, body))
    switch(c, key, cases)


def emit_array_copy(c, ty, path, array):
    n = '->' + '.'.join(len_path(path, array))
    dst, src = member('dst', path), member('src', path)
    c('static int %s(libxl_ctx *ctx, %s, %s)'
      % (names.helper(ty, path, 'copy'), reference(ty, 'dst'),
         reference(ty, 'src', True)))
    c.open('{')
    body = Code()
    copy_value(body, array.elem, '%s[dst%s]' % (dst, n), '%s[dst%s]' % (src, n))
    fallible = any('goto out;' in line for line in body.lines)
    if fallible: c('int rc;', '')
    if not any('ctx,' in line for line in body.lines): c('(void)ctx;')
    c('if (src%s <= 0) return 0;' % n,
      '%s = calloc((size_t)src%s, sizeof(*%s));' % (dst, n, dst),
      'if (!%s) return ERROR_NOMEM;' % dst)
    if fallible:
        c('/* dst counts what it owns, so that a failure can be undone */')
    c.open('for (; dst%s < src%s; dst%s++) {' % (n, n, n))
    for line in body.lines:
        c(line.replace('goto out;', 'return rc;'))
    c.close()
    c('return 0;')
    c.close()
    c()


# ---- deprecated fields ----

def emit_copy_deprecated(c, ty):
    c('/* Move what was set by an old name to where the new one is. */')
    c('int %s(libxl_ctx *ctx, %s)' % (ty.copy_deprecated_fn,
                                      reference(ty, 'p')))
    c.open('{')
    c('(void)ctx;')
    deprecated_fields(c, ty, ())
    c('return 0;')
    c.close()
    c()


def deprecated_fields(c, ty, path):
    for f in ty.owned_fields():
        here = step(path, f.name)
        if f.deprecated_by is not None: move_field(c, f, here)
        elif inline(f.type): deprecated_fields(c, f.type, here)
        elif f.type.kind == 'keyed':
            cases = []
            for v in f.type.fields:
                body = Code()
                if v.type is not None and inline(v.type):
                    deprecated_fields(body, v.type, step(here, v.name))
                if body.lines: cases.append((v, body))
            switch(c, member('p', key_path(here, f.type)), cases)


def move_field(c, f, path):
    from .emit_json import is_set
    old, new = member('p', path), 'p->' + f.deprecated_by
    c.open('if (%s) {' % is_set(f, old))
    c('if (%s) return ERROR_INVAL;' % is_set(f, new))
    if f.type.dispose_fn: dispose_call(c, f.type, new)
    c('memcpy(&%s, &%s, sizeof(%s));' % (new, old, new),
      'memset(&%s, 0, sizeof(%s));' % (old, old))
    init_one(c, f, path)
    c.close()

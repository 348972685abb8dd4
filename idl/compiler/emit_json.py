# SPDX-License-Identifier: LGPL-2.1-or-later
"""JSON out and in, and the names of an enumeration's values."""

import re

from . import names
from .code import Code, c_string
from .emit_types import from_json_head, gen_head, parse_head, reference, \
    to_json_head
from .keywords import json_classes
from .names import member
from .walk import inline, key_path, len_path, parts


def emit_json(ty, lenient):
    """All of it for one struct or union of ours."""
    c = Code()
    if ty.json_gen_fn and ty.auto_json and ty.kind == 'struct':
        emit_gen(c, ty)
    if ty.json_parse_fn and ty.auto_json and ty.kind == 'struct':
        emit_parse(c, ty, lenient)
    if ty.json_gen_fn: emit_to_json(c, ty)
    if ty.json_parse_fn: emit_from_json(c, ty)
    return c


# ---- what counts as the default ----

def is_set(f, place):
    """
    A C condition that field f at place differs from its default. None: an
    aggregate, or a type that cannot be compared, is always written.
    """
    ty = f.type
    if ty.kind in ('struct', 'union', 'keyed'): return None
    if ty.kind in ('bool', 'number', 'enum', 'string'):
        if f.default is None and ty.check_default_fn is None: return place
        if f.default == 'NULL': return place
        if f.default is not None:
            return '%s != %s' % (place, comparable(ty, f.default))
    if ty.check_default_fn:
        return '!%s(&%s)' % (ty.check_default_fn, place)
    if ty.passby == 'PASS_BY_REFERENCE': return None
    if f.default is not None: return '%s != %s' % (place, f.default)
    return place


def comparable(ty, expression):
    """The expression as a value of the type, so that no sign is compared."""
    if re.match(r'^\d+$', expression) or \
       ty.kind == 'bool' and expression in ('true', 'false') or \
       ty.signed and re.match(r'^-\d+$', expression) or \
       ty.kind == 'enum' and expression in [v.cname for v in ty.values]:
        return expression
    return '(%s)(%s)' % (ty.typename, expression)


# ---- out ----

WRITE = {'bool': 'bool', 'string': 'string'}


def write_suffix(ty):
    if ty.kind == 'number': return 'int' if ty.signed else 'uint'
    return WRITE.get(ty.kind)


def emit_gen(c, ty):
    for path, part in parts(ty):
        if inline(part): emit_gen_object(c, ty, path, part)
    emit_gen_object(c, ty, (), ty)


def emit_gen_object(c, outer, path, ty):
    body = Code()
    for f in ty.fields:
        if f.in_json: gen_field(body, outer, f, path + (f.name,))
    if path:
        c('static int %s(xjson_writer *w, %s)'
          % (names.helper(outer, path, 'gen_json'),
             reference(outer, 'p', True)))
    else:
        c(gen_head(outer))
    c.open('{')
    text = '\n'.join(body.lines)
    if '(i = 0;' in text:
        c('int i, rc;' if 'rc = ' in text else 'int i;')
    elif 'rc = ' in text:
        c('int rc;')
    if 'rc = ' in text or '(i = 0;' in text: c()
    if not re.search(r'\bp\b', text): c('(void)p;')
    c('xjson_write_object(w);')
    c.append(body)
    c('return xjson_write_object_end(w);')
    c.close()
    c()


def gen_field(c, outer, f, path):
    ty, place, name = f.type, member('p', path), c_string(f.name)
    if ty.kind == 'keyed':
        gen_keyed(c, outer, f, path)
        return
    if ty.kind == 'array':
        c.open('if (%s > 0) {' % member('p', len_path(path, ty)))
        c('xjson_write_name(w, %s);' % name)
        gen_array(c, ty, path)
        c.close()
        return
    condition = is_set(f, place)
    suffix = write_suffix(ty)
    if suffix:
        write = 'xjson_write_member_%s(w, %s, %s);' % (suffix, name, place)
        if condition is None: c(write)
        elif len(condition) + len(write) < 64:
            c('if (%s) %s' % (condition, write))
        else:
            c('if (%s)' % condition, '    ' + write)
        return
    if condition is not None: c.open('if (%s) {' % condition)
    c('xjson_write_name(w, %s);' % name)
    gen_value(c, outer, ty, place, path)
    if condition is not None: c.close()


def gen_value(c, outer, ty, place, path):
    """One value whose name, if it has one, was written."""
    suffix = write_suffix(ty)
    if suffix:
        c('xjson_write_%s(w, %s);' % (suffix, place))
        return
    if inline(ty):
        call = '%s(w, p)' % names.helper(outer, path, 'gen_json')
    elif ty.kind == 'enum':
        call = 'xidl_write_enum(w, %s_to_string(%s))' % (ty.typename, place)
    elif ty.passby == 'PASS_BY_REFERENCE':
        call = '%s(w, &%s)' % (ty.json_gen_fn, place)
    else:
        call = '%s(w, %s)' % (ty.json_gen_fn, place)
    c('rc = %s;' % call, 'if (rc) return rc;')


def gen_array(c, array, path):
    body = Code()
    gen_value(body, None, array.elem, member('p', path) + '[i]', path)
    c('xjson_write_array(w);')
    braces = len(body.lines) > 1
    c.open('for (i = 0; i < %s; i++)%s'
           % (member('p', len_path(path, array)), ' {' * braces))
    c.append(body)
    c.depth -= 1
    if braces: c('}')
    c('xjson_write_array_end(w);')


def gen_keyed(c, outer, f, path):
    keyed = f.type
    key = member('p', key_path(path, keyed))
    c.open('switch (%s) {' % key)
    for v in keyed.fields:
        c.label('case %s:' % v.value.cname)
        c('xjson_write_name(w, %s);'
          % c_string('%s.%s' % (keyed.keyvar.name, v.name)))
        if v.type is None:
            c('xjson_write_object(w);', 'xjson_write_object_end(w);')
        else:
            here = path + (v.name,)
            gen_value(c, outer, v.type, member('p', here), here)
        c('break;')
    c.label('default:')
    # The key is written as part of a variant's name alone, so a key without
    # a variant would be lost.
    initial = keyed.keyvar.default
    if any(initial == v.value.cname or initial is None and not v.value.number
           for v in keyed.fields):
        c('return ERROR_INVAL;')
    elif initial is None:
        c('if (%s) return ERROR_INVAL;' % key, 'break;')
    else:
        c('if (%s != %s) return ERROR_INVAL;'
          % (key, comparable(keyed.keyvar.type, initial)), 'break;')
    c.close()


def emit_to_json(c, ty):
    arg = '&p' if ty.kind == 'enum' else 'p'
    c(to_json_head(ty))
    c.open('{')
    c('xjson_writer *w;', 'char *text = NULL;', '',
      '(void)ctx;',
      'if (xjson_writer_alloc(true, &w)) return NULL;',
      'if (!%s(w, %s)) xjson_writer_finish(w, &text, NULL);'
      % (ty.json_gen_fn, arg),
      'xjson_writer_free(w);', 'return text;')
    c.close()
    c()


# ---- in ----

def emit_parse(c, ty, lenient):
    if ty.unknown_members: lenient = ty.unknown_members == 'ignore'
    for path, part in parts(ty):
        if inline(part): emit_parse_object(c, ty, path, part, lenient)
        elif part.kind == 'array' and in_json(ty, path):
            emit_parse_array(c, ty, path, part)
        elif part.kind == 'keyed':
            emit_parse_keyed(c, ty, path, part)
    emit_parse_object(c, ty, (), ty, lenient)


def in_json(ty, path):
    for name in path:
        f, = [f for f in ty.fields if f.name == name]
        if not f.in_json: return False
        ty = f.type
    return True


def parse_helper_head(outer, path):
    return ('static int %s(const xjson *v, %s, struct xjson_error *err)'
            % (names.helper(outer, path, 'parse_json'),
               reference(outer, 'p')))


def emit_parse_object(c, outer, path, ty, lenient):
    if path: c(parse_helper_head(outer, path))
    else: c(parse_head(outer))
    c.open('{')
    fields = [f for f in ty.fields if f.in_json]
    if not lenient:
        c.open('static const char *const members[] = {')
        for f in fields: c('%s,' % c_string(json_name(f)))
        c('NULL')
        c.close('};')
    if any(f.type.kind != 'keyed' for f in fields): c('const xjson *m;')
    c('int rc;', '')
    if not fields: c('(void)p;')
    c('rc = xidl_check_object(v, %s, err);'
      % ('NULL' if lenient else 'members'), 'if (rc) return rc;')
    for f in fields: parse_field(c, outer, f, path + (f.name,))
    c('return 0;')
    c.close()
    c()


def json_name(f):
    """In the list of members; one that ends in a dot begins a variant's."""
    if f.type.kind == 'keyed': return f.type.keyvar.name + '.'
    return f.name


def parse_field(c, outer, f, path):
    c()
    if f.type.kind == 'keyed':
        c('rc = %s(v, p, err);' % names.helper(outer, path, 'parse_json'),
          'if (rc) return rc;')
        return
    name = c_string(f.name)
    call = parse_call(outer, f.type, 'm', member('p', path), path)
    c('m = xjson_member(v, %s);' % name,
      'rc = m ? %s : 0;' % call,
      'if (rc) return xidl_within(rc, %s, err);' % name)


def parse_call(outer, ty, v, place, path):
    if inline(ty) or ty.kind == 'array':
        return '%s(%s, p, err)' % (names.helper(outer, path, 'parse_json'), v)
    if ty.kind == 'bool': return 'xidl_parse_bool(%s, &%s, err)' % (v, place)
    if ty.kind == 'string':
        return 'xidl_parse_string(%s, &%s, err)' % (v, place)
    if ty.kind == 'number':
        return ('xidl_parse_%s(%s, &%s, sizeof(%s), err)'
                % (write_suffix(ty), v, place, place))
    if ty.kind == 'enum':
        return '%s(%s, &%s, err)' % (enum_parse_fn(ty), v, place)
    if opaque_classes(ty):
        return '%s(%s, &%s, err)' % (opaque_parse_fn(ty), v, place)
    return '%s(%s, &%s, err)' % (ty.json_parse_fn, v, place)


def enum_parse_fn(ty):
    if ty.declared_in or not ty.json_parse_fn:
        return '%s__parse_json' % ty.typename
    return ty.json_parse_fn


def emit_parse_array(c, outer, path, array):
    place, n = member('p', path), member('p', len_path(path, array))
    elem = array.elem
    c(parse_helper_head(outer, path))
    c.open('{')
    c('const xjson *e;', 'int count, rc;', '',
      'rc = xidl_check_array(v, &count, err);',
      'if (rc || !count) return rc;',
      '%s = calloc((size_t)count, sizeof(*%s));' % (place, place),
      'if (!%s) return xidl_nomem(err);' % place)
    c.open('for (e = xjson_first(v); e; e = xjson_next(e)) {')
    here = '%s[%s]' % (place, n)
    if elem.kind not in ('bool', 'string', 'void') and elem.init_fn:
        c('%s(&%s);' % (elem.init_fn, here))
    elif elem.init_val is not None:
        c('%s = %s;' % (here, elem.init_val))
    c('/* counted first: a half-read element is disposed of with the rest */',
      '%s++;' % n,
      'rc = %s;' % parse_call(outer, elem, 'e',
                              '%s[%s - 1]' % (place, n), path),
      'if (rc) return xidl_within_element(rc, %s - 1, err);' % n)
    c.close()
    c('return 0;')
    c.close()
    c()


def emit_parse_keyed(c, outer, path, keyed):
    key = keyed.keyvar.name
    init = names.init_key(outer, path, keyed)
    c(parse_helper_head(outer, path))
    c.open('{')
    c('const xjson *m;', 'const char *variant;', 'int rc;', '',
      'rc = xidl_find_variant(v, %s, &m, &variant, err);' % c_string(key + '.'),
      'if (rc || !m) return rc;', '')
    for v in keyed.fields:
        here = path + (v.name,)
        c.open('if (!strcmp(variant, %s)) {' % c_string(v.name))
        c('%s(p, %s);' % (init, v.value.cname))
        if v.type is None: call = 'xidl_check_empty(m, err)'
        else: call = parse_call(outer, v.type, 'm', member('p', here), here)
        c('return xidl_within(%s, xjson_name(m), err);' % call)
        c.close()
    c('return xidl_unknown_variant(m, err);')
    c.close()
    c()


def emit_from_json(c, ty):
    c(from_json_head(ty))
    c.open('{')
    c('xjson *v = NULL;', 'int rc;', '', '(void)ctx;')
    enum = ty.kind == 'enum'
    if not enum and ty.init_fn: c('%s(p);' % ty.init_fn)
    elif not enum: c('memset(p, 0, sizeof(*p));')
    c('if (!s) return ERROR_INVAL;',
      'rc = xjson_parse(s, strlen(s), &v, NULL);',
      'if (!rc) rc = %s(v, p, NULL);' % ty.json_parse_fn,
      'xjson_free(v);')
    if not enum and ty.dispose_fn:
        c.open('if (rc) {')
        ref = '' if ty.passby == 'PASS_BY_REFERENCE' else '*'
        c('%s(%sp);' % (ty.dispose_fn, ref))
        if ty.init_fn: c('%s(p);' % ty.init_fn)
        c.close()
    c('return rc;')
    c.close()
    c()


# ---- values from elsewhere ----

def opaque_classes(ty):
    """The JSON types that a Builtin's own function may be handed, or None."""
    if ty.kind != 'opaque' or not ty.json_parse_type: return None
    return json_classes(ty.json_parse_type)


def opaque_parse_fn(ty):
    return '%s__parse_json' % ty.typename.replace(' ', '_')


def emit_foreign_helper(ty):
    """What stands between us and a type that we do not generate."""
    c = Code()
    if ty.kind == 'enum' and ty.declared_in:
        for v in ty.values:
            c('_Static_assert(%s == %d, "%s has changed");'
              % (v.cname, v.number, v.cname))
        c('')
        emit_enum_parse(c, ty, 'static int %s(const xjson *v, %s, '
                        'struct xjson_error *err)'
                        % (enum_parse_fn(ty), reference(ty, 'p')))
    elif opaque_classes(ty):
        c('static int %s(const xjson *v, %s, struct xjson_error *err)'
          % (opaque_parse_fn(ty), reference(ty, 'p')))
        c.open('{')
        c('int rc = xidl_check_type(v, %s, err);'
          % ' | '.join('1u << ' + k for k in opaque_classes(ty)), '',
          'return rc ? rc : %s(v, p, err);' % ty.json_parse_fn)
        c.close()
        c()
    return c


def emit_enum_parse(c, ty, head):
    c(head)
    c.open('{')
    c('if (%s_from_string(xidl_enum_string(v), p))' % ty.typename,
      '    return xidl_unknown_value(v, err);',
      'return 0;')
    c.close()
    c()

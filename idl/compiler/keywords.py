# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which keywords each construct knows, and what each may be given."""

import difflib
import re

from .errors import IdlError
from .model import DIRECTIONS, PASS_BY_REFERENCE, PASS_BY_VALUE

IDENTIFIER = re.compile(r'^[A-Za-z_][A-Za-z0-9_]*$')
JSON_CLASSES = {
    'JSON_NULL': 'XJSON_NULL', 'JSON_BOOL': 'XJSON_BOOL',
    'JSON_INTEGER': 'XJSON_INTEGER', 'JSON_DOUBLE': 'XJSON_REAL',
    'JSON_STRING': 'XJSON_STRING', 'JSON_MAP': 'XJSON_OBJECT',
    'JSON_ARRAY': 'XJSON_ARRAY',
}
JSON_NUMBER = ('JSON_INTEGER', 'JSON_DOUBLE')


class Constant(str):
    """A name of the language's own, such as DIR_IN."""


def json_classes(text):
    """"JSON_STRING | JSON_NULL" as a list; None: anything goes."""
    names = [n.strip() for n in text.split('|')]
    if 'JSON_ANY' in names: return None
    out = []
    for n in names:
        out += JSON_NUMBER if n == 'JSON_NUMBER' else [n]
    return [JSON_CLASSES[n] for n in out]


def want_bool(v):
    if v is True or v is False: return v
    raise ValueError('True or False')


def want_string(v):
    if type(v) is str: return v
    raise ValueError('a string')


def want_function(v):
    if v is None: return v
    if type(v) is str and IDENTIFIER.match(v): return v
    raise ValueError("a function's name, or None")


def want_namespace(v):
    if v is None: return v
    if type(v) is str and (not v or IDENTIFIER.match(v)): return v
    raise ValueError('the beginning of a C identifier')


def want_expression(v):
    if v is None: return v
    if type(v) is int: return str(v)
    if type(v) is str and v.strip() and not re.search(r'[;{}\n]|/\*|//', v):
        return v
    raise ValueError('a C expression, as a string')


def want_one_of(*choices):
    def want(v):
        if isinstance(v, Constant) and v in choices: return str(v)
        raise ValueError(' or '.join(choices))
    return want


def want_json_type(v):
    try:
        json_classes(want_string(v))
    except KeyError:
        raise ValueError('JSON_ANY, or some of %s joined by |'
                         % ', '.join(sorted(JSON_CLASSES)))
    return v


def want_header(v):
    if type(v) is str and re.match(r'^[A-Za-z0-9_][A-Za-z0-9_./+-]*\.h$', v):
        return v
    raise ValueError("a header's name, such as \"libxl.h\"")


def want_policy(v):
    if v in ('error', 'ignore'): return v
    raise ValueError('"error" or "ignore"')


def want_examples(v):
    if type(v) is list and v and all(type(e) is str for e in v): return v
    raise ValueError('a list of JSON texts')


def want_identifier(v):
    if type(v) is str and IDENTIFIER.match(v): return v
    raise ValueError('a C identifier')


def want_path(v):
    if v is None: return v
    if type(v) is str and all(IDENTIFIER.match(p) for p in v.split('.')):
        return v
    raise ValueError("another field's name")


TYPE = {
    'namespace': want_namespace,
    'hidden': want_bool,
    'dir': want_one_of(*DIRECTIONS),
    'passby': want_one_of(PASS_BY_VALUE, PASS_BY_REFERENCE),
    'private': want_bool,
    'init_fn': want_function,
    'init_val': want_expression,
    'autogenerate_init_fn': want_bool,
    'dispose_fn': want_function,
    'autogenerate_dispose_fn': want_bool,
    'copy_fn': want_function,
    'autogenerate_copy_fn': want_bool,
    'check_default_fn': want_function,
    'copy_deprecated_fn': want_function,
    'json_gen_fn': want_function,
    'jsonc_json_gen_fn': want_function,
    'json_parse_fn': want_function,
    'json_parse_type': want_json_type,
    'autogenerate_json': want_bool,
    # not Xen's:
    'declared_in': want_header,
    'json_examples': want_examples,
}

FIELD = {
    'const': want_bool,
    'init_val': want_expression,
    'deprecated_by': want_path,
    'enumname': want_identifier,
}


def prefixed(prefix, keywords):
    return dict((prefix + k, v) for k, v in keywords.items())


BY_CONSTRUCT = {
    'Builtin': dict(TYPE, signed=want_bool),
    'Number': dict(TYPE, signed=want_bool),
    'UInt': dict(TYPE, signed=want_bool),
    'Enumeration': dict(TYPE, value_namespace=want_namespace),
    'Struct': dict(TYPE, unknown_members=want_policy),
    'Union': TYPE,
    'KeyedUnion': dict(TYPE, **prefixed('keyvar_', FIELD)),
    'Array': dict(TYPE, **prefixed('lenvar_', FIELD)),
    'field': FIELD,
}


def checked(construct, pairs):
    """Check (line, name, value) triples and return them as a dict."""
    known = BY_CONSTRUCT[construct]
    out = {}
    for line, name, value in pairs:
        what = 'a field' if construct == 'field' else construct
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = " (did you mean '%s'?)" % near[0] if near else ''
            raise IdlError(line, "%s has no keyword '%s'%s"
                           % (what, name, hint))
        if name in out:
            raise IdlError(line, "keyword '%s' is given twice" % name)
        try:
            out[name] = known[name](value)
        except ValueError as wanted:
            raise IdlError(line, "keyword '%s' must be %s" % (name, wanted))
    return out


def without_prefix(prefix, kw):
    """The part of kw whose names begin with prefix, under their own names."""
    return dict((k[len(prefix):], v) for k, v in kw.items()
                if k.startswith(prefix))

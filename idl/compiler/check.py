# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Refuse what would make wrong C: clashing names, dangling references, members
that nobody could free, keys without an end.
"""

import re

from . import model
from .emit_types import public_prototypes
from .keywords import IDENTIFIER
from .names import helper_path, is_reserved
from .walk import inline, parts

INT_MIN, INT_MAX = -2 ** 31, 2 ** 31 - 1


def check_schema(schema, faults):
    checker = Checker(schema, faults)
    checker.check_names()
    for ty in schema.types: checker.check_type(ty)


class Checker:
    def __init__(self, schema, faults):
        self.faults = faults
        self.schema = schema
        self.named = set(schema.types) | set(model.STANDARD.values())

    def fault(self, line, message):
        self.faults.add(line, message)

    # ---- names at the file's level ----

    def check_names(self):
        seen = {}
        for ty in self.schema.types:
            if isinstance(ty, model.Number): continue
            self.claim(seen, ty.line, ty.typename, 'type')
        for ty in self.schema.of('enum'):
            for v in first_of_each_name(ty.values):
                self.claim(seen, v.line, v.cname, 'value')
        for ty in self.schema.ours:
            for prototype in public_prototypes(ty):
                name = re.search(r'(\w+)\(', prototype).group(1)
                self.claim(seen, ty.line, name, 'function')

    def claim(self, seen, line, name, what):
        if is_reserved(name) or not IDENTIFIER.match(name):
            self.fault(line, "'%s' cannot be the C name of a %s"
                       % (name, what))
        elif name in seen:
            self.fault(line, "the C name '%s' is already taken on line %d"
                       % (name, seen[name]))
        else:
            seen[name] = line

    # ---- one type ----

    def check_type(self, ty):
        getattr(self, 'check_' + ty.kind, lambda t: None)(ty)
        if isinstance(ty, model.Aggregate) and ty.typename and \
           ty.passby != model.PASS_BY_REFERENCE:
            self.fault(ty.line, '%s can only be passed by reference'
                       % ty.describe)
        if ty.kind != 'number' and \
           (ty.json_gen_fn is None) != (ty.json_parse_fn is None):
            self.fault(ty.line, '%s needs both json_gen_fn and json_parse_fn, '
                       'or neither' % ty.describe)

    def check_enum(self, ty):
        if not ty.values:
            self.fault(ty.line, '%s has no values' % ty.describe)
        numbers, names = {}, {}
        for v in ty.values:
            if not INT_MIN <= v.number <= INT_MAX:
                self.fault(v.line, "value '%s' does not fit an int"
                           % v.valuename)
            if v.valuename in names:
                self.fault(v.line, "duplicate value name '%s'" % v.valuename)
            if v.number in numbers:
                self.fault(v.line, "duplicate value %d: '%s' has it"
                           % (v.number, numbers[v.number]))
            names[v.valuename] = numbers[v.number] = v.valuename

    def check_struct(self, ty):
        self.check_members(ty)
        # The outermost struct moves the fields of the unnamed ones in it.
        if not ty.typename: return
        self.check_deprecations(ty)
        self.check_copies(ty)
        paths = {}
        for path, _ in parts(ty):
            name = helper_path(path)
            if name in paths:
                self.fault(ty.line, "'%s' and '%s' of %s would have functions "
                           "of the same name" % ('.'.join(paths[name]),
                                                 '.'.join(path), ty.describe))
            paths[name] = path

    def check_union(self, ty):
        self.check_members(ty)
        if ty.typename is None and ty.json_gen_fn is None and \
           not ty.private and 'json_gen_fn' not in ty.kw:
            self.fault(ty.line, 'nobody can tell which member of an unnamed '
                       'Union is valid: use a KeyedUnion, or private = True')
        self.check_owner(ty)

    def check_keyed(self, ty):
        if not ty.fields:
            self.fault(ty.line, 'a KeyedUnion needs a variant')
        if ty.keyvar.const:
            self.fault(ty.line, 'the key of a KeyedUnion cannot be const')
        seen = {}
        for f in ty.fields:
            if f.value is None:
                self.fault(f.line, "variant '%s' is not a value of %s"
                           % (f.name, ty.keyvar.type.describe))
            elif f.value in seen:
                self.fault(f.line, "duplicate variant '%s'" % f.name)
            seen[f.value] = f
            if f.type is None: continue
            self.check_member_name(f)
            if f.type.kind in ('array', 'keyed'):
                self.fault(f.line, "variant '%s' must be a Struct that holds "
                           "the %s" % (f.name, type(f.type).__name__))
            else:
                self.check_use(f)

    def check_array(self, ty):
        if ty.kw.get('lenvar_init_val', '0') != '0' or \
           ty.kw.get('lenvar_const') or ty.kw.get('lenvar_deprecated_by'):
            self.fault(ty.line, 'the length of an Array begins at 0 and '
                       'counts its elements')
        elem = ty.elem
        if elem.kind in ('array', 'keyed', 'void') or elem.private or \
           elem.typename is None:
            self.fault(ty.line, 'an element of an Array must be a named type '
                       'with JSON functions')
        elif elem.kind in ('opaque', 'union', 'struct') and \
                elem.json_gen_fn is None:
            self.fault(ty.line, '%s has no JSON functions, so it cannot be '
                       'an element of an Array' % elem.describe)
        else:
            self.check_defined(ty.line, elem)

    # ---- members ----

    def check_members(self, ty):
        if not ty.fields:
            self.fault(ty.line, '%s has no fields' % ty.describe)
        seen = {}
        for f in ty.fields:
            self.check_member_name(f)
            for line, name in member_names(f):
                if name in seen:
                    self.fault(line, "duplicate field '%s'" % name)
                seen[name] = line
            if ty.kind == 'union' and f.type.kind in ('keyed', 'array'):
                self.fault(f.line, 'a %s belongs in a Struct'
                           % type(f.type).__name__)
            self.check_use(f)
        if ty.typename and ty.kind == 'struct': self.check_owner(ty)

    def check_owner(self, ty):
        if ty.dispose_fn is not None: return
        for f in ty.owned_fields():
            if f.type.needs_dispose():
                self.fault(ty.line, "%s has no dispose_fn, but field '%s' "
                           "must be freed" % (ty.describe, f.name))

    def check_copies(self, outer):
        if not (outer.copy_fn and outer.auto_copy): return
        for _, f in walk_fields(outer):
            ty = f.type.elem if f.type.kind == 'array' else f.type
            if f.const or ty.private or ty.copy_fn is not None or \
               ty.kind not in ('opaque', 'struct', 'union') or inline(ty):
                continue
            if ty.needs_dispose():
                self.fault(f.line, "field '%s' owns memory, but its type %s "
                           "has no copy_fn" % (f.name, ty.describe))

    def check_member_name(self, f):
        if not IDENTIFIER.match(f.name) or is_reserved(f.name):
            self.fault(f.line, "'%s' cannot be the C name of a field"
                       % f.name)

    def check_use(self, f):
        ty = f.type
        if ty.typename is None or ty.kind == 'keyed':
            self.check_type(ty)
        else:
            self.check_defined(f.line, ty)
        if f.init_val is not None:
            if ty.kind in ('struct', 'union', 'keyed', 'array'):
                self.fault(f.line, "field '%s' cannot have an init_val: it is "
                           "no plain value" % f.name)
            elif ty.kind == 'string' and f.init_val != 'NULL':
                self.fault(f.line, "field '%s' cannot have an init_val: its "
                           "string would be freed" % f.name)

    def check_defined(self, line, ty):
        if ty in self.named or isinstance(ty, model.Number): return
        if ty.typename is None: return
        self.fault(line, '%s must be defined by NAME = ... first'
                   % ty.describe)

    # ---- deprecated_by ----

    def check_deprecations(self, ty):
        used = False
        for path, f in walk_fields(ty):
            if f.deprecated_by is None: continue
            used = True
            self.check_deprecation(ty, path, f)
        if ty.copy_deprecated_fn and not used:
            self.fault(ty.line, '%s has a copy_deprecated_fn, but no field is '
                       'deprecated_by another' % ty.describe)

    def check_deprecation(self, ty, path, f):
        new = find_field(ty, f.deprecated_by)
        if new is None:
            self.fault(f.line, "field '%s' is deprecated_by '%s', which is "
                       "not a field of %s"
                       % (f.name, f.deprecated_by, ty.describe))
        elif new is f:
            self.fault(f.line, "field '%s' is deprecated by itself" % f.name)
        elif new.type is not f.type:
            self.fault(f.line, "field '%s' is deprecated_by '%s', which is of "
                       "another type" % (f.name, f.deprecated_by))
        elif f.type.kind in ('struct', 'union', 'keyed', 'array') or \
                f.type.kind == 'opaque' and not f.type.check_default_fn:
            self.fault(f.line, "field '%s' cannot be deprecated: its type has "
                       "no check_default_fn" % f.name)


def first_of_each_name(values):
    """The others are complained about by name."""
    seen = {}
    for v in values: seen.setdefault(v.valuename, v)
    return seen.values()


def member_names(f):
    """Every member of C that the field puts into its struct."""
    yield f.line, f.name
    if f.type is None: return
    if f.type.kind == 'keyed': yield f.line, f.type.keyvar.name
    if f.type.kind == 'array': yield f.line, f.type.lenvar.name


def walk_fields(ty, path=()):
    """(path, field) of every field within ty's own C type."""
    for f in ty.fields:
        if f.type is None: continue
        here = path + (f.name,)
        yield here, f
        if f.type.kind == 'keyed' or \
           f.type.kind == 'struct' and f.type.typename is None:
            yield from walk_fields(f.type, here)


def find_field(ty, dotted):
    for path, f in walk_fields(ty):
        if path == tuple(dotted.split('.')): return f
    return None

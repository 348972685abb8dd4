# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What a schema says, as values: one class per kind of type. The classes hold
facts and defaults; what C is made of them is decided in the emit_* modules,
each of which dispatches on `kind`.
"""

PASS_BY_VALUE = 'PASS_BY_VALUE'
PASS_BY_REFERENCE = 'PASS_BY_REFERENCE'
DIRECTIONS = ('DIR_NONE', 'DIR_IN', 'DIR_OUT', 'DIR_BOTH')

# The JSON functions that Xen's schemas name for its plain types. They are
# libxl's private ones; here they say only which plain type a Builtin is.
PLAIN_PARSE_FNS = {
    'libxl__bool_parse_json': ('bool', None, None),
    'libxl__string_parse_json': ('string', None, None),
    'libxl__int_parse_json': ('number', True, 'int'),
    'libxl__uint8_parse_json': ('number', False, 'uint8_t'),
    'libxl__uint16_parse_json': ('number', False, 'uint16_t'),
    'libxl__uint32_parse_json': ('number', False, 'uint32_t'),
    'libxl__uint64_parse_json': ('number', False, 'uint64_t'),
}
PLAIN_GEN_FNS = ('yajl_gen_integer', 'yajl_gen_bool', 'libxl__uint64_gen_json',
                 'libxl__string_gen_json', 'libxl__yajl_gen_enum')

SIGNED_C_TYPES = ('int', 'long', 'long long', 'short', 'signed char',
                  'int8_t', 'int16_t', 'int32_t', 'int64_t', 'intptr_t',
                  'intmax_t', 'ssize_t', 'off_t', 'pid_t', 'time_t')


class Type:
    """What all kinds have in common. `kw` holds the checked keywords."""

    kind = None
    signed = False
    default_passby = PASS_BY_VALUE

    def __init__(self, line, rawname, kw, namespace=None, hidden=False):
        self.line = line
        self.rawname = rawname
        self.kw = kw
        self.namespace = kw.get('namespace', namespace)
        self.typename = None
        if rawname is not None:
            self.typename = (self.namespace or '') + rawname
        self.hidden = kw.get('hidden', hidden)
        self.dir = kw.get('dir', 'DIR_BOTH')
        self.passby = kw.get('passby', self.default_passby)
        self.private = kw.get('private', False)
        self.declared_in = kw.get('declared_in')
        self.init_val = kw.get('init_val')
        self.check_default_fn = kw.get('check_default_fn')
        self.copy_deprecated_fn = kw.get('copy_deprecated_fn')
        self.json_parse_type = kw.get('json_parse_type')
        self.json_examples = kw.get('json_examples', [])
        self.unknown_members = kw.get('unknown_members')
        self.auto_init = kw.get('autogenerate_init_fn', True)
        self.auto_dispose = kw.get('autogenerate_dispose_fn', True)
        self.auto_copy = kw.get('autogenerate_copy_fn', True)
        self.auto_json = kw.get('autogenerate_json', True)
        self.init_fn = kw.get('init_fn', self.usual('init'))
        self.dispose_fn = kw.get('dispose_fn', self.usual('dispose'))
        self.copy_fn = kw.get('copy_fn', self.usual('copy'))
        json = not self.private
        self.json_gen_fn = kw.get('json_gen_fn',
                                  self.usual('gen_json') if json else None)
        self.json_parse_fn = kw.get('json_parse_fn',
                                    self.usual('parse_json') if json else None)

    def usual(self, suffix):
        """The function's name where the schema gives none."""
        return self.typename and '%s_%s' % (self.typename, suffix)

    @property
    def ours(self):
        """We declare it, and generate its functions."""
        return not self.declared_in and not isinstance(self, Builtin)

    @property
    def describe(self):
        return "'%s'" % self.typename if self.typename else 'unnamed type'

    def needs_dispose(self):
        return False


class Builtin(Type):
    """A type that exists already; a Builtin is handled by its functions."""

    kind = 'opaque'

    def __init__(self, line, rawname, kw, namespace=None, hidden=False):
        super().__init__(line, rawname, kw, namespace, hidden)
        self.signed = kw.get('signed', False)
        self.plain_ctype = None
        plain = PLAIN_PARSE_FNS.get(self.json_parse_fn)
        if plain and not self.private:
            self.kind, self.signed, self.plain_ctype = plain

    def usual(self, suffix):
        # A Builtin of Xen's has JSON functions but owns nothing and is zero
        # at first unless told otherwise. One that another of our schemas
        # declares has all of the usual functions.
        if suffix in ('init', 'dispose') and not self.kw.get('declared_in'):
            return None
        return super().usual(suffix)

    @property
    def default_passby(self):
        if self.kw.get('declared_in') and type(self) is Builtin:
            return PASS_BY_REFERENCE
        return PASS_BY_VALUE

    def needs_dispose(self):
        return self.dispose_fn is not None


class Plain(Builtin):
    """bool, string, void: what every schema knows."""

    def __init__(self, ctype, kind, **attributes):
        super().__init__(0, ctype, {'dispose_fn': None, 'init_fn': None,
                                    'copy_fn': None, 'json_gen_fn': None,
                                    'json_parse_fn': None})
        self.kind = kind
        for name, value in attributes.items():
            setattr(self, name, value)


class Number(Builtin):
    """An integer type of C."""

    kind = 'number'

    def __init__(self, line, ctype, kw, namespace=None, hidden=False):
        super().__init__(line, ctype, kw, None, hidden)
        self.signed = kw.get('signed', ctype in SIGNED_C_TYPES)
        if self.json_gen_fn in PLAIN_GEN_FNS or not kw.get('json_gen_fn'):
            self.kind = 'number'
        else:
            self.kind = 'opaque'

    def usual(self, suffix):
        return None


class UInt(Number):
    """uint<width>_t"""

    def __init__(self, line, width, kw, namespace=None, hidden=False):
        super().__init__(line, 'uint%d_t' % width, kw, namespace, hidden)
        self.width = width


class EnumerationValue:
    def __init__(self, enum, line, number, name):
        self.line = line
        self.number = number
        self.valuename = name.upper()
        self.string = name.lower()
        self.cname = '%s%s_%s' % ((enum.value_namespace or '').upper(),
                                  enum.rawname.upper(), self.valuename)


class Enumeration(Type):
    kind = 'enum'

    def __init__(self, line, rawname, values, kw, namespace=None, hidden=False):
        super().__init__(line, rawname, kw, namespace, hidden)
        self.value_namespace = kw.get('value_namespace', self.namespace)
        self.values = [EnumerationValue(self, *v) for v in values]

    def usual(self, suffix):
        if suffix in ('init', 'dispose', 'copy'): return None
        return super().usual(suffix)

    def lookup(self, name):
        for v in self.values:
            if v.valuename == name.upper(): return v
        return None


class Field:
    """A member of an aggregate; `type` is None for an empty variant."""

    def __init__(self, line, name, type, kw=None):
        kw = kw or {}
        self.line = line
        self.name = name
        self.type = type
        self.const = kw.get('const', False)
        self.init_val = kw.get('init_val')
        self.deprecated_by = kw.get('deprecated_by')
        self.enumname = kw.get('enumname')
        self.value = None       # a variant's EnumerationValue

    @property
    def default(self):
        """The C expression it starts from; None stands for zero."""
        if self.init_val is not None: return self.init_val
        return self.type.init_val

    @property
    def in_json(self):
        if self.const: return False
        ty = self.type
        if ty.private or ty.kind == 'void': return False
        if ty.kind in ('opaque', 'union'): return ty.json_gen_fn is not None
        if ty.kind == 'struct' and ty.typename:
            return ty.json_gen_fn is not None
        return True


class Aggregate(Type):
    default_passby = PASS_BY_REFERENCE

    def __init__(self, line, rawname, fields, kw, namespace=None, hidden=False):
        super().__init__(line, rawname, kw, namespace, hidden)
        self.fields = fields

    def owned_fields(self):
        return [f for f in self.fields if not f.const and f.type]

    def needs_dispose(self):
        if self.declared_in or not self.auto_dispose:
            return self.dispose_fn is not None
        return any(f.type.needs_dispose() for f in self.owned_fields())


class Struct(Aggregate):
    kind = 'struct'


class Union(Aggregate):
    """An untagged union: only hand-written functions know what it holds."""

    kind = 'union'

    def usual(self, suffix):
        if suffix in ('dispose', 'copy'): return None
        return super().usual(suffix)

    def needs_dispose(self):
        return self.dispose_fn is not None


class KeyedUnion(Aggregate):
    """A union whose valid member another member of the struct tells."""

    kind = 'keyed'

    def __init__(self, line, rawname, keyvar, fields, kw, namespace=None,
                 hidden=False):
        super().__init__(line, rawname, fields, kw, namespace, hidden)
        self.keyvar = keyvar

    def usual(self, suffix):
        return None


class Array(Type):
    """A pointer to elements, and the int that counts them."""

    kind = 'array'

    def __init__(self, line, elem, lenvar_name, kw, namespace=None,
                 hidden=False):
        super().__init__(line, None, kw, namespace, hidden)
        self.elem = elem
        self.lenvar = Field(line, lenvar_name, STANDARD['integer'])
        self.free_fn = kw.get('dispose_fn', 'free')

    def needs_dispose(self):
        return self.free_fn is not None or self.elem.needs_dispose()


STANDARD = {
    'void': Plain('void *', 'void'),
    'bool': Plain('bool', 'bool'),
    'string': Plain('char *', 'string', dispose_fn='free'),
    'size_t': Number(0, 'size_t', {}),
    'integer': Number(0, 'int', {}),
    'uint8': UInt(0, 8, {}),
    'uint16': UInt(0, 16, {}),
    'uint32': UInt(0, 32, {}),
    'uint64': UInt(0, 64, {}),
}


class Schema:
    """A schema file that was read whole."""

    def __init__(self, path, types):
        self.path = path
        self.types = types      # in the order of their definition

    def of(self, *kinds):
        return [t for t in self.types if t.kind in kinds]

    @property
    def ours(self):
        return [t for t in self.types if t.ours]

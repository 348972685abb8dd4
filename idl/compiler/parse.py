# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Read a schema as data. Python's own parser makes the tree; what the tree may
hold is decided here, and nothing of it is ever executed.
"""

import ast
import difflib

from . import keywords, model
from .errors import Cascade, Faults, IdlError
from .keywords import IDENTIFIER, Constant

CONSTANTS = model.DIRECTIONS + (model.PASS_BY_VALUE, model.PASS_BY_REFERENCE)
CONSTRUCTS = ('Builtin', 'Number', 'UInt', 'Enumeration', 'Struct', 'Union',
              'KeyedUnion', 'Array')
STATEMENTS = ('namespace', 'hidden')

REFUSED = object()      # what a name stands for whose definition is at fault


def read_schema(path):
    """(Schema, Faults); the Schema holds what could be understood."""
    faults = Faults(path)
    try:
        with open(path, 'rb') as f:
            tree = ast.parse(f.read(), path)
    except OSError as e:
        faults.add(1, 'cannot be read: %s' % e.strerror)
        return model.Schema(path, []), faults
    except SyntaxError as e:
        faults.add(e.lineno or 1, 'syntax error: %s' % e.msg)
        return model.Schema(path, []), faults
    except (ValueError, RecursionError, MemoryError) as e:
        faults.add(1, 'not a schema: %s' % (e or 'nested too deep'))
        return model.Schema(path, []), faults

    reader = Reader(faults)
    for statement in tree.body: reader.statement(statement)
    return model.Schema(path, reader.types), faults


class Reader:
    """Evaluates the few expressions that a schema is made of."""

    def __init__(self, faults):
        self.faults = faults
        self.namespace = ''
        self.hidden = False
        self.names = dict(model.STANDARD)
        self.names.update((c, Constant(c)) for c in CONSTANTS)
        self.names.update({'True': True, 'False': False, 'None': None})
        self.defined = {}       # name: line
        self.types = []

    # ---- statements ----

    def statement(self, node):
        name = None
        try:
            if isinstance(node, ast.Assign):
                name = self.target(node)
                self.define(node, name, self.value(node.value))
            elif isinstance(node, ast.Expr):
                self.expression_statement(node.value)
            elif not isinstance(node, ast.Pass):
                raise IdlError(node.lineno,
                               'a schema is data: %s is not allowed'
                               % spoken(node))
        except IdlError as e:
            self.faults.add(e.line, e.message)
            if name: self.names[name] = REFUSED
        except Cascade:
            if name: self.names[name] = REFUSED
        except RecursionError:
            self.faults.add(node.lineno, 'nested too deep')

    def target(self, node):
        target = node.targets[0]
        if len(node.targets) != 1 or not isinstance(target, ast.Name):
            raise IdlError(node.lineno, 'only NAME = VALUE is allowed')
        name = target.id
        if name in CONSTRUCTS + STATEMENTS or \
           name in self.names and name not in self.defined:
            raise IdlError(node.lineno,
                           "'%s' belongs to the language" % name)
        if name in self.defined:
            raise IdlError(node.lineno, "'%s' is already defined on line %d"
                           % (name, self.defined[name]))
        self.defined[name] = node.lineno
        return name

    def define(self, node, name, value):
        self.names[name] = value
        if isinstance(value, model.Array):
            raise IdlError(node.lineno, 'an Array belongs in a Struct')
        if isinstance(value, model.KeyedUnion):
            return      # has no C type of its own; checked where it is used
        if isinstance(value, model.Type) and value not in self.types and \
           value.typename and value.line:
            self.types.append(value)

    def expression_statement(self, node):
        if is_literal(node) and isinstance(literal(node), str):
            return      # a comment in the form of a string
        if not isinstance(node, ast.Call) or called(node) not in STATEMENTS:
            raise IdlError(node.lineno,
                           'a schema is data: %s does nothing'
                           % spoken(node))
        what = called(node)
        args = self.arguments(node, 1, 1)
        if node.keywords:
            raise IdlError(node.lineno, '%s() takes no keywords' % what)
        want = {'namespace': keywords.want_namespace,
                'hidden': keywords.want_bool}[what]
        try:
            setattr(self, what, want(args[0]))
        except ValueError as wanted:
            raise IdlError(node.lineno, '%s() must be given %s'
                           % (what, wanted))

    # ---- expressions ----

    def value(self, node):
        if is_literal(node):
            return literal(node)
        if isinstance(node, ast.Name):
            return self.lookup(node)
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [self.value(e) for e in node.elts]
            lines = [e.lineno for e in node.elts]
            return Sequence(items, lines, isinstance(node, ast.Tuple))
        if isinstance(node, ast.Dict):
            return self.dictionary(node)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        raise IdlError(node.lineno, 'a schema is data: %s is not allowed'
                       % spoken(node))

    def lookup(self, node):
        name = node.id
        if name not in self.names:
            known = [n for n, v in self.names.items() if v is not REFUSED]
            near = difflib.get_close_matches(name, known, 1)
            hint = " (did you mean '%s'?)" % near[0] if near else ''
            raise IdlError(node.lineno, "'%s' is not defined%s" % (name, hint))
        value = self.names[name]
        if value is REFUSED: raise Cascade()
        return value

    def dictionary(self, node):
        pairs = []
        for k, v in zip(node.keys, node.values):
            if k is None:
                raise IdlError(node.lineno,
                               'a schema is data: ** is not allowed')
            name = self.value(k)
            if type(name) is not str:
                raise IdlError(k.lineno, "a keyword's name must be a string")
            pairs.append((k.lineno, name, self.value(v)))
        return Pairs(pairs)

    def unary(self, node):
        value = self.value(node.operand)
        if type(value) is int and isinstance(node.op, ast.USub): return -value
        if type(value) is int and isinstance(node.op, ast.UAdd): return value
        raise IdlError(node.lineno, 'only a number may have a sign')

    def binary(self, node):
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Add):
            if isinstance(left, Sequence) and isinstance(right, Sequence):
                return Sequence(list(left) + list(right),
                                left.lines + right.lines, left.is_tuple)
            if type(left) is str and type(right) is str:
                return left + right
        raise IdlError(node.lineno,
                       'only lists, and strings, may be joined, by +')

    # ---- constructs ----

    def call(self, node):
        name = called(node)
        if name not in CONSTRUCTS:
            if name in STATEMENTS:
                raise IdlError(node.lineno, '%s() is no value' % name)
            near = difflib.get_close_matches(name or '', CONSTRUCTS, 1)
            hint = " (did you mean '%s'?)" % near[0] if near else ''
            raise IdlError(node.lineno, "a schema is data: %s cannot be "
                           "called%s" % ("'%s'" % name if name else 'this',
                                         hint))
        return getattr(self, 'make_' + name)(node)

    def arguments(self, node, least, most):
        if not least <= len(node.args) <= most:
            raise IdlError(node.lineno, '%s() takes %d argument%s, not %d'
                           % (called(node), least, 's' * (least != 1),
                              len(node.args)))
        return [self.value(a) for a in node.args]

    def keywords(self, node):
        pairs = []
        for k in node.keywords:
            if k.arg is None:
                raise IdlError(node.lineno,
                               'a schema is data: ** is not allowed')
            value = self.value(k.value)
            if isinstance(value, Sequence): value = list(value)
            pairs.append((k.value.lineno, k.arg, value))
        return keywords.checked(called(node), pairs)

    def make(self, node, cls, *args):
        kw = self.keywords(node)
        return cls(node.lineno, *args, kw=kw, namespace=self.namespace,
                   hidden=self.hidden)

    def type_name(self, node, name, optional=False):
        if name is None and optional: return None
        if type(name) is not str or not IDENTIFIER.match('x' + name):
            raise IdlError(node.lineno, "a type's name must be a C identifier")
        return name

    def make_Builtin(self, node):
        name, = self.arguments(node, 1, 1)
        return self.make(node, model.Builtin, self.type_name(node, name))

    def make_Number(self, node):
        name, = self.arguments(node, 1, 1)
        words = name.split(' ') if type(name) is str else []
        if not words or not all(IDENTIFIER.match(w) for w in words):
            raise IdlError(node.lineno, 'Number() must be given a C type')
        return self.make(node, model.Number, name)

    def make_UInt(self, node):
        width, = self.arguments(node, 1, 1)
        if type(width) is not int or width not in (8, 16, 32, 64):
            raise IdlError(node.lineno, 'UInt() must be given 8, 16, 32 or 64')
        return self.make(node, model.UInt, width)

    def make_Enumeration(self, node):
        name, entries = self.arguments(node, 2, 2)
        values = []
        for line, entry in self.entries(node, entries, 'values'):
            if len(entry) != 2 or type(entry[0]) is not int or \
               type(entry[1]) is not str:
                raise IdlError(line, 'a value must be (number, "NAME")')
            values.append((line, entry[0], entry[1]))
        return self.make(node, model.Enumeration, self.type_name(node, name),
                         values)

    def make_Struct(self, node):
        return self.aggregate(node, model.Struct)

    def make_Union(self, node):
        return self.aggregate(node, model.Union)

    def aggregate(self, node, cls):
        name, entries = self.arguments(node, 2, 2)
        fields = [self.field(line, entry)
                  for line, entry in self.entries(node, entries, 'fields')]
        return self.make(node, cls, self.type_name(node, name, True), fields)

    def field(self, line, entry):
        if len(entry) not in (2, 3) or type(entry[0]) is not str or \
           len(entry) == 3 and not isinstance(entry[2], Pairs):
            raise IdlError(line, 'a field must be ("name", type) or '
                                 '("name", type, {keywords})')
        name, ty = entry[0], entry[1]
        self.want_type(line, ty, "the type of field '%s'" % name)
        pairs = entry[2] if len(entry) == 3 else []
        return model.Field(line, name, ty, keywords.checked('field', pairs))

    def make_KeyedUnion(self, node):
        name, key, keyname, entries = self.arguments(node, 4, 4)
        if not isinstance(key, model.Enumeration):
            raise IdlError(node.lineno,
                           "a KeyedUnion's key must be an Enumeration")
        if type(keyname) is not str or not IDENTIFIER.match(keyname):
            raise IdlError(node.lineno,
                           "a KeyedUnion's key needs a name: a C identifier")
        fields = []
        for line, entry in self.entries(node, entries, 'variants'):
            if len(entry) != 2 or type(entry[0]) is not str:
                raise IdlError(line, 'a variant must be ("value", type)')
            if entry[1] is not None:
                self.want_type(line, entry[1],
                               "the type of variant '%s'" % entry[0])
            ty = entry[1]
            if isinstance(ty, model.Struct) and not ty.typename and \
               not ty.fields:
                ty = None       # old schemas wrote Struct(None, []) for it
            fields.append(model.Field(line, entry[0], ty))
            fields[-1].value = key.lookup(entry[0])
        kw = self.keywords(node)
        keyvar = model.Field(node.lineno, keyname, key,
                             keywords.without_prefix('keyvar_', kw))
        return model.KeyedUnion(node.lineno, self.type_name(node, name, True),
                                keyvar, fields, kw, self.namespace,
                                self.hidden)

    def make_Array(self, node):
        args = self.arguments(node, 1, 2)
        elem, lenvar = args if len(args) == 2 else (args[0], None)
        self.want_type(node.lineno, elem, "an Array's element")
        if type(lenvar) is not str or not IDENTIFIER.match(lenvar):
            raise IdlError(node.lineno, "an Array needs the name of its "
                           "length, such as \"num_disks\"")
        return self.make(node, model.Array, elem, lenvar)

    def entries(self, node, sequence, what):
        if not isinstance(sequence, Sequence):
            raise IdlError(node.lineno, '%s() needs a list of %s'
                           % (called(node), what))
        for line, entry in zip(sequence.lines, sequence):
            if not isinstance(entry, Sequence) or not entry.is_tuple:
                raise IdlError(line, '%s() needs a list of %s, each in '
                               'parentheses' % (called(node), what))
            yield line, entry

    def want_type(self, line, ty, what):
        if not isinstance(ty, model.Type):
            raise IdlError(line, '%s is not a type' % what)


class Sequence(list):
    """A list or tuple of the schema, with the line of each item."""

    def __init__(self, items, lines, is_tuple):
        super().__init__(items)
        self.lines = lines
        self.is_tuple = is_tuple


class Pairs(list):
    """A dictionary of the schema, as (line, key, value)."""


def called(node):
    return node.func.id if isinstance(node.func, ast.Name) else None


# Python 3.7 has a class per kind of literal, later ones have only Constant.
LITERALS = ('Constant', 'Str', 'Bytes', 'Num', 'NameConstant')


def is_literal(node):
    return type(node).__name__ in LITERALS


def literal(node):
    value = next(getattr(node, a) for a in ('value', 's', 'n')
                 if hasattr(node, a))
    if value is None or type(value) in (bool, int, str): return value
    raise IdlError(node.lineno, 'only strings, whole numbers, True, False and '
                                'None may be written here')


SPOKEN = {
    'Import': 'an import', 'ImportFrom': 'an import', 'For': 'a loop',
    'While': 'a loop', 'If': 'a condition', 'IfExp': 'a condition',
    'FunctionDef': 'a function', 'AsyncFunctionDef': 'a function',
    'Lambda': 'a function', 'ClassDef': 'a class', 'With': 'with',
    'Try': 'try', 'Raise': 'raise', 'Assert': 'assert', 'Delete': 'del',
    'AugAssign': 'an assignment in place', 'AnnAssign': 'an annotation',
    'ListComp': 'a comprehension', 'SetComp': 'a comprehension',
    'DictComp': 'a comprehension', 'GeneratorExp': 'a comprehension',
    'Attribute': 'a dot', 'Subscript': 'an index', 'Starred': '*',
    'JoinedStr': 'a formatted string', 'Set': 'a set',
    'Compare': 'a comparison', 'BoolOp': 'a condition', 'Call': 'a call',
    'NamedExpr': 'an assignment here', 'Name': 'a name alone',
}


def spoken(node):
    if is_literal(node): return 'a value alone'
    name = type(node).__name__
    return SPOKEN.get(name, name)

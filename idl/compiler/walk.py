# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways through a type, in the order of its members."""


def inline(ty):
    """Its members lie in the outer type's own definition."""
    return ty.kind == 'struct' and ty.typename is None


def parts(ty, path=()):
    """
    (path, type) of every array, keyed union and unnamed struct that ty's
    own C definition holds, the innermost first: each may need a helper.
    """
    if ty.kind not in ('struct', 'keyed'): return
    for f in ty.fields:
        if f.type is None or f.const: continue
        here = path + (f.name,)
        if f.type.kind == 'keyed' or inline(f.type):
            yield from parts(f.type, here)
            yield here, f.type
        elif f.type.kind == 'array':
            yield here, f.type


def keyed_unions(ty):
    """Those of ty's own members, the outermost first."""
    found = [(p, t) for p, t in parts(ty) if t.kind == 'keyed']
    return sorted(found, key=lambda f: len(f[0]))


def key_path(path, keyed):
    """The key lies beside the union."""
    return path[:-1] + (keyed.keyvar.name,)


def len_path(path, array):
    return path[:-1] + (array.lenvar.name,)

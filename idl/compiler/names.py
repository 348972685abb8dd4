# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names that generated C is made of."""

# A header must serve C and C++ alike.
RESERVED = frozenset("""
    auto break case char const continue default do double else enum extern
    float for goto if inline int long register restrict return short signed
    sizeof static struct switch typedef union unsigned void volatile while
    bool true false NULL errno
    alignas alignof and and_eq asm bitand bitor catch class compl constexpr
    const_cast decltype delete dynamic_cast explicit export friend mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private
    protected public reinterpret_cast static_assert static_cast template this
    thread_local throw try typeid typename using virtual wchar_t xor xor_eq
    """.split())


def is_reserved(name):
    return name in RESERVED


def helper(ty, path, verb):
    """A static function for an unnamed part of ty: TYPE__part_verb."""
    return '%s__%s_%s' % (ty.typename, helper_path(path), verb)


def helper_path(path):
    return '_'.join(path)


def init_key(ty, path, keyed):
    """TYPE_init_KEYVAR; a union further in has its path in the name."""
    within = [p for p in path[:-1]]
    base = ty.init_fn or ty.usual('init')
    return '_'.join([base] + within + [keyed.keyvar.name])


def member(base, path):
    """p->u.qcow2.name"""
    return base + '->' + '.'.join(path)


def guard(header):
    name = header.split('/')[-1]
    return ''.join(c.upper() if c.isalnum() else '_' for c in name).lstrip('_')

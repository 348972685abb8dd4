# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines of C, indented as they are put together."""

import os
import re


class Code:
    def __init__(self):
        self.lines = []
        self.depth = 0

    def add(self, text=''):
        """One line, at the present depth."""
        self.lines.append('    ' * self.depth + text if text else '')

    def __call__(self, *lines):
        for line in lines or ('',): self.add(line)

    def open(self, text):
        self.add(text)
        self.depth += 1

    def close(self, text='}'):
        self.depth -= 1
        self.add(text)

    def label(self, text):
        """One step to the left: a case or a label."""
        self.depth -= 1
        self.add(text)
        self.depth += 1

    def append(self, other):
        for line in other.lines: self.add(line)

    def text(self):
        out = []
        for line in self.lines:
            if line or out and out[-1]: out += wrapped(line)
        while out and not out[-1]: out.pop()
        return '\n'.join(out) + '\n'


WIDTH = 79


def wrapped(line):
    """The line in as many as it takes, broken where the eye expects it."""
    if len(line) <= WIDTH: return [line]
    paren = line.find('(') + 1
    indent = len(line) - len(line.lstrip())
    then = re.match(r' *if \(.*\) (?=(return|goto|xjson_write\w*\())', line)
    if then and not line.endswith('{'):
        return wrapped(line[:then.end() - 1]) + \
            wrapped(' ' * (indent + 4) + line[then.end():])
    breaks = [b for b in break_points(line) if b < WIDTH]
    if not breaks: return [line]
    rest = line[breaks[-1]:].lstrip()
    pad = paren if 0 < paren and paren + len(rest) <= WIDTH else indent + 8
    if pad + len(rest) >= len(line): return [line]
    return [line[:breaks[-1]]] + wrapped(' ' * pad + rest)


def break_points(line):
    """Where a blank follows a comma or a colon, outside of quotes."""
    found, quoted = [], False
    for i, ch in enumerate(line):
        if ch == '"' and line[i - 1] != '\\': quoted = not quoted
        elif ch == ' ' and not quoted and line[i - 1] in ',:': found.append(i)
    return found


def c_string(text):
    """A C literal; a character at a time, as JSON needs none but these."""
    out = ''
    for byte in text.encode('utf-8'):
        c = chr(byte)
        if c in '"\\': out += '\\' + c
        elif 32 <= byte < 127: out += c
        else: out += '\\%03o' % byte
    return '"%s"' % out


def banner(schema, what):
    """The head of every generated file."""
    return ['/* SPDX-License-Identifier: LGPL-2.1-or-later */',
            '/*', ' * %s' % what,
            ' * Made from %s by idl/idlc.py: do not edit.'
            % os.path.basename(schema.path), ' */']

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Complaints about a schema: each names its file and line."""


class IdlError(Exception):
    """One fault of the schema, at one place."""

    def __init__(self, line, message):
        super().__init__(message)
        self.line = line
        self.message = message


class Cascade(Exception):
    """A name is used whose definition was refused already: say no more."""


class Faults:
    """All faults of one schema file, in the order of its lines."""

    def __init__(self, path):
        self.path = path
        self.found = []

    def add(self, line, message):
        fault = (line, message)
        if fault not in self.found:
            self.found.append(fault)

    def __bool__(self):
        return bool(self.found)

    def lines(self):
        return ['%s:%d: %s' % (self.path, line, message)
                for line, message in sorted(self.found, key=lambda f: f[0])]

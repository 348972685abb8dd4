# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line."""

import argparse
import os
import sys

from .check import check_schema
from .emit_source import source
from .emit_types import json_header, public_header
from .output import write_if_different
from .parse import read_schema


def options_of(argv):
    p = argparse.ArgumentParser(
        prog='idlc.py', description='Make C from a schema of types.',
        epilog='Without an output the schema is only checked. '
               'The language is described in idl/README.md.')
    p.add_argument('schema', help='the .idl file')
    p.add_argument('--header', metavar='FILE',
                   help='write the public header')
    p.add_argument('--json-header', metavar='FILE',
                   help='write the private header of the JSON functions')
    p.add_argument('--source', metavar='FILE', help='write the functions')
    p.add_argument('--test', metavar='FILE',
                   help='write a program that tests the functions')
    p.add_argument('--stub-builtins', metavar='FILE',
                   help='write a stand-in for the header that declares the '
                        "schema's builtins, to compile the rest against")
    p.add_argument('--base', metavar='DIR',
                   help='write #include lines relative to this directory '
                        '(default: file names alone)')
    p.add_argument('--include', metavar='HEADER', action='append', default=[],
                   help='include <HEADER> in the public header; repeatable '
                        '(default: libxl.h)')
    p.add_argument('--export', metavar='MACRO',
                   help='put MACRO before each public prototype')
    p.add_argument('--lenient', action='store_true',
                   help='ignore unknown members of JSON objects, unless a '
                        'type says otherwise')
    o = p.parse_args(argv)
    if not o.include: o.include = ['libxl.h']
    if (o.source or o.test) and not (o.header and o.json_header):
        p.error('--source and --test need --header and --json-header')
    if o.json_header and not o.header:
        p.error('--json-header needs --header')
    return o


def include_name(path, base):
    if path is None: return None
    return os.path.relpath(path, base) if base else os.path.basename(path)


def main(argv=None):
    o = options_of(sys.argv[1:] if argv is None else argv)
    schema, faults = read_schema(o.schema)
    check_schema(schema, faults)
    if faults:
        for line in faults.lines(): print(line, file=sys.stderr)
        return 1
    o.header_name = include_name(o.header, o.base)
    o.json_name = include_name(o.json_header, o.base)
    # All are made before the first is written: no half sets of files.
    made = []
    if o.header: made.append((o.header, public_header(schema, o)))
    if o.json_header: made.append((o.json_header, json_header(schema, o)))
    if o.source: made.append((o.source, source(schema, o)))
    if o.test:
        from .emit_test import test_program
        made.append((o.test, test_program(schema, o)))
    if o.stub_builtins:
        from .emit_stub import stub_header
        made.append((o.stub_builtins, stub_header(schema, o)))
    try:
        for path, text in made: write_if_different(path, text)
    except OSError as e:
        print('idlc.py: %s: %s' % (path, e.strerror), file=sys.stderr)
        return 1
    return 0

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The IDL compiler as its users see it.

bad/NAME.idl is refused with the complaints of bad/NAME.err (a line that ends
in "..." stands for any line which begins so); ok/NAME.idl is accepted, and
what is made of it compiles; ok/tiny.idl is also compared with ok/tiny.*.

XEN_IDL=FILE[:FILE...] tries Xen's own schemas as well. UPDATE_GOLDEN=1 writes
ok/tiny.* anew instead of comparing: read the difference before committing it.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.environ.get('srcdir', '.'))
HERE = os.path.join(TOP, 'tests', 'idl')
COMPILER = os.path.join(TOP, 'idl')
CC = shlex.split(os.environ.get('CC', 'cc'))
XEN_API = '-DLIBXL_API_VERSION=0x041400'
STRICT = ['-Wall', '-Wextra', '-Werror', '-Wshadow']


def run(argv, cwd=None):
    return subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


def idlc(*args, cwd=None):
    return run([sys.executable, os.path.join(COMPILER, 'idlc.py')]
               + list(args), cwd)


def names(folder, ext):
    return sorted(f[:-len(ext)] for f in os.listdir(os.path.join(HERE, folder))
                  if f.endswith(ext))


def read(path):
    with open(path) as f: return f.read()


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), 'w') as f: f.write(text)
        return self.path(name)

    def make(self, schema, name, *more):
        """All outputs of a schema; what the compiler said must be nothing."""
        r = idlc(schema, '--header', name + '.h', '--json-header',
                 name + '_json.h', '--source', name + '.c', '--test',
                 name + '_test.c', *more, cwd=self.dir)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, '', ''))

    def compile(self, source, *flags):
        r = run(CC + ['-c', source, '-o', self.path('out.o'), '-I' + self.dir]
                + list(flags), self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)

    def compile_all(self, name, *flags):
        """The source, the test, and the header alone as C99 and as C++."""
        flags = STRICT + list(flags)
        self.compile(name + '.c', '-std=gnu11', '-I' + TOP, *flags)
        self.compile(name + '_test.c', '-std=gnu11', '-I' + TOP, *flags)
        alone = self.write('alone.c', '#include "%s.h"\n' % name)
        flags = [f for f in flags if not f.startswith('-D')] + [XEN_API]
        self.compile(alone, '-std=c99', '-I' + TOP, *flags)
        self.compile(alone, '-x', 'c++', '-I' + TOP, *flags)


class Bad(Case):
    def test_refused(self):
        found = names('bad', '.idl')
        self.assertEqual(found, names('bad', '.err'))
        self.assertGreater(len(found), 30)
        for name in found:
            with self.subTest(name):
                r = idlc(name + '.idl', '--header', self.path('out.h'),
                         cwd=os.path.join(HERE, 'bad'))
                self.assertEqual((r.returncode, r.stdout), (1, ''))
                self.compare(r.stderr.splitlines(),
                             read(os.path.join(HERE, 'bad', name + '.err'))
                             .splitlines())
                self.assertEqual(os.listdir(self.dir), [])

    def compare(self, said, expected):
        self.assertTrue(expected)
        for i, line in enumerate(expected):
            if line.endswith('...') and i < len(said) and \
               said[i].startswith(line[:-3]):
                expected[i] = said[i]
        self.assertEqual(said, expected)

    def test_nothing_is_executed(self):
        mark = self.path('mark')
        for text in ('open(%r, "w")' % mark,
                     'x = open(%r, "w")' % mark,
                     'x = Struct("x", [("n", open(%r, "w"))])' % mark,
                     'x = Builtin(open(%r, "w").name)' % mark,
                     'x = "".__class__.__base__.__subclasses__()'):
            r = idlc(self.write('x.idl', text + '\n'))
            self.assertEqual(r.returncode, 1, text)
            self.assertRegex(r.stderr, r'x\.idl:1: a schema is data: ')
        self.assertFalse(os.path.exists(mark))

    def test_odd_files(self):
        for data in (b'\0', b'\xff\xfe', b'x = "' + b'\\xff' * 3, b'(' * 5000,
                     b'x = ' + b'-' * 100000 + b'1\n',
                     b'x = ' + b'1 + ' * 20000 + b'1\n',
                     b'x = ' + b'9' * 10000 + b'\n'):
            with open(self.path('x.idl'), 'wb') as f: f.write(data)
            r = idlc('x.idl', cwd=self.dir)
            self.assertIn(r.returncode, (0, 1), data[:20])
            self.assertNotIn('Traceback', r.stderr, data[:20])
            if r.returncode: self.assertRegex(r.stderr, r'^x\.idl:\d+: ')

    def test_missing_file(self):
        r = idlc('none.idl', cwd=self.dir)
        self.assertEqual((r.returncode, r.stderr),
                         (1, 'none.idl:1: cannot be read: '
                             'No such file or directory\n'))


class Good(Case):
    def test_tiny_is_as_before(self):
        self.make(os.path.join(HERE, 'ok', 'tiny.idl'), 'tiny')
        for name in ('tiny.h', 'tiny_json.h', 'tiny.c'):
            golden = os.path.join(HERE, 'ok', name)
            text = read(self.path(name))
            if os.environ.get('UPDATE_GOLDEN'):
                with open(golden, 'w') as f: f.write(text)
            self.assertEqual(text, read(golden))

    def test_compiles(self):
        found = names('ok', '.idl')
        found.remove('foreign')
        self.assertGreaterEqual(len(found), 2)
        for name in found:
            with self.subTest(name):
                self.make(os.path.join(HERE, 'ok', name + '.idl'), name,
                          '--include', 'libxl.h', '--include',
                          'tests/idl/builtins.h', '--export', 'SOME_EXPORT')
                self.compile_all(name, XEN_API)

    def test_our_schemas_compile(self):
        os.mkdir(self.path('libxl'))
        for room, name in (('libxl', 'libxl_snapshot_types'),
                           ('chain', 'chain_types')):
            r = idlc(os.path.join(TOP, room, name + '.idl'), '--header',
                     'libxl/_%s.h' % name, '--json-header',
                     'libxl/_%s_json.h' % name, '--source', '_%s.c' % name,
                     '--test', '_%s_test.c' % name, '--base', '.',
                     cwd=self.dir)
            self.assertEqual((r.returncode, r.stderr), (0, ''))
            self.write('_%s.h' % name, '#include "libxl/_%s.h"\n' % name)
            self.compile_all('_' + name, XEN_API)

    def test_stand_ins(self):
        """Builtins that nobody declared: compile against the stand-in."""
        self.try_foreign(os.path.join(HERE, 'ok', 'foreign.idl'), 'foreign')
        text = read(self.path('foreign-stub', 'libxl.h'))
        self.assertIn('bool libxl__defbool_is_default(const libxl_defbool *p);',
                      text)
        self.assertIn('#define LIBXL_SOME_DEFAULT 0', text)

    def try_foreign(self, schema, name):
        stub = name + '-stub'
        os.mkdir(self.path(stub))
        self.make(schema, name, '--stub-builtins', stub + '/libxl.h')
        self.compile_all(name, '-I' + self.path(stub))

    def refused_by_c(self, schema, why):
        self.make(self.write('x.idl', schema), 'x')
        r = run(CC + ['-fsyntax-only', '-std=gnu11', '-I' + TOP,
                      '-I' + self.dir, XEN_API, 'x.c'], self.dir)
        self.assertNotEqual(r.returncode, 0)
        self.assertIn(why, r.stderr)

    def test_claims_about_foreign_types(self):
        """What only the C compiler can know, it is asked."""
        struct = 's = Struct("s", [("t", t)])\n'
        self.refused_by_c('t = Number("long", signed = False)\n' + struct,
                          'long is signed')
        self.refused_by_c('t = Number("unsigned int", signed = True)\n'
                          + struct, 'unsigned int is not signed')
        self.refused_by_c('t = Enumeration("libxl_disk_format", '
                          '[(1, "RAW")], value_namespace = "LIBXL_DISK_",'
                          'declared_in = "libxl.h")\n' + struct, 'RAW')
        self.refused_by_c('t = Enumeration("libxl_console_type", '
                          '[(3, "PV")], declared_in = "libxl.h")\n'
                          + struct, 'LIBXL_CONSOLE_TYPE_PV has changed')

    def test_lenient(self):
        schema = os.path.join(HERE, 'ok', 'tiny.idl')
        self.make(schema, 'tiny', '--lenient')
        self.assertNotIn('members[]', read(self.path('tiny.c')))
        self.make(schema, 'tiny')
        self.assertIn('members[]', read(self.path('tiny.c')))

    def test_visibility(self):
        self.make(os.path.join(HERE, 'ok', 'constructs.idl'), 'constructs',
                  '--include', 'libxl.h', '--include', 'tests/idl/builtins.h',
                  '--export', 'SOME_EXPORT')
        self.compile('constructs.c', '-std=gnu11', '-I' + TOP, XEN_API,
                     '-fvisibility=hidden')
        r = run(['readelf', '-sW', self.path('out.o')])
        self.assertEqual(r.returncode, 0, r.stderr)
        seen = dict((m.group(2), m.group(1)) for m in re.finditer(
            r'GLOBAL (\w+) +\d+ (\w+)$', r.stdout, re.M))
        for name in ('idlt_leaf_init', 'idlt_leaf_to_json',
                     'idlt_colour_to_string', 'other_thing_copy'):
            self.assertEqual(seen.get(name), 'DEFAULT', name)
        for name in ('idlt_leaf_gen_json', 'idlt_leaf_parse_json',
                     'idlt_secret_init', 'idlt_secret_to_json',
                     'idlt_half_dispose'):
            self.assertEqual(seen.get(name), 'HIDDEN', name)

    def test_xen(self):
        """Xen's own schemas, where the environment names any."""
        for i, schema in enumerate(
                filter(None, os.environ.get('XEN_IDL', '').split(':'))):
            with self.subTest(schema):
                self.try_foreign(os.path.abspath(schema), 'xen%d' % i)


class Output(Case):
    def setUp(self):
        super().setUp()
        self.schema = os.path.join(HERE, 'ok', 'tiny.idl')

    def test_equal_file_is_left_alone(self):
        self.make(self.schema, 'tiny')
        os.utime(self.path('tiny.h'), (1000, 1000))
        self.write('tiny.c', 'old')
        self.make(self.schema, 'tiny')
        self.assertEqual(os.stat(self.path('tiny.h')).st_mtime, 1000)
        self.assertNotEqual(read(self.path('tiny.c')), 'old')
        self.assertEqual(sorted(os.listdir(self.dir)),
                         ['tiny.c', 'tiny.h', 'tiny_json.h', 'tiny_test.c'])

    def test_unwritable(self):
        r = idlc(self.schema, '--header', 'none/tiny.h', cwd=self.dir)
        self.assertEqual((r.returncode, r.stderr),
                         (1, 'idlc.py: none/tiny.h: '
                             'No such file or directory\n'))

    def test_check_only(self):
        r = idlc(self.schema, cwd=self.dir)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, '', ''))
        self.assertEqual(os.listdir(self.dir), [])

    def test_usage(self):
        for args in ((), (self.schema, '--source', 'x.c'),
                     (self.schema, '--json-header', 'x.h')):
            self.assertEqual(idlc(*args, cwd=self.dir).returncode, 2)


class Compiler(unittest.TestCase):
    def test_python_3_7(self):
        if sys.version_info < (3, 8): return    # then the rest has shown it
        for folder in (COMPILER, os.path.join(COMPILER, 'compiler')):
            for name in sorted(os.listdir(folder)):
                if not name.endswith('.py'): continue
                path = os.path.join(folder, name)
                ast.parse(read(path), path, feature_version=(3, 7))


if __name__ == '__main__':
    unittest.main()

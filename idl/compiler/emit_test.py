# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A program that tries every type with random values: out to JSON and back,
copies, repeated disposal, damaged JSON, failing allocations.
"""

from . import names
from .code import Code, banner, c_string
from .names import member
from .walk import inline, len_path

# What the program is besides the types; `rounds` is how often each is tried.
HEAD = r'''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "idl/runtime.h"
%(includes)s
#ifdef XLS_TESTIDL_FAIL_ALLOC
#include "tests/idl/fail_alloc.h"

/* It takes as many tries as there are allocations, so not in every round. */
static bool fail_allocs;
#endif

/* not every schema has strings, numbers and structs */
#define USUALLY_USED __attribute__((unused))

static uint64_t rng_state;
static int failures;

#define CHECK(ok, type, text)                                           \
    do {                                                                \
        if (!(ok)) {                                                    \
            fprintf(stderr, "FAIL %%s: %%s: %%s\n", type, #ok,          \
                    (text) ? (text) : "");                              \
            failures++;                                                 \
        }                                                               \
    } while (0)

/* splitmix64: any seed will do, and the same one gives the same run */
static uint64_t rnd(void)
{
    uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

USUALLY_USED
static uint64_t rnd_number(void)
{
    switch (rnd() %% 6) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return UINT64_C(1) << (rnd() %% 64);
    case 3: return (UINT64_C(1) << (rnd() %% 64)) - 1;
    default: return rnd();
    }
}

/* NULL, empty, or any mix of what needs escaping and what does not. */
USUALLY_USED
static char *rnd_string(void)
{
    static const char *const pieces[] = {
        "a", "Z9", "_-./", " ", "\"", "\\", "/", "\n", "\t", "\x01", "\x7f",
        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xbc", "\\u0000", "{}", "[1,",
    };
    char text[64] = "";
    size_t n = rnd() %% 12;

    if (rnd() %% 8 == 0) return NULL;
    while (n--)
        strcat(text, pieces[rnd() %% (sizeof(pieces) / sizeof(pieces[0]))]);
    return strdup(text);
}

/* One byte is changed, dropped or doubled. */
USUALLY_USED
static char *damaged(const char *text)
{
    size_t len = strlen(text), at = rnd() %% (len ? len : 1);
    char *copy = malloc(len + 2);

    if (!copy) abort();
    memcpy(copy, text, len + 1);
    switch (rnd() %% 4) {
    case 0: copy[at] = (char)(1 + rnd() %% 255); break;
    case 1: copy[at] = "{}[]\",:-0e"[rnd() %% 10]; break;
    case 2: memmove(copy + at, copy + at + (len > 0), len - at + !len); break;
    default: memmove(copy + at + 1, copy + at, len - at + 1); break;
    }
    return copy;
}
'''

MAIN = r'''
int main(void)
{
    const char *env = getenv("XLS_TESTIDL_SEED");
    uint64_t seed = env ? strtoull(env, NULL, 0)
                        : (uint64_t)time(NULL) * 1000003u ^ (uint64_t)getpid();
    unsigned int round;

    rng_state = seed;
    printf("XLS_TESTIDL_SEED=%%llu\n", (unsigned long long)seed);
    fflush(stdout);
    for (round = 0; round < 50; round++) {
#ifdef XLS_TESTIDL_FAIL_ALLOC
        fail_allocs = round %% 10 == 0;
#endif
%(calls)s
    }
    printf("%%d types, %%u rounds, %%d failures\n", %(count)d, round, failures);
    return failures ? 1 : 0;
}
'''


def test_program(schema, options):
    c = Code()
    c(*banner(schema, 'Random tests of the types.'))
    structs = [t for t in schema.ours if t.kind == 'struct' and testable(t)]
    enums = [t for t in schema.ours if t.kind == 'enum' and t.json_gen_fn]
    verbatim(c, HEAD % {'includes': '#include "%s"' % options.json_name})
    for ty in schema.types:
        if ty.json_examples and ty.json_parse_fn: emit_example(c, ty)
    for ty in structs: emit_random(c, ty)
    for ty in enums: emit_enum_test(c, ty)
    for ty in structs: emit_struct_test(c, ty)
    calls = '\n'.join('        %s__test();' % t.typename
                      for t in enums + structs)
    verbatim(c, MAIN % {'calls': calls, 'count': len(enums + structs)})
    return c.text()


def testable(ty):
    return all((ty.init_fn, ty.dispose_fn, ty.json_gen_fn, ty.json_parse_fn))


def verbatim(c, text):
    for line in text.split('\n'): c(line)


# ---- random values ----

def emit_example(c, ty):
    """A type that we know by its functions alone is read from JSON."""
    c('static void %s__example(%s *p)' % (ty.typename, ty.typename))
    c.open('{')
    c.open('static const char *const texts[] = {')
    for text in ty.json_examples: c('%s,' % c_string(text))
    c.close('};')
    c('const char *s = texts[rnd() % (sizeof(texts) / sizeof(texts[0]))];',
      'struct xjson_error err = { "" };', 'xjson *v = NULL;', '',
      'CHECK(!xjson_parse(s, strlen(s), &v, &err), %s, err.text);'
      % c_string(ty.typename),
      'CHECK(!%s(v, p, &err), %s, err.text);'
      % (ty.json_parse_fn, c_string(ty.typename)),
      'xjson_free(v);')
    c.close()
    c()


def emit_random(c, ty):
    body = Code()
    for f in ty.fields: random_field(body, ty, f, ())
    c('static void %s__random(%s *p)' % (ty.typename, ty.typename))
    c.open('{')
    if any('(i = 0;' in line for line in body.lines): c('int i;', '')
    c('%s(p);' % ty.init_fn)
    c.append(body)
    c.close()
    c()


def random_field(c, outer, f, path):
    if not f.in_json: return
    ty, here = f.type, path + (f.name,)
    if ty.kind == 'keyed':
        random_keyed(c, outer, ty, here)
    elif inline(ty):
        for g in ty.fields: random_field(c, outer, g, here)
    elif ty.kind == 'array':
        random_array(c, ty, here)
    else:
        random_value(c, ty, member('p', here))


def random_array(c, ty, path):
    place, n = member('p', path), member('p', len_path(path, ty))
    body = Code()
    if ty.elem.kind == 'struct' and testable(ty.elem) and ty.elem.ours:
        pass
    elif ty.elem.kind not in ('string', 'bool', 'number', 'enum') and \
            ty.elem.init_fn:
        body('%s(&%s[i]);' % (ty.elem.init_fn, place))
    random_value(body, ty.elem, place + '[i]')
    c('%s = (int)(rnd() %% 4);' % n,
      'if (%s) %s = calloc((size_t)%s, sizeof(*%s));' % (n, place, n, place),
      'if (%s && !%s) abort();' % (n, place))
    c.open('for (i = 0; i < %s; i++) {' % n)
    c.append(body)
    c.close()


def random_keyed(c, outer, keyed, path):
    c.open('switch (rnd() %% %d) {' % (len(keyed.fields) + 1))
    for i, v in enumerate(keyed.fields):
        c.label('case %d:' % i)
        c('%s(p, %s);' % (names.init_key(outer, path, keyed), v.value.cname))
        if v.type is not None and inline(v.type):
            for g in v.type.fields:
                random_field(c, outer, g, path + (v.name,))
        elif v.type is not None:
            random_value(c, v.type, member('p', path + (v.name,)))
        c('break;')
    c.label('default:')
    c('break;')
    c.close()


def random_value(c, ty, place):
    if ty.kind == 'string':
        c('%s = rnd_string();' % place)
    elif ty.kind == 'bool':
        c('%s = rnd() & 1;' % place)
    elif ty.kind == 'number':
        c('%s = (%s)rnd_number();' % (place, ty.typename))
    elif ty.kind == 'enum':
        random_enum(c, ty, place)
    elif ty.kind == 'struct' and ty.ours and testable(ty):
        c('%s__random(&%s);' % (ty.typename, place))
    elif ty.json_examples:
        c('%s__example(&%s);' % (ty.typename, place))


def random_enum(c, ty, place):
    c.open('switch (rnd() %% %d) {' % len(ty.values))
    for i, v in enumerate(ty.values):
        label = 'default' if i == len(ty.values) - 1 else 'case %d' % i
        c.label('%s: %s = %s; break;' % (label, place, v.cname))
    c.close()


# ---- tests ----

def emit_enum_test(c, ty):
    n, name = ty.typename, c_string(ty.typename)
    c('static void %s__test(void)' % n)
    c.open('{')
    c.open('static const %s values[] = {' % n)
    for v in ty.values: c('%s,' % v.cname)
    c.close('};')
    c('size_t i, j;', 'char upper[256];', 'const char *s;', 'char *json;',
      '%s e;' % n, '')
    c.open('for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {')
    c('s = %s_to_string(values[i]);' % n,
      'CHECK(s && strlen(s) < sizeof(upper), %s, s);' % name,
      'if (!s) continue;',
      'for (j = 0; s[j]; j++)',
      "    upper[j] = s[j] >= 'a' && s[j] <= 'z' ? (char)(s[j] - 32) : s[j];",
      'upper[j] = 0;',
      'e = values[(i + 1) % (sizeof(values) / sizeof(values[0]))];',
      'CHECK(!%s_from_string(upper, &e) && e == values[i], %s, s);'
      % (n, name),
      'CHECK(%s_from_string("no such value", &e) && e == values[i],' % n,
      '      %s, s);' % name,
      'json = %s_to_json(NULL, values[i]);' % n,
      'e = values[0];',
      'CHECK(json && !%s_from_json(NULL, &e, json) && e == values[i],' % n,
      '      %s, json);' % name,
      'free(json);')
    c.close()
    c.close()
    c()


def emit_struct_test(c, ty):
    n, name = ty.typename, c_string(ty.typename)
    dispose = '%s(%s%%s);' % (ty.dispose_fn, '&' if ty.passby ==
                              'PASS_BY_REFERENCE' else '')
    c('static void %s__test(void)' % n)
    c.open('{')
    c('%s a, b;' % n, 'char *text, *again, *bad;', '',
      '%s__random(&a);' % n,
      'text = %s_to_json(NULL, &a);' % n,
      'CHECK(text, %s, "to_json");' % name)
    c.open('if (!text) {')
    c(dispose % 'a', 'return;')
    c.close()
    c('CHECK(!%s_from_json(NULL, &b, text), %s, text);' % (n, name),
      'again = %s_to_json(NULL, &b);' % n,
      'CHECK(again && !strcmp(text, again), %s, text);' % name,
      'free(again);', dispose % 'b', dispose % 'b', '')
    if ty.copy_fn: copy_test(c, ty, dispose)
    c(dispose % 'a', dispose % 'a', '')
    c('bad = damaged(text);')
    c.open('if (!%s_from_json(NULL, &b, bad)) {' % n)
    c('again = %s_to_json(NULL, &b);' % n,
      'CHECK(again, %s, bad);' % name, 'free(again);')
    c.close()
    c(dispose % 'b', 'free(bad);', '')
    c('#ifdef XLS_TESTIDL_FAIL_ALLOC')
    c.open('for (long n = 0; fail_allocs; n++) {')
    c('fail_alloc_at(n);',
      'int rc = %s_from_json(NULL, &b, text);' % n,
      'bool failed = fail_alloc_end();', '',
      'CHECK(rc == (failed ? ERROR_NOMEM : 0), %s, text);' % name,
      dispose % 'b', 'if (!failed) break;')
    c.close()
    c('#endif')
    c('free(text);')
    c.close()
    c()


def copy_test(c, ty, dispose):
    n, name = ty.typename, c_string(ty.typename)
    c('CHECK(!%s(NULL, &b, &a), %s, text);' % (ty.copy_fn, name),
      '#ifdef XLS_TESTIDL_FAIL_ALLOC')
    c.open('for (long n = 0; fail_allocs; n++) {')
    c('%s c;' % n, 'int rc;', 'bool failed;', '',
      'fail_alloc_at(n);',
      'rc = %s(NULL, &c, &a);' % ty.copy_fn,
      'failed = fail_alloc_end();',
      'CHECK(rc == (failed ? ERROR_NOMEM : 0), %s, text);' % name,
      dispose % 'c', 'if (!failed) break;')
    c.close()
    c.open('for (long n = 0; fail_allocs; n++) {')
    c('bool failed;', '',
      'fail_alloc_at(n);',
      'again = %s_to_json(NULL, &a);' % n,
      'failed = fail_alloc_end();',
      'CHECK(!again == failed, %s, text);' % name,
      'free(again);', 'if (!failed) break;')
    c.close()
    c('#endif')
    # what the copy holds must outlive what it was made from
    c(dispose % 'a', 'again = %s_to_json(NULL, &b);' % n,
      'CHECK(again && !strcmp(text, again), %s, text);' % name,
      'free(again);', dispose % 'b', '')

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Sourced by the tests of this folder. They are bash: they hand over odd
# arguments, and compare what comes out to the byte.
set -u

xl=${builddir:?}/tests/cli/xl
[ -x "$xl" ] || { echo "$xl: not built" >&2; exit 99; }
export LC_ALL=C.UTF-8 TZ=UTC
unset POSIXLY_CORRECT XL_TEST_NO_XEN XL_TEST_NO_HELP

XL_TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/xl-cli.XXXXXX") || exit 99
export XL_TEST_DIR
trap 'rm -rf "$XL_TEST_DIR"' EXIT

checks=0
failures=0

# run COMMAND...: leaves $status, $out and $err.
# shellcheck disable=SC2034 # for those who source this
run() {
    "$@" > "$XL_TEST_DIR/out" 2> "$XL_TEST_DIR/err" < /dev/null
    status=$?
    out=$(cat "$XL_TEST_DIR/out")
    err=$(cat "$XL_TEST_DIR/err")
}

passed() {
    checks=$((checks + 1))
    echo "ok $checks - $1"
}

failed() {
    checks=$((checks + 1))
    failures=$((failures + 1))
    echo "not ok $checks - $1"
    shift
    printf '%s\n' "$@" | sed 's/^/#   /'
}

# is WHAT VALUE EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        passed "$1"
    else
        failed "$1" "got:" "$2" "expected:" "$3"
    fi
}

# like WHAT VALUE PATTERN (a shell pattern)
like() {
    # shellcheck disable=SC2053 # a pattern it is
    if [[ $2 == $3 ]]; then
        passed "$1"
    else
        failed "$1" "got:" "$2" "expected, as a pattern:" "$3"
    fi
}

# json EXPRESSION: over the document on standard output, called d, in Python.
json() {
    "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$XL_TEST_DIR/out" "$1"
}

# What manage/ was asked to do since the last call, without open and close.
calls() {
    grep -v -e '^open ' -e '^close$' "$XL_TEST_DIR/calls" 2> /dev/null
    rm -f "$XL_TEST_DIR/calls"
}

# put FILE: standard input becomes a file of $XL_TEST_DIR.
put() {
    cat > "$XL_TEST_DIR/$1"
}

# The last line of a test.
finish() {
    echo "1..$checks"
    [ "$failures" = 0 ]
    exit
}

# snapshot SERIAL PARENT NAME [MEMBERS]: JSON as in chain.json.
snapshot() {
    printf '{"serial": %d, "parent": %d, "name": "%s", "created": %d,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001",
 "description": "", "state": "running", "memory": true,
 "memory_bytes": 268435456, "live": false, "pause_us": 143210,
 "disks": [{"vdev": "xvda", "path": "/img/a.qcow2", "format": "qcow2",
            "treatment": "internal",
            "handle": {"format.qcow2": {"name": "%s"}},
            "id": "1", "date_sec": 1, "date_nsec": 2}]}' \
        "$1" "$2" "$3" $((1795207530 + $1)) "$3"
}

# chain DOMAIN CURRENT SNAPSHOT...: a chain.json.
chain() {
    local domain=$1 current=$2 separator=
    shift 2
    printf '{"version": 1, "domain": "%s", "next_serial": 100000,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001",
 "current": %d, "snapshots": [' "$domain" "$current"
    for one in "$@"; do
        printf '%s%s' "$separator" "$one"
        separator=,
    done
    printf ']}'
}

# with_images < CHAIN: the image of snapshot() can be frozen.
with_images() {
    sed '$s|]}$|], "images": [{"path": "/img/a.qcow2", "format": "qcow2"}]}|'
}

# as TREATMENT < SNAPSHOT: its disk is treated so.
as() {
    sed "s/\"treatment\": \"internal\"/\"treatment\": \"$1\"/
         s/{\"format.qcow2\": {[^}]*}}/{}/"
}

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The configuration of a domain that is off, by way of the system's xl.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

snapshot 1 0 A | put created
configs=$builddir/tests/cli/config.d
mkdir -p "$configs"
rm -f "$configs"/*
cfg=$XL_TEST_DIR/"my config"
: > "$cfg"

# offer NAME: what the system's xl makes of it describes the domain NAME.
offer() {
    printf '{"c_info": {"name": "%s"}, "b_info": {}}\n' "$1" > "$cfg.json"
}

offer web1
: | put config
run "$xl" snapshot-create --config "$cfg" web1
is "with --config" "$status $err" "0 "
is "what came" "$(cat "$XL_TEST_DIR/config")" "$(cat "$cfg.json")"
is "how the system's xl was called" \
    "$(tr '\0' '\n' < "$XL_TEST_DIR/system.argv" | tail -n +2)" \
    "-N
create
-q
$cfg"

# Two above 31 are the C library's own business.
signals() {
    awk '$1 == "SigBlk:" || $1 == "SigIgn:" {print $1, substr($2, 9)}' "$1" |
        while read -r which mask; do
            echo "$which $((0x$mask & 0x7fffffff))"
        done
}
is "it has the signals that we were given" \
    "$(signals "$XL_TEST_DIR/create.sig")" "$(signals /proc/self/status)"

cp "$cfg" "$configs/web1.cfg"
cp "$cfg.json" "$configs/web1.cfg.json"
: | put config
run "$xl" snapshot-create web1
is "the default file" "$status $err" "0 "
is "the default file: what came" "$(cat "$XL_TEST_DIR/config")" \
    "$(cat "$cfg.json")"

# bad OUTCOME PATTERN ARGUMENT...
bad() {
    local outcome=$1 pattern=$2
    shift 2
    : | put config
    run "$xl" snapshot-create "$@"
    is "$*: exit status" "$status" "$outcome"
    like "$*: message" "$err" "xl: snapshot-create: $pattern"
    is "$*: no snapshot" "$(calls | grep created)" ""
}

calls > /dev/null
bad 3 "domain 'web2' is not running, no current snapshot tells of it, and '*/web2.cfg' \
cannot be read (No such file or directory): start it, or give its \
configuration with --config FILE" web2
bad 3 "cannot read the configuration '/nonexistent': No such file*" \
    --config /nonexistent web1
bad 3 "no domain 'a/b' is running, *--config FILE" a/b
bad 3 "no domain '../web1' is running, *--config FILE" ../web1
bad 3 "no domain '.web1' is running, *--config FILE" .web1
offer other
bad 5 "'$cfg' describes the domain 'other', not 'web1': *" --config "$cfg" web1
echo '{"c_info": {}}' > "$cfg.json"
bad 5 "'$cfg' gives the domain no name" --config "$cfg" web1
echo '(domain (name web1))' > "$cfg.json"
bad 1 "cannot understand what the system's xl says of '$cfg': *" \
    --config "$cfg" web1
: > "$cfg.json"
bad 1 "cannot understand *" --config "$cfg" web1
rm "$cfg.json"
bad 1 "the system's xl does not accept '$cfg': *cannot parse this \
(exit status 1)" --config "$cfg" web1

# One that was given in vain.
offer web1
calls > /dev/null
rm -f "$XL_TEST_DIR/config"
run "$xl" snapshot-create --config "$cfg" web1
is "in vain: exit status" "$status" 0
like "in vain: message" "$err" "xl: snapshot-create: --config was not needed*"

# An output that is long, and one that a daemon keeps open.
: | put config
"$PYTHON" -c 'import json
print(json.dumps({"c_info": {"name": "web1"}, "x": "y" * 3000000}))' \
    > "$cfg.json"
run "$xl" snapshot-create --config "$cfg" web1
is "three megabytes" "$status $(cmp "$cfg.json" "$XL_TEST_DIR/config")" "0 "

calls > /dev/null
xl=$builddir/tests/cli/xl-not-there
bad 1 "cannot run the system's xl, /nonexistent/xl: *" --config "$cfg" web1
xl=$builddir/tests/cli/xl-itself
bad 1 "*/xl-itself, which should be the system's xl, *" --config "$cfg" web1
rm -rf "$configs"
finish

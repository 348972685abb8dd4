#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every outcome is an exit status of its own, with its word in JSON, whatever
# the command; and libxl's messages are shown when they may explain it.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

names=(ok failed usage not_found busy refused no_space rolled_back
       needs_recovery damaged)

for outcome in {1..9}; do
    echo "$outcome the reason" | put web1.fail
    for command in "create web1 A" "info web1" "revert web1 A" \
                   "delete web1 A" "rename web1 A B" "current web1" \
                   "recover web1" "list web1" \
                   "dump web1" "list -H web1"; do
        # shellcheck disable=SC2086 # words they are
        run "$xl" snapshot-$command
        is "$command: exit status" "$status" "$outcome"
        is "$command: message" "$err" "xl: snapshot-${command%% *}: the reason"
        is "$command: standard output" "$out" ""
        # shellcheck disable=SC2086
        run "$xl" snapshot-$command --json
        is "$command --json: exit status" "$status" "$outcome"
        is "$command --json" "$(json d)" \
            "{'error': {'outcome': '${names[outcome]}', 'message': 'the reason'}}"
        is "$command --json: message" "$err" \
            "xl: snapshot-${command%% *}: the reason"
    done
done

# A failure that comes with neither reason nor outcome is one all the same.
echo "0" | put web1.fail
run "$xl" snapshot-create web1
is "no reason: exit status" "$status" 1
like "no reason: message" "$err" "xl: snapshot-create: failed, *"

# libxl's messages.
echo "log the domain's bus is on fire" | put script
for outcome in 1 7 8; do
    echo "$outcome the reason" | put web1.fail
    run "$xl" snapshot-create web1
    is "$outcome: libxl is heard first" "$err" \
        "libxl: error: the domain's bus is on fire
xl: snapshot-create: the reason"
done
for outcome in 2 3 4 5 6 9; do
    echo "$outcome the reason" | put web1.fail
    run "$xl" snapshot-create web1
    is "$outcome: libxl is not heard" "$err" "xl: snapshot-create: the reason"
done
rm "$XL_TEST_DIR/web1.fail"
snapshot 1 0 A | put created
run "$xl" snapshot-create web1
is "success: libxl is not heard" "$err" ""
run "$xl" -v snapshot-create web1
is "-v: libxl is heard" "$err" "libxl: error: the domain's bus is on fire"
run "$xl" -vvv snapshot-create web1
is "-vvv: all of it" "$err" "libxl: debug: opening
libxl: error: the domain's bus is on fire"
run "$xl" -vT snapshot-create web1
like "-T: with time and pid" "$err" \
    "20[0-9][0-9]-[0-9][0-9]-[0-9][0-9] ??:??:?? \[[0-9]*\] libxl: error: *"
for i in {1..40}; do echo "log message $i"; done | put script
echo "1 the reason" | put web1.fail
run "$xl" snapshot-create web1
is "the last 32 are kept" "$(printf '%s\n' "$err" | sed -n '1p;32p;33p')" \
    "libxl: error: message 9
libxl: error: message 40
xl: snapshot-create: the reason"

# What cannot be written. A change that was made stays a success.
rm "$XL_TEST_DIR/web1.fail" "$XL_TEST_DIR/script"
chain web1 1 "$(snapshot 1 0 A)" | put web1.chain
run sh -c "'$xl' snapshot-list web1 > /dev/full"
is "a list that cannot be written" "$status" 1
like "says so" "$err" "xl: snapshot-list: cannot write *"
run sh -c "'$xl' snapshot-create web1 > /dev/full"
is "a snapshot that cannot be told of" "$status" 0
like "says so" "$err" "xl: snapshot-create: cannot write *"
run sh -c "'$xl' snapshot-list web1 >&-"
is "a closed standard output" "$status" 1
finish

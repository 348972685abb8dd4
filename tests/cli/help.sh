#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The list of commands, and each command's help.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

commands="snapshot-create snapshot-list snapshot-info snapshot-dump snapshot-diff snapshot-revert
snapshot-delete snapshot-rename snapshot-current snapshot-redefine
snapshot-adopt snapshot-export snapshot-import snapshot-clone snapshot-recover snapshot-verify snapshot-thaw
block-chain block-pull block-job"
flat=${commands//$'\n'/ }

"$srcdir/tests/cli/system-xl" help > "$XL_TEST_DIR/system"
lines=$(wc -l < "$XL_TEST_DIR/system")

for words in help -h --help "-v help" "-v --help" "" "-v"; do
    # shellcheck disable=SC2086 # words they are
    run "$xl" $words
    is "'$words': the system's list first" \
        "$(head -n "$lines" "$XL_TEST_DIR/out")" "$(cat "$XL_TEST_DIR/system")"
    is "'$words': then ours" \
        "$(tail -n "+$((lines + 1))" "$XL_TEST_DIR/out" | awk '{print $1}' |
           tr '\n' ' ')" "$flat "
    case $words in
    ""|-v) is "'$words': wanting nothing is an error" "$status" 1 ;;
    *) is "'$words': exit status" "$status" 0 ;;
    esac
done

# As Xen's own completion reads it.
run "$xl" help
is "the completion's way of reading it" \
    "$(sed 1,4d "$XL_TEST_DIR/out" | awk '/^ [^ ]/ {print $1}' | tr '\n' ' ')" \
    "create config-update list save qemu-monitor-command $flat "
is "the columns" "$(grep '^ snapshot-list' "$XL_TEST_DIR/out" | cut -c 22-26)" \
    "List "
is "the watcher is not in it" "$(grep -c monitor$ "$XL_TEST_DIR/out")" 0

export XL_TEST_NO_HELP=1
run "$xl" help
unset XL_TEST_NO_HELP
is "without the system's list it fails" "$status" 1
is "but ours is there, below a heading" \
    "$(sed 1,4d "$XL_TEST_DIR/out" | awk '/^ [^ ]/ {print $1}' | tr '\n' ' ')" \
    "$flat "
like "and the system's reason" "$err" "cannot init xl context"

for command in $commands; do
    run "$xl" "$command" --help
    is "$command --help" "$status" 0
    like "$command --help" "$out" "Usage: xl \[-v*\] $command *Options:*"
    is "$command --help is quiet" "$err" ""
    help=$out
    run "$xl" "$command" -h
    is "$command -h" "$out" "$help"
    run "$xl" help "$command"
    is "help $command" "$out" "$help"
    run "$xl" "$command" --bogus --help too many words here
    is "$command: help goes before complaints" "$status" 0
    is "$command: no line is too long" \
        "$(printf '%s\n' "$help" | awk 'length > 79')" ""
done

run "$xl" help list
is "help of a system's command" "$out" "system help of list"
run sh -c "'$xl' help > /dev/full"
is "help that cannot be written fails" "$status" 1
like "and says so" "$err" "*standard output: No space left*"
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Progress is one line on a terminal, gone at the end, and nothing elsewhere.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

snapshot 1 0 A | put created
put script <<'END'
reached create:suspending
progress 0 268435456
sleep 300
progress 67108864 268435456
sleep 120
progress 134217728 0
reached create:publish
END

run "$xl" snapshot-create web1
is "not on a terminal" "$status $err" "0 "

# on_terminal COLUMNS COMMAND: what a terminal gets, in $XL_TEST_DIR/terminal.
# Standard output goes elsewhere.
on_terminal() {
    script -qec "stty cols $1 -opost; $2 > '$XL_TEST_DIR/out'" /dev/null \
        < /dev/null > "$XL_TEST_DIR/terminal"
}

# What is on a terminal after these bytes: all CRs carried out.
screen() {
    "$PYTHON" -c 'import sys
line = []
at = 0
for c in open(sys.argv[1], newline="").read():
    if c == "\r":
        at = 0
    elif c == "\n":
        print("".join(line).rstrip())
        line, at = [], 0
    else:
        line[at:at + 1] = [c]
        at += 1
print("".join(line).rstrip(), end="")' "$XL_TEST_DIR/terminal"
}

on_terminal 100 "$xl snapshot-create web1"
like "the stage" "$(cat "$XL_TEST_DIR/terminal")" "*suspending*"
like "the memory, and its rate" "$(cat "$XL_TEST_DIR/terminal")" \
    "*suspending, memory 64 MiB of 256 MiB, [0-9]*/s*"
like "a total that is not known" "$(cat "$XL_TEST_DIR/terminal")" \
    "*memory 128 MiB, [0-9]*/s*"
like "the next stage" "$(cat "$XL_TEST_DIR/terminal")" "*publish*"
is "one line" "$(grep -c '' "$XL_TEST_DIR/terminal")" 1
is "gone at the end" "$(screen)" ""
like "the result" "$(cat "$XL_TEST_DIR/out")" "Snapshot 'A' *"

script -qec "stty cols 80 -opost; $xl snapshot-create web1" /dev/null \
    < /dev/null > "$XL_TEST_DIR/terminal"
is "the result has the line to itself" "$(screen)" \
    "Snapshot 'A' of domain 'web1' taken: memory 256 MiB and 1 disk (xvda); \
the guest was paused for 143 ms."

on_terminal 30 "$xl snapshot-create web1"
is "a narrow terminal: no line is too long" \
    "$(tr '\r' '\n' < "$XL_TEST_DIR/terminal" | awk 'length > 29')" ""
is "a narrow terminal: gone at the end" "$(screen)" ""

echo "1 the reason" | put web1.fail
on_terminal 80 "$xl snapshot-create web1"
is "an error has the line to itself" "$(screen)" \
    "xl: snapshot-create: the reason"
rm "$XL_TEST_DIR/web1.fail"

printf 'reached create:suspending\nlog hello\nreached create:taken\n' |
    put script
on_terminal 80 "$xl -v snapshot-create web1"
is "so has a message" "$(screen)" "libxl: error: hello"

on_terminal 80 "$xl snapshot-create -N web1"
is "a dry run has none" "$(cat "$XL_TEST_DIR/terminal")" ""
on_terminal 80 "$xl snapshot-list --json"
is "nor has what only reads" "$(cat "$XL_TEST_DIR/terminal")" ""

run "$xl" -t snapshot-create web1
like "-t: also where there is no terminal" "$err" $'\r'"*suspending*taken*"

# A message that is very long is cut, and keeps its line.
printf 'log %06000d\nlog end\n' 0 | put script
run "$xl" -v snapshot-create web1
is "a long message" "$(printf '%s\n' "$err" | awk '{print length, $NF}' |
    sed 's/ 0*$//')" "4095
17 end"

# A reader who has stopped reading stops nothing.
for i in {1..400}; do printf 'log %0230d\n' "$i"; done | put script
mkfifo "$XL_TEST_DIR/fifo"
# shellcheck disable=SC2217 # it reads nothing: that is what it is for
sleep 60 < "$XL_TEST_DIR/fifo" &
sleeper=$!
timeout 20 "$xl" -v snapshot-create web1 2> "$XL_TEST_DIR/fifo" \
    > "$XL_TEST_DIR/out"
is "a reader who reads nothing" "$?" 0
kill $sleeper
wait $sleeper 2> /dev/null

# The test hooks, that the scenarios rely on.
put script <<'END'
reached create:suspended
reached create:publish
END
XL_SNAPSHOT_TRACE_POINTS=$XL_TEST_DIR/points run "$xl" snapshot-create web1
is "points are traced" "$(cat "$XL_TEST_DIR/points")" "create:suspended
create:publish"
calls > /dev/null
"$PYTHON" -c 'import os, subprocess, sys
print(subprocess.run(sys.argv[1:], env=dict(os.environ,
    XL_SNAPSHOT_STOP_AT="create:suspended")).returncode)' \
    "$xl" snapshot-create web1 > "$XL_TEST_DIR/killed"
is "a point kills" "$(cat "$XL_TEST_DIR/killed")" -9
# The guard notices, and recovers the domain.
for _ in {1..100}; do
    grep -q '^close' "$XL_TEST_DIR/calls" && break
    sleep 0.1
done
is "who is killed is recovered from" "$(calls)" "create [web1] [] []
recover [web1]"
XL_SNAPSHOT_STOP_AT=create:suspend run "$xl" snapshot-create web1
is "part of a name does not" "$status" 0
is "who is not needs no recovery" "$(calls)" "create [web1] [] []
created"
finish

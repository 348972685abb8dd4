#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is said of the clock of a guest that goes on from memory.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

back="Domain 'web1' is back at snapshot 'A', and running as domain 9."
by_itself="Linux moves its clock forward by that by itself"
unless="the guest's clock is behind by that until it is set (Linux with Xen's \
drivers moves it forward by itself)"
calls > /dev/null

# says WHAT CLOCK LINE: what DOMAIN.clock has (fake_manage.c), and what is said.
says() {
    echo "$2" > "$XL_TEST_DIR/web1.clock"
    run "$xl" snapshot-revert web1 A
    is "$1" "$out" "$back
Clock: the snapshot is $3"
    is "$1: it is a success" "$status $err" "0 "
}

run "$xl" snapshot-revert web1 A
is "it has booted: not a word" "$out" "$back"
run "$xl" snapshot-revert --json web1 A
is "nor in JSON" "$(json 'd["clock"]')" "None"

says "no agent" "1500 1 2 - - -" "25 min old; $by_itself. It has no agent to ask."
says "no agent, HVM" "59 0 2 - - -" "59 s old; $unless. It has no agent to ask."
says "not asked" "11400 1 0 - - -" "3 h 10 min old; $by_itself."
says "paused" "187200 1 1 - - -" \
    "2 days 4 h old; $by_itself. Nothing was set: the guest is paused."
says "right already" "1500 1 4 -20 -20 -" \
    "25 min old; the guest's clock is right already, by its agent's word."
says "set" "1500 0 5 -187200000 3 -" "25 min old; the guest's clock was 2 days \
4 h behind, and its agent has set it."
says "set back" "1500 0 5 90061000 3 -" "25 min old; the guest's clock was 1 day \
1 h ahead, and its agent has set it."
says "refused" "1500 1 3 -1500000 -1500999 it will not" "25 min old; the guest's \
clock was 25 min behind, and may still be: it will not."
says "silent" "1500 1 3 - - no agent answered" "25 min old; $by_itself. Its agent \
could not be asked: no agent answered."
says "hostile" $'1500 1 3 - - a\e[31mb' "25 min old; $by_itself. Its agent \
could not be asked: a\\x1b[31mb."
says "as far as can be" "1500 1 3 -9223372036854775808 -9223372036854775808 x" \
    "25 min old; the guest's clock was 106751991167 days 7 h behind, and may \
still be: x."

echo "1500 0 5 -187200000 3 -" > "$XL_TEST_DIR/web1.clock"
run "$xl" snapshot-revert --json web1 A
is "JSON: set" "$(json 'd["clock"]')" "{'taken': 1795207530, 'age_s': 1500, \
'expected': 'follows_with_drivers', 'agent': 'set', 'set': True, \
'before_ms': -187200000, 'after_ms': 3, 'problem': None}"
is "JSON: and nothing besides" "$err" ""
run "$xl" snapshot-clone web1 A web2
like "a clone" "$out" "*
Clock: the snapshot is 25 min old; the guest's clock was 2 days 4 h behind, and \
its agent has set it."
run "$xl" snapshot-clone --json web1 A web2
is "a clone: JSON" "$(json 'd["clock"]["agent"]')" "set"
echo "1500 1 3 - - no agent answered" > "$XL_TEST_DIR/web1.clock"
run "$xl" snapshot-revert --json web1 A
is "JSON: failed" "$(json 'd["clock"]')" "{'taken': 1795207530, 'age_s': 1500, \
'expected': 'follows', 'agent': 'failed', 'set': False, \
'before_ms': None, 'after_ms': None, 'problem': 'no agent answered'}"
n=0
for agent in unasked paused none failed right set; do
    echo "1500 1 $n - - -" > "$XL_TEST_DIR/web1.clock"
    run "$xl" snapshot-revert --json web1 A
    is "JSON: the word $agent" "$(json 'd["clock"]["agent"]')" "$agent"
    n=$((n + 1))
done
calls > /dev/null

for command in "revert web1 A" "clone web1 A web2"; do
    # shellcheck disable=SC2086 # several words
    run "$xl" snapshot-$command --no-set-clock
    like "$command: --no-set-clock" "$(calls)" "*
clock: not to be set"
    # shellcheck disable=SC2086
    run "$xl" snapshot-$command --clock-timeout 30
    like "$command: --clock-timeout" "$(calls)" "*
clock: within 30000 ms"
    # shellcheck disable=SC2086
    run "$xl" snapshot-$command --clock-timeout 0
    is "$command: no time" "$status" 2
    is "$command: nothing was asked for" "$(calls)" ""
done
finish

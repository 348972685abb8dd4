#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Which snapshots are listed, in every style; the graph; parents first.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# Change the snapshot on standard input.
no_memory() { sed 's/"memory": true/"memory": false/; s/268435456/0/'; }
off() { no_memory | sed 's/"running"/"off"/'; }

# base ─┬─ mid ─┬─ left *    mid: disk-only, external; left: external
#       │       └─ right     down: off
#       └─ down              other: disk-only, manual
# other
chain web1 3 "$(snapshot 1 0 base)" \
    "$(snapshot 2 1 mid | as external | no_memory)" \
    "$(snapshot 3 2 left | as external)" "$(snapshot 4 2 right)" \
    "$(snapshot 5 1 down | off)" \
    "$(snapshot 6 0 other | as manual | no_memory)" | with_images |
    put web1.chain
printf 'web1\n' | put domains

# lists EXPECTED OPTION...: these names, by way of every style.
lists() {
    local expected=$1
    shift
    run "$xl" snapshot-list --names web1 "$@"
    is "$*" "$status ${out//$'\n'/ }$err" "0 $expected"
    run "$xl" snapshot-list -Ho name --topological web1 "$@"
    is "$* as a table" "$status ${out//$'\n'/ }$err" "0 $expected"
    run "$xl" snapshot-list --json web1 "$@"
    is "$* as JSON" "$(json '" ".join(x["name"]
        for x in d["domains"][0]["snapshots"])')" "$expected"
}

lists "base other" --roots
lists "left right down other" --leaves
lists "base mid" --no-leaves
lists "base left right" --active
lists "down" --inactive
lists "mid other" --disk-only
lists "base right down other" --internal
lists "mid left" --external
lists "mid down" --from base
lists "mid left right down" --from base --descendants
lists "left right" --descendants --from mid --leaves
lists "mid down other" --inactive --disk-only
lists "base mid left right down other" --leaves --no-leaves
lists "base mid left right down other" --internal --external
lists "left" --leaves --active --external
lists "down" --from base --leaves
run "$xl" snapshot-list --names web1 --current
is "below the current one there is nothing" "$status $out$err" "0 "
chain cur 1 "$(snapshot 1 0 a)" "$(snapshot 2 1 b)" "$(snapshot 3 2 c)" |
    put cur.chain
run "$xl" snapshot-list --names cur --current
is "--current" "$out" b
run "$xl" snapshot-list --names cur --current --descendants
is "--current --descendants" "$out" "b
c"
run "$xl" snapshot-list --leaves
is "of all domains" "$(printf '%s\n' "$out" | awk '{print $1}' | tr '\n' ' ')" \
    "web1 Name * right down other "
is "the current one is marked" "$(printf '%s\n' "$out" | grep -c '^\* left ')" 1

run "$xl" snapshot-list --from nothing web1
is "--from what is not there" "$status" 3
like "--from what is not there" "$err" "*domain 'web1' has no snapshot 'nothing'*"
is "--from what is not there: nothing printed" "$out" ""
chain none 0 "$(snapshot 1 0 a)" | put none.chain
run "$xl" snapshot-list --current none
is "--current without one" "$status" 3
run "$xl" snapshot-list --inactive none
is "none passes" "$status $out" "0   Name  Created  State  Memory  Parent"

# ---- the order ----

# One that was put back later than its child.
chain late 0 "$(snapshot 2 7 child)" "$(snapshot 7 0 parent)" | put late.chain
run "$xl" snapshot-list -Ho name late
is "by serial" "$out" "child
parent"
run "$xl" snapshot-list -Ho name late --topological
is "parents first" "$out" "parent
child"

# ---- trees ----

run "$xl" snapshot-list --tree web1 --active
is "a tree with gaps" "$out" \
"web1
└─ base  2026-11-20 20:45:31  running  256 MiB
   ├─ left  2026-11-20 20:45:33  running  256 MiB
   │  └─ * you are here
   └─ right  2026-11-20 20:45:34  running  256 MiB"
run "$xl" snapshot-list --tree web1 --from mid
is "a tree from one" "$out" \
"web1
└─ mid  2026-11-20 20:45:32  running
   ├─ left  2026-11-20 20:45:33  running  256 MiB
   │  └─ * you are here
   └─ right  2026-11-20 20:45:34  running  256 MiB"

# ---- the graph ----

run "$xl" snapshot-list --dot web1 --active
is "a graph" "$out" \
'digraph "web1" {
    node [shape=box];
    n0 [label="base\n2026-11-20 20:45:31\nrunning"];
    n1 [label="left\n2026-11-20 20:45:33\nrunning", style=bold];
    n0 -> n1 [style=dashed];
    present [label="you are here", shape=plaintext];
    n1 -> present;
    n2 [label="right\n2026-11-20 20:45:34\nrunning"];
    n0 -> n2 [style=dashed];
}'
run "$xl" snapshot-list --dot web1
is "a whole graph: edges" "$(grep -c -e '->' "$XL_TEST_DIR/out")" 5
is "a whole graph: none is dashed" "$(grep -c dashed "$XL_TEST_DIR/out")" 0
chain nasty 0 "$(snapshot 1 0 'a\\\"];evil[label=\\N&lt;')" | put nasty.chain
run "$xl" snapshot-list --dot nasty
like "quotes, backslashes and entities" "$out" \
'*n0 \[label="a\\\\\\"\];evil\[label=\\\\N&amp;lt;\\n2026*'
run "$xl" snapshot-list --dot
is "one for each domain" "$(grep -c '^digraph "web1" {$' "$XL_TEST_DIR/out")" 1

# A chain at odds with itself.
chain odd 7 "$(snapshot 1 2 A)" "$(snapshot 2 1 B)" "$(snapshot 3 99 C)" \
    "$(snapshot 4 3 D)" | put odd.chain
for how in --dot --roots "--from A --descendants" --no-leaves "-o name,parent"
do
    # shellcheck disable=SC2086 # words they are
    run "$xl" snapshot-list $how odd
    is "damaged: $how" "$status" 9
    like "damaged: $how: shown all the same" "$out" "*[ABCD]*"
done
finish

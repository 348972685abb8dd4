#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Chosen columns, the form for scripts, sizes; and the dump of one snapshot.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

described=$(snapshot 2 1 second |
    sed 's/"description": ""/"description": "one\\ttwo"/; s/"live": false/"live": true/
         s/"pause_us"/"quiesced": true, "pause_us"/')
off=$(snapshot 3 1 third |
    sed 's/"running"/"off"/; s/"memory": true/"memory": false/
         s/268435456/0/; s/143210/0/' | as external)
bare=$(snapshot 4 0 fourth | as excluded)
chain web1 2 "$(snapshot 1 0 first)" "$described" "$off" "$bare" |
    with_images | put web1.chain
printf '%s\n' "268439552 0 268439552 0" "1073741824 1 536870912 1" \
    "0 0 0 0" "300 1 0 1" | put web1.sizes
chain db1 0 "$(snapshot 1 0 nightly)" | put db1.chain
echo "1 1 1 1" | put db1.sizes
printf 'db1\nweb1\n' | put domains
tab=$'\t'

run "$xl" snapshot-list web1 -o name,description,kind,disks
is "chosen columns" "$out" \
"  Name    Description  Kind      Disks
  first                internal  xvda
* second  one\\ttwo     internal  xvda
  third                external  xvda
  fourth               -         -"
run "$xl" snapshot-list web1 -o serial -o current,live,quiesced,uuid,domain
is "several -o" "$(printf '%s\n' "$out" | sed 's/  */ /g')" \
" Serial Current Live Quiesced UUID Domain
 1 no no no ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001 web1
* 2 yes yes yes ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001 web1
 3 no no no ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001 web1
 4 no no no ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001 web1"
run "$xl" snapshot-list web1 --parent -o name
is "--parent" "$(printf '%s\n' "$out" | sed -n 3p)" "* second  first"
run "$xl" snapshot-list web1 --parent -o parent,name
is "--parent that is there" "$(printf '%s\n' "$out" | sed -n 3p)" \
    "* first   second"
run "$xl" snapshot-list web1 --parent
is "--parent without -o" "$(printf '%s\n' "$out" | head -n 1)" \
    "  Name    Created              State    Memory   Parent  Description"

run "$xl" snapshot-list web1 -o pause,created,memory
is "for people" "$(printf '%s\n' "$out" | sed -n 2p)" \
    "  143 ms  2026-11-20 20:45:31  256 MiB"
is "what does not apply" "$(printf '%s\n' "$out" | sed -n 4p)" \
    "  -       2026-11-20 20:45:33  -"
run "$xl" snapshot-list web1 -po pause,created,memory
is "exact" "$(printf '%s\n' "$out" | sed -n 2p)" \
    "  143210  1795207531  268435456"

# ---- for scripts ----

run "$xl" snapshot-list -H web1
is "no header" "$out" \
"first${tab}2026-11-20 20:45:31${tab}running${tab}256 MiB${tab}-${tab}-
second${tab}2026-11-20 20:45:32${tab}running${tab}256 MiB${tab}first${tab}one\\ttwo
third${tab}2026-11-20 20:45:33${tab}off${tab}-${tab}first${tab}-
fourth${tab}2026-11-20 20:45:34${tab}running${tab}256 MiB${tab}-${tab}-"
run "$xl" snapshot-list -H
is "no header, of all" "$(printf '%s\n' "$out" | cut -f 1-2 | tr '\t\n' '  ')" \
    "db1 nightly web1 first web1 second web1 third web1 fourth "
run "$xl" snapshot-list -H fresh
is "of nothing" "$status" 3
chain fresh 0 | put fresh.chain
run "$xl" snapshot-list -H fresh
is "of none" "$status $out$err" "0 "
read=$("$xl" snapshot-list -H --exact -o memory,description,name web1 |
    while IFS=$tab read -r memory description name; do
        printf '%s|%s|%s ' "$memory" "$description" "$name"
    done)
is "a shell reads it" "$read" \
    '268435456|-|first 268435456|one\ttwo|second -|-|third 268435456|-|fourth '

# ---- sizes ----

calls > /dev/null
run "$xl" snapshot-list web1 -o name,size,freed
is "sizes" "$out" \
"  Name    Size       Freed
  first   256 MiB+   256 MiB+
* second  1 GiB      512 MiB
  third   -          -
  fourth  300 bytes  0 bytes"
is "sizes are worked out once" "$(calls)" "look [web1]
sizes [web1] freed"
run "$xl" snapshot-list web1 -H -p -o name,size,freed
is "exact sizes, or none" "$out" \
"first${tab}-${tab}-
second${tab}1073741824${tab}536870912
third${tab}-${tab}-
fourth${tab}300${tab}0"
calls > /dev/null
run "$xl" snapshot-list web1 -o size
is "without what would be freed" "$(calls)" "look [web1]
sizes [web1]"
run "$xl" snapshot-list web1
is "only when they are asked for" "$(calls)" "look [web1]"
run "$xl" snapshot-list web1 --json
is "only when they are asked for: JSON" "$(calls)
$(json '"size_bytes" in d["domains"][0]["snapshots"][0]')" "look [web1]
False"
run "$xl" snapshot-list web1 --json -o size,freed
is "sizes: JSON" "$(json '[(x["size_bytes"], x["size_exact"],
    x["freed_bytes"], x["freed_exact"]) for x in d["domains"][0]["snapshots"]][:2]')" \
    "[(268439552, False, 268439552, False), (1073741824, True, 536870912, True)]"
run "$xl" snapshot-list -Ho domain,name,size --roots
is "sizes of all domains" "$out" "db1${tab}nightly${tab}1 byte
web1${tab}first${tab}256 MiB+
web1${tab}fourth${tab}300 bytes"
rm "$XL_TEST_DIR/web1.sizes"
echo "1 out of memory" | put sizes.fail
run "$xl" snapshot-list web1 -o size
is "sizes cannot be worked out" "$status $out$err" \
    "1 xl: snapshot-list: out of memory"

# ---- which there are ----

run "$xl" snapshot-list -o help
is "-o help" "$status $err" "0 "
names=$(awk '{print $1}' "$XL_TEST_DIR/out")
is "-o help: no line is too long" "$(awk 'length > 79' "$XL_TEST_DIR/out")" ""
run "$xl" snapshot-list web1 -o "$(printf '%s' "$names" | grep -v -x \
    -e size -e freed | tr '\n' ,)domain"
is "all that -o help names are there" "$status $err" "0 "
is "the manual has them all" \
    "$(sed -n '/^=head1 COLUMNS/,/^=head1 [^C]/p' \
        "$srcdir/docs/man/xl-snapshot.1.pod.in" | grep '^=item' |
       grep -o 'B<[a-z]*>' | tr -d 'B<>' | sort)" \
    "$(printf '%s\n' "$names" | sort)"
run "$xl" snapshot-list -o "$(yes name | head -n 65 | tr '\n' ,)name"
is "too many" "$status" 2
like "too many: message" "$err" "*more than 64 columns*"

# ---- the dump ----

printf '{"version": 1, "config": {"x": "\\u009b"}}' | put web1.dump
calls > /dev/null
run "$xl" snapshot-dump web1 first
is "dump" "$status $out$err" \
    '0 {"version": 1, "config": {"x": "\u009b"}}'
is "dump: of which" "$(calls)" "look [web1]
dump [web1] [first]"
run "$xl" snapshot-dump web1 --json
is "dump of the current one" "$status $(calls)" "0 look [web1]
dump [web1] [second]"
run "$xl" snapshot-dump web1 nothing
is "dump of what is not there" "$status $out" "3 "
run "$xl" snapshot-dump db1
is "dump where none is current" "$status $out" "3 "
echo "9 it cannot be read" | put dump.fail
run "$xl" snapshot-dump web1
is "dump fails" "$status $out$err" "9 xl: snapshot-dump: it cannot be read"
finish

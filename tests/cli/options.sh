#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Wrong arguments: exit 2, one line and the usage on standard error, nothing
# opened; right ones in any order.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# wrong PATTERN ARGUMENT...
wrong() {
    local pattern=$1
    shift
    rm -f "$XL_TEST_DIR/calls"
    run "$xl" "$@"
    is "$*: exit status" "$status" 2
    like "$*: message" "$err" "xl: $1: $pattern
Usage: xl $1 *
(xl help $1 tells more)"
    is "$*: standard output" "$out" ""
    is "$*: nothing was opened" "$(calls)" ""
    run "$xl" "$1" --json "${@:2}"
    is "$*: JSON" "$(json 'd["error"]["outcome"]')" usage
}

missing="an argument is missing"
extra="unexpected argument '*'"
wrong "$missing" snapshot-create
wrong "$extra" snapshot-create web1 A B
wrong "$extra" snapshot-list web1 A
wrong "$missing" snapshot-info
wrong "$extra" snapshot-info web1 A B
wrong "$missing" snapshot-dump
wrong "$extra" snapshot-dump web1 A B
wrong "$missing" snapshot-revert web1
wrong "$extra" snapshot-revert web1 A B
wrong "$missing" snapshot-delete web1
wrong "$extra" snapshot-delete web1 A B
wrong "$missing" snapshot-rename web1 A
wrong "$extra" snapshot-rename web1 A B C
wrong "$missing" snapshot-current
wrong "$extra" snapshot-current web1 A
wrong "$extra" snapshot-recover web1 A
wrong "$missing" snapshot-redefine web1
wrong "$extra" snapshot-redefine web1 A B
wrong "--memory and --disk-only exclude each other" snapshot-redefine \
    --memory M --disk-only web1 -
wrong "$missing" snapshot-adopt
wrong "either names or --all must be given" snapshot-adopt web1
wrong "either names or --all must be given" snapshot-adopt --all web1 A
wrong "$missing" snapshot-export web1 A
wrong "$extra" snapshot-export web1 A F G
wrong "--xl and --compress exclude each other*" snapshot-export --xl \
    --compress zstd web1 A F
wrong "$missing" snapshot-import
wrong "$extra" snapshot-import F G
wrong "$missing" snapshot-clone web1 A
wrong "$extra" snapshot-clone web1 A B C
wrong "--running, --paused and --off exclude each other" snapshot-clone \
    --paused --off web1 A B
wrong "option '--directory' needs an argument" snapshot-clone web1 A B \
    --directory
wrong "$missing" snapshot-diff web1
wrong "$extra" snapshot-diff web1 A B C
wrong "$missing" snapshot-thaw
wrong "$extra" snapshot-thaw web1 A
for command in chain pull job; do
    wrong "$missing" block-$command web1
    wrong "$extra" block-$command web1 xvda x
    wrong "unknown or ambiguous option '--bogus'" block-$command web1 --bogus
done
wrong "changes nothing and has no dry run (-N)" block-chain -N web1 xvda
wrong "--info, --abort, --speed and --wait exclude each other" block-job \
    --abort --wait web1 xvda
wrong "--detach goes with --wait or --timeout; *" block-pull --detach web1 xvda
wrong "--bytes goes with a speed" block-job --bytes web1 xvda
for speed in '' x 1X M 1KB -1 9999999999999 9000000000000; do
    wrong "'$speed' is no speed: *" block-pull --bandwidth "$speed" web1 xvda
done
wrong "'1M' is no speed: *" block-job --bytes --speed 1M web1 xvda
for command in create list info dump revert delete rename current redefine \
    adopt export import clone diff recover thaw; do
    wrong "unknown or ambiguous option '--bogus'" snapshot-$command web1 --bogus
    wrong "unknown option '-x'" snapshot-$command -x web1
    wrong "unknown option '-x'" snapshot-$command web1 -xN
    wrong "option '--dry-run=no' takes no argument" snapshot-$command \
        --dry-run=no web1
done
for command in list info dump current diff thaw; do
    wrong "changes nothing and has no dry run (-N)" snapshot-$command -N web1
    wrong "changes nothing and has no dry run (-N)" snapshot-$command \
        --dry-run web1
done
run "$xl" -N snapshot-list web1
is "a global -N that does not fit" "$status" 2
wrong "option '--description' needs an argument" snapshot-create web1 \
    --description
wrong "option '--config' needs an argument" snapshot-create web1 --config
wrong "unknown or ambiguous option '--d'" snapshot-create --d web1
wrong "--tree, --names and --dot exclude each other" snapshot-list --tree --names
wrong "--tree, --names and --dot exclude each other" snapshot-list --dot --tree
wrong "--from and --current exclude each other" snapshot-list web1 --current \
    --from A
wrong "nothing that descends * is one of the --roots" snapshot-list web1 \
    --from A --roots
wrong "--descendants needs --from or --current" snapshot-list web1 --descendants
wrong "--from and --current need a domain" snapshot-list --current
wrong "option '--from' needs an argument" snapshot-list web1 --from
wrong "option '-o' needs an argument" snapshot-list web1 -o
wrong "unknown column 'nam'; there are domain, name, *, description" \
    snapshot-list -o nam
wrong "unknown column ''; *" snapshot-list -o name,
wrong "unknown column ''; *" snapshot-list --columns=
for option in "-o name" -H -p --parent; do
    for style in --tree --names --dot; do
        # shellcheck disable=SC2086 # words they are
        wrong "-o, -H, -p and --parent are for the table, *" snapshot-list \
            web1 $style $option
    done
done
wrong "the names of all domains cannot be filtered; name one" snapshot-list \
    --names --leaves
wrong "--running, --paused and --off exclude each other" snapshot-revert \
    web1 A --off --running
wrong "--undo and --no-undo exclude each other" snapshot-revert web1 A --undo \
    --no-undo
wrong "--merge, --merge-force, --discard and --discard-force exclude each other" \
    snapshot-delete web1 A --merge --discard
wrong "--merge, --merge-force, --discard and --discard-force go with none of *" \
    snapshot-delete web1 A --children --discard
wrong "option '--diskspec' needs an argument" snapshot-create web1 --diskspec
spec() {
    wrong "--diskspec: $2" snapshot-create web1 --diskspec "$1"
}
spec "" "it begins with the disk, *"
spec ",snapshot=no" "it begins with the disk, *"
spec "snapshot=no" "it begins with the disk, *"
spec "xvda,snapshot=both" "snapshot=both is neither *"
spec "xvda,file=a" "file=a is not an absolute path"
spec "xvda,file=" "file= is not an absolute path"
spec "xvda,format=raw" "an overlay's format is qcow2 or qed, not raw"
spec "xvda,hook=h" "hook=h is not an absolute path"
spec "xvda,snapshot=manual" "xvda: snapshot=manual needs hook=PROGRAM; one for LVM thin volumes is /*/hooks/lvm-thin"
spec "xvda,snapshot=no,hook=/h" "xvda: hook= is for snapshot=manual"
spec "xvda,file=/a,hook=/h" "xvda: hook= is for snapshot=manual"
spec "xvda,snapshot=manual,hook=/h,file=/a" "xvda: file=, format= and reuse *"
for command in create revert delete recover; do
    wrong "'0' is no time: seconds, from 1 to 3600" snapshot-$command web1 \
        --hook-timeout 0
done
spec "xvda,reuse" "xvda: reuse needs file=PATH"
spec "xvda,snapshot=no,file=/a" "xvda: file=, format= and reuse are for *"
spec "xvda,reuse=yes" "'reuse' is not snapshot=, *"
wrong "--diskspec: xvda is named twice" snapshot-create web1 --diskspec xvda \
    --diskspec xvda,snapshot=no
wrong "--children and --children-only exclude each other" snapshot-delete \
    --children web1 A --children-only
for seconds in '' 0 -1 3601 10s 99999999999999999999 0x10 '1 '; do
    wrong "'$seconds' is no time: seconds, from 1 to 3600" snapshot-create \
        web1 --disk-only --quiesce --quiesce-timeout "$seconds"
    wrong "'$seconds' is no time: seconds, from 1 to 3600" snapshot-thaw \
        web1 --timeout "$seconds"
done
for size in '' 5 1X M 1023K -5M 12345678M 5MB 0G; do
    wrong "'$size' is no size: a number with K, M, G or T behind it, and not less*" \
        snapshot-create web1 --memory-buffer "$size"
done
for level in '' -1 20 1x 99999999999; do
    wrong "'$level' is no number from 0 to 19" snapshot-create web1 \
        --memory-level "$level"
done
for disk_only in '--memory-level 3' '--memory-buffer 3M' '--memory-digest sha256'; do
    # shellcheck disable=SC2086 # two words
    wrong "--memory-buffer, --memory-level and --memory-digest do not go with --disk-only" \
        snapshot-create web1 --disk-only $disk_only
done
wrong "--memory-digest: 'md5' is not known here, only sha256 is" \
    snapshot-create web1 --memory-digest md5
wrong "--quiesce is for snapshots without memory: add --disk-only" \
    snapshot-create web1 --quiesce
wrong "--quiesce-timeout goes with --quiesce" snapshot-create web1 \
    --disk-only --quiesce-timeout 3
wrong "unknown option '-\\\\x01'" snapshot-create web1 $'-\x01'

snapshot 1 0 A | put created
"$xl" snapshot-create web1 A --memory-buffer 3M --memory-level 0 --pause-budget 250 \
    > /dev/null
is "memory's options" "$(calls)" "create [web1] [A] []
memory 3145728 -1 budget 250
created"
"$xl" snapshot-create web1 A --memory-buffer=2G --memory-level=19 > /dev/null
is "memory's options, large" "$(calls)" "create [web1] [A] []
memory 2147483648 19 budget 0
created"

"$xl" snapshot-create web1 A --memory-digest sha256 > /dev/null
is "a digest" "$(calls)" "create [web1] [A] [] sha256
created"

# Options anywhere, shortened, joined with their argument; -- ends them.
snapshot 1 0 A | put created
run "$xl" snapshot-create web1 --disk-only A --description "some text"
is "options between" "$(calls)" "create [web1] [A] [some text] disk-only
created"
run "$xl" snapshot-create --descr="some text" web1 --disk-o A
is "shortened" "$(calls)" "create [web1] [A] [some text] disk-only
created"
run "$xl" snapshot-create -- web1 --disk-only
is "after --" "$(calls)" "create [web1] [--disk-only] []
created"
run "$xl" snapshot-create --description --json web1
is "an argument that looks like an option" "$(calls)" \
    "create [web1] [] [--json]
created"
like "is no option" "$out" "Snapshot *"
run "$xl" snapshot-create "" ""
is "empty operands are handed on" "$(calls)" "create [] [] []
created"
run "$xl" snapshot-delete web1 A --children --children
is "the same twice" "$status" 0
finish

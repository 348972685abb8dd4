#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The hook for LVM thin volumes above a fake LVM: killed before and after each
# step and called again, and what it refuses. tests/system/manual.sh has the
# real LVM.
set -u
hook=${srcdir:?}/tools/hooks/lvm-thin
work=$(mktemp -d "${TMPDIR:-/tmp}/xl-hook.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/vg"
for tool in lvs lvcreate lvrename lvremove lvchange; do
    ln -s "$(realpath "$srcdir")/tests/hooks/fake-lvm" "$work/bin/$tool"
done
export FAKE_LVM=$work/vg
failures=0

# call ACTION [FOR]
call() {
    echo 0 >"$work/steps"
    out=$(env PATH="$work/bin:$PATH" XL_SNAPSHOT_ACTION="$1" \
        XL_SNAPSHOT_FOR="${2:-}" XL_SNAPSHOT_ID="${id:-3-0a1b2c3d}" \
        XL_SNAPSHOT_PATH="${path:-/dev/vg/root}" XL_SNAPSHOT_DOMAIN=g \
        "$hook" 2>&1 </dev/null)
}

is() {
    if [ "$2" = "$3" ]; then
        echo "ok - $1"
    else
        failures=$((failures + 1))
        printf 'not ok - %s\n  got: %s\n  expected: %s\n  %s\n' "$1" "$2" "$3" "$out"
    fi
}

works() {
    local text=$1
    shift
    call "$@"
    is "$text" $? 0
}

# refuses WORDS ACTION [FOR]
refuses() {
    local words=$1
    shift
    call "$@"
    is "$*: refused: $words" "$?-$(grep -c -- "$words" <<<"$out")" 1-1
}

# "NAME:CONTENTS:TAGS ..."
state() {
    (cd "$work/vg" && for v in *; do
        printf '%s:%s:%s\n' "$v" "$(sed -n 1p "$v")" "$(sed -n 2p "$v")"
    done) | xargs
}

put() {
    printf '%s\n%s\n%s\n' "$2" "${3:-}" "${4:-thin}" >"$work/vg/$1"
}

fresh() {
    rm -f "$work"/vg/*
    put root "${1:-present}" user,other
    echo 12.50 >"$work/data"
}

snap=root-snap-3-0a1b2c3d
new=root-new-3-0a1b2c3d
old=root-old-3-0a1b2c3d
whole="root:past:user,other $snap:past:xl-snapshot"

# ---- as it should be ----

fresh past
works "check" check create
works "create" create
is "the snapshot" "$(state)" "$whole"
refuses "already" create
refuses "already" check create
put root present user,other
works "check revert" check revert
works "revert" revert
is "it is back" "$(state)" "$whole"
steps=$(cat "$work/steps")
is "in six steps" "$steps" 6
works "check delete" check delete
works "delete" delete
works "delete again" delete
works "check delete of nothing" check delete
is "deleted" "$(state)" "root:past:user,other"
refuses "is gone" check revert
refuses "is gone" revert

# The same by its other name, with hyphens in both.
fresh past
mv "$work/vg/root" "$work/vg/a-b"
path=/dev/mapper/vg-a--b works "the other name" create
is "the snapshot" "$(state)" "a-b:past:user,other a-b-snap-3-0a1b2c3d:past:xl-snapshot"
path=/dev/mapper/v--g-a refuses '^error: lvs v-g' check create

# ---- killed ----

for when in before after; do
    for ((step = 1; step <= steps; step++)); do
        fresh past
        works "create" create
        put root present user,other
        FAKE_DIE=$when:$step call revert
        is "killed $when step $step" $? 137
        is "the snapshot is there" "$(state | grep -c "$snap:past:xl-snapshot")" 1
        is "and the present or what it becomes" \
            "$(state | grep -c -e "root:" -e "$old:present")" 1
        # A second time, at every step that is left.
        for again in before:1 after:1 before:2; do
            FAKE_DIE=$again call revert && break
        done
        works "revert again" revert
        is "it is back" "$(state)" "$whole"
    done
    fresh past
    FAKE_DIE=$when:1 call create
    works "delete of a create that was killed" delete
    is "nothing stayed" "$(state)" "root:past:user,other"
    works "create" create
    FAKE_DIE=$when:1 call delete
    works "delete of a delete that was killed" delete
    is "nothing stayed" "$(state)" "root:past:user,other"
done

# Somebody has it open: it is not lost track of.
fresh past
works "create" create
put root present user,other
touch "$work/busy"
refuses "in use" revert
rm "$work/busy"
works "revert again" revert
is "it is back" "$(state)" "$whole"

# ---- refused ----

fresh
put "$snap" past xl-snapshot
put $old "foreign"
refuses "in the way" check revert
refuses "in the way" revert
fresh
put "$snap" "foreign" user
for action in "check revert" revert "check delete" delete; do
    # shellcheck disable=SC2086 # words they are
    refuses "not one of ours" $action
done
is "it was not touched" "$(state)" \
    "root:present:user,other $snap:foreign:user"
fresh
put root present '' linear
refuses "not a thin volume" check create
fresh
echo 95.00 >"$work/data"
refuses "data of the thin pool vg/pool is 95 % full" check create
refuses "full" create
echo 94.99 >"$work/data"
works "a little room" check create
rm "$work/vg/root"
refuses "no volume vg/root" create
fresh
put $new past xl-snapshot-new-3-0a1b2c3d
rm "$work/vg/root"
put "$snap" past xl-snapshot
refuses "no volume vg/root" revert
fresh
id='3; touch pwned' refuses "is not one that xl makes" create
id='../x' refuses "is not one that xl makes" delete
# shellcheck disable=SC2016 # it is not to be run
for path in root /dev/root "/dev/vg/a b" '/dev/vg/$(touch pwned)' /dev/vg/../sda \
    /dev/vg/-root /dev/vg/a/b /dev/mapper/ /dev/mapper/vg /dev/mapper/a/b ''; do
    [ -n "$path" ] || path=/
    refuses "^error:" check create
done
path=
path=/dev/vg/$(printf '%0120d' 7)
put "${path##*/}" present
refuses "too long" check create
path=
is "nothing of it was run" "$(find . -maxdepth 1 -name pwned)" ""
refuses "is not known" eat
is "all is as it was" "$(state | grep -c "root:present:user,other")" 1

echo "$failures failures"
[ $failures -eq 0 ]

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What every scenario in dom0 shares. A scenario sources it, makes checks, and
# ends with `finish`. Several scenarios may run one after the other in one
# boot: finish destroys the guests that guest_start started.
#
#   check TEXT COMMAND...              the command succeeds
#   check_not TEXT COMMAND...          it fails by itself (not by a signal,
#                                      and it exists)
#   check_exit CODE TEXT COMMAND...    it exits with exactly this code
#   check_output REGEX TEXT COMMAND... it succeeds and prints a matching line
#   check_equal WANTED FOUND TEXT
#   check_said REGEX TEXT              the last check's command printed a matching line
#   note TEXT                          say what comes next, and when
#   finish                             how long it took, "N checks passed, M failed",
#                                      and exit
#
# A check's command may be a function of the scenario. What it printed is in
# the file $OUTPUT afterwards, and is shown when the check fails.

set -u

export SYSTEM_XL=/usr/sbin/xl
WORK=$(mktemp -d /tmp/scenario.XXXXXX)
OUTPUT=$WORK/output
passed=0
failed=0
finished=
guests=()

note() {
    printf '# %s (%d s)\n' "$*" "$SECONDS"
}

pass_() {
    passed=$((passed + 1))
    printf 'ok      %s\n' "$1"
}

fail_() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
    shift
    [ $# -eq 0 ] || printf '        %s\n' "$*"
    [ ! -s "$OUTPUT" ] || tail -n 30 "$OUTPUT" | sed 's/^/        | /'
}

check() {
    local text=$1 status
    shift
    "$@" >"$OUTPUT" 2>&1 </dev/null && { pass_ "$text"; return 0; }
    status=$?
    fail_ "$text" "exit status $status of: $*"
    return 1
}

check_not() {
    local text=$1 status
    shift
    "$@" >"$OUTPUT" 2>&1 </dev/null
    status=$?
    [ $status -gt 0 ] && [ $status -lt 126 ] && { pass_ "$text"; return 0; }
    fail_ "$text" "exit status $status of: $*"
    return 1
}

check_exit() {
    local wanted=$1 text=$2 status
    shift 2
    "$@" >"$OUTPUT" 2>&1 </dev/null
    status=$?
    [ $status -eq "$wanted" ] && { pass_ "$text"; return 0; }
    fail_ "$text" "exit status $status, not $wanted, of: $*"
    return 1
}

check_output() {
    local regex=$1 text=$2 status
    shift 2
    "$@" >"$OUTPUT" 2>&1 </dev/null
    status=$?
    if [ $status -eq 0 ] && grep -Eq -- "$regex" "$OUTPUT"; then
        pass_ "$text"
        return 0
    fi
    fail_ "$text" "no line matches '$regex', or exit status $status, of: $*"
    return 1
}

check_said() {
    grep -Eq -- "$1" "$OUTPUT" && { pass_ "$2"; return 0; }
    fail_ "$2" "no line matches '$1'"
    return 1
}

check_equal() {
    : >"$OUTPUT"
    [ "$1" = "$2" ] && { pass_ "$3"; return 0; }
    fail_ "$3" "wanted '$1', found '$2'"
    return 1
}

# guest_start NAME [OPTION OF LABGUEST START]...: a counting guest, destroyed
# with its disks by finish.
# An earlier scenario's guest of that name may have left snapshots.
# What runs under emulated SVM may be faulted by the emulation, most of all while
# it boots; Xen then has xl start it again, which is waited for, and told.
guest_start() {
    local faults
    guests+=("$1")
    rm -rf "/var/lib/xen/snapshots/${1:?}"
    faults=$(triple_faults)
    check "guest $1 starts and counts" labguest start -n "$@"
    [ "$(triple_faults)" -eq "$faults" ] ||
        note "THE EMULATED PROCESSOR FAULTED $1 WHILE IT STARTED; xl has started it again"
}

# until_agent answers|hangs: what guest g was told to do to its agent takes it a
# moment.
until_agent() {
    local n
    for n in $(seq 15); do
        if xl -N snapshot-create --disk-only --quiesce --quiesce-timeout 2 g no
        then
            [ "$1" = answers ] && return 0
        else
            [ "$1" = hangs ] && return 0
        fi
        sleep 0.2
    done
    echo "after $n tries it does not: $1"
    return 1
}

triple_faults() {
    [ "${XENLAB_GUEST_TYPE:-pv}" != pv ] || { echo 0; return; }
    "$SYSTEM_XL" dmesg | grep -ac 'Triple fault' || true
}

guest_count() {
    labguest counters "$1" count
}

guest_boot() {
    labguest counters "$1" boot
}

# disks_agree COUNT IMAGE|NAME [LABGUEST OPTION]...: the disks are of one instant
# of a guest whose count in RAM was COUNT ("-" for any). They are written one
# after the other, so the first may be ahead of the last by one. Only for
# disks that nobody is writing to, and for internal snapshots.
disks_agree() {
    local ram=$1 first='' last='' count
    shift
    labguest disk-counters -c "$@" >"$WORK/counts" || return 1
    echo "RAM: $ram, disks:"
    cat "$WORK/counts"
    while read -r count; do
        [ -z "$last" ] || [ "$count" -le "$last" ] || return 1
        first=${first:-$count}
        last=$count
    done <"$WORK/counts"
    [ -n "$first" ] && [ $((first - last)) -le 1 ] || return 1
    [ "$ram" = - ] || { [ "$first" -le "$ram" ] && [ "$last" -ge $((ram - 1)) ]; }
}

finish() {
    local name
    finished=yes
    for name in "${guests[@]+"${guests[@]}"}"; do
        labguest destroy "$name" >"$OUTPUT" 2>&1 ||
            fail_ "guest $name is destroyed at the end"
    done
    rm -rf "$WORK"
    echo "$(basename "$0") took $SECONDS s"
    echo "$passed checks passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# A scenario that ends before its finish has failed, whatever it says.
ended_() {
    local status=$?
    [ -n "$finished" ] && exit $status
    fail_ "the scenario ended before its end (status $status)"
    finish
}
trap ended_ EXIT

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who acts on a guest's end, after what: always exactly one, the right one, and
# in the way that the guest's configuration says. reboot.sh has what people see
# of it; this looks at the watchers themselves.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

LOGS=/var/log/xen
RUN=/run/xen

# The xl of 4.20 goes on after a suspend, so that nobody has to take its place.
minor=$("$SYSTEM_XL" info | sed -n 's/^xen_minor *: *//p')
after_snapshot=ours
[ "$minor" -lt 20 ] || after_snapshot=xl

# watcher_pids DOMID: "KIND PID" of each process that watches it. Found in
# another way than xl does: through the logs, not through the processes.
# The last such line of a log counts. One look at all logs: a boot that has run
# for a while has a hundred of them, and each process is slow to start.
watcher_pids() {
    local log line pid kind
    local -A last=()
    while IFS= read -r line; do
        last[${line%%:Waiting for domain *}]=$line
    done < <(grep -aH '^Waiting for domain .* to die \[pid [0-9]*\]$' "$LOGS"/xl-*.log*)
    for log in "${!last[@]}"; do
        line=${last[$log]}
        pid=${line##*\[pid }
        pid=${pid%\]}
        [ -d "/proc/$pid" ] || continue
        case $line in *" (domid $1) to die "*) ;; *) continue ;; esac
        case $(readlink "/proc/$pid/exe") in */xl) ;; *) continue ;; esac
        [ "$(readlink "/proc/$pid/fd/2")" = "$log" ] || continue
        kind=xl
        ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q ' snapshot-monitor ' || kind=ours
        echo "$kind $pid"
    done | sort
}

# "xl", "ours", "ours xl", or nothing.
kinds() {
    watcher_pids "$(labguest domid "$1")" | cut -d' ' -f1 | paste -sd' '
}

pid_of() {
    watcher_pids "$(labguest domid "$2")" | sed -n "s/^$1 //p"
}

# A watcher needs a moment to see what has happened.
wait_kinds() {
    local have
    for _ in $(seq 100); do
        have=$(kinds "$1" 2>/dev/null)
        [ "$have" = "$2" ] && break
        sleep 0.2
    done
    echo "watched by: '$have'"
    [ "$have" = "$2" ]
}

wait_ended() {
    for _ in $(seq 100); do
        [ -d "/proc/$1" ] || return 0
        sleep 0.1
    done
    return 1
}

uuid_of() {
    local vm
    vm=$(xenstore-read "/local/domain/$(labguest domid "$1")/vm")
    echo "${vm#/vm/}"
}

monitor() {
    local name=$1
    shift
    xl snapshot-monitor --domid "$(labguest domid "$name")" \
        --uuid "$(uuid_of "$name")" "$@"
}

acts() {
    grep -ac 'shut down (' "$LOGS/xl-snapshot-$1.log" 2>/dev/null || true
}

domains_like() {
    "$SYSTEM_XL" list | grep -c "^$1" || true
}

reboots() {
    local boot
    boot=$(guest_boot "$1")
    check "$1 is told to reboot" labguest command "$1" reboot
    check "it comes back" labguest wait "$1" --other-boot "$boot" --timeout 240
    check_equal 1 "$(domains_like "$1")" "and there is one of it"
}

powers_off() {
    check "$1 is told to power off" labguest command "$1" poweroff
    check "it is gone" labguest gone "$1"
}

no_lock_left() {
    sleep 1
    ! ls "$RUN"/xl-snapshot-monitor-*.lock
}

standing_by() {
    grep -a "standing by until process $2," "$LOGS/xl-snapshot-$1.log"
}

clean_monitor() {
    local pid=$1 fd parent group session terminal
    ls -l "/proc/$pid/fd"
    [ "$(readlink "/proc/$pid/cwd")" = / ] || return 1
    [ "$(readlink "/proc/$pid/fd/0")" = /dev/null ] || return 1
    # parent, group, session, terminal
    read -r _ _ _ parent group session terminal _ <"/proc/$pid/stat"
    echo "parent $parent, group $group, session $session, terminal $terminal"
    [ "$parent" -eq 1 ] && [ "$terminal" -eq 0 ] && [ "$session" -ne "$pid" ] || return 1
    [ "$session" -ne "$(cut -d' ' -f6 /proc/$$/stat)" ] || return 1
    for fd in /proc/"$pid"/fd/*; do
        case $(readlink "$fd") in
        /dev/null|"$LOGS"/*|/dev/xen/*|/proc/xen/*|socket:*|pipe:*|anon_inode:*) ;;
        "$RUN"/xl-snapshot-monitor-*) ;;
        *) readlink "$fd"; return 1 ;;
        esac
    done
}

note "one watcher after any number of snapshots (Xen 4.$minor: $after_snapshot)"
guest_start a
check "xl's daemon watches" wait_kinds a xl
check "a snapshot" xl snapshot-create a one
check "$after_snapshot watches, alone" wait_kinds a $after_snapshot
pid=$(pid_of $after_snapshot a)
check "a second" xl snapshot-create a two
check "a third" xl snapshot-create a three
check "a disk-only one" xl snapshot-create --disk-only a four
sleep 1
check "still $after_snapshot alone" wait_kinds a $after_snapshot
check_equal "$pid" "$(pid_of $after_snapshot a)" "the same process"
[ $after_snapshot = xl ] || check "it keeps nothing open" clean_monitor "$pid"
reboots a
check "and goes on watching" wait_kinds a $after_snapshot
check_equal "$pid" "$(pid_of $after_snapshot a)" "as the same process"
if [ $after_snapshot = ours ]; then
    check_equal "$RUN/xl-snapshot-monitor-$(labguest domid a).lock" \
        "$(ls "$RUN"/xl-snapshot-monitor-*.lock)" "its lock has moved on"
fi
check "a snapshot after the reboot" xl snapshot-create a five
reboots a
check "back to the first" xl snapshot-revert a one
check "xl's daemon watches what xl restored" wait_kinds a xl
check "the old watcher has gone" wait_ended "$pid"
check "off, and booted from the disks alone" xl snapshot-revert --running a four
check "it counts" labguest wait a
check "ours watches what we booted" wait_kinds a ours
reboots a
powers_off a
check "no lock is left" no_lock_left

note "on_crash"
guest_start b --extra-cfg 'on_crash = "rename-restart"'
check "snapshot" xl snapshot-create b one
boot=$(guest_boot b)
check "it is told to crash" labguest command b crash
check "it comes back" labguest wait b --other-boot "$boot" --timeout 240
check_equal 1 "$(domains_like 'b ')" "under its name, once"
check_equal 1 "$(domains_like 'b-2')" "and the crashed one, once, under another"
check "one watches the new one" wait_kinds b $after_snapshot
"$SYSTEM_XL" destroy "$("$SYSTEM_XL" list | sed -n 's/^\(b-2[^ ]*\).*/\1/p')"
powers_off b

guest_start c -m 128 --extra-cfg 'on_crash = "coredump-destroy"'
mkdir -p /var/lib/xen/dump
check "snapshot" xl snapshot-create c one
check "it is told to crash" labguest command c crash
check "it is gone" labguest gone c --timeout 120
check "its core is there" test -s /var/lib/xen/dump/c
rm -f /var/lib/xen/dump/c

note "two at once: ours stands by while xl's daemon lives"
guest_start d
daemon=$(pid_of xl d)
check "ours is started" monitor d --after-pid "$daemon"
check "both are there" wait_kinds d 'ours xl'
check "ours stands by" standing_by d "$daemon"
for _ in 1 2 3 4 5; do
    monitor d --after-pid "$daemon" >>"$WORK/more" 2>&1 || echo failed >>"$WORK/more" &
done
wait
check_not "five more say nothing of a failure" grep . "$WORK/more"
check_equal "ours xl" "$(kinds d)" "and change nothing"
reboots d
check_equal 0 "$(acts d)" "not ours acted"
check "xl's daemon watches on, ours has gone with the old domain" wait_kinds d xl

check "ours again" monitor d --after-pid "$(pid_of xl d)"
check "both are there" wait_kinds d 'ours xl'
kill "$(pid_of xl d)"
check "the daemon is killed: ours is left" wait_kinds d ours
reboots d
check_equal 1 "$(acts d)" "ours acted, once"
check "and watches on" wait_kinds d ours
powers_off d
check "no lock is left" no_lock_left

note "a daemon that sleeps through the suspend does not leave"
guest_start e
daemon=$(pid_of xl e)
kill -STOP "$daemon"
check "a snapshot meanwhile" xl snapshot-create e one
kill -CONT "$daemon"
sleep 2
kinds e
check "somebody is there" test -n "$(kinds e)"
reboots e
check "one watches it" test "$(kinds e | wc -w)" = 1
powers_off e

note "an updated configuration"
guest_start f
check "snapshot" xl snapshot-create f one
check "xl config-update" "$SYSTEM_XL" config-update f "$(labguest cfg f)"
reboots f
check "xl has started it, and watches" wait_kinds f xl
powers_off f

note "guests that are not ours to watch"
guest_start g --no-create
check "created without a daemon" "$SYSTEM_XL" create -q -e "$(labguest cfg g)"
check "it counts" labguest wait g
check "snapshot" xl snapshot-create g one
sleep 2
check_equal "" "$(kinds g)" "nobody watches, as before"

note "bad requests"
check_not "no arguments" xl snapshot-monitor
check_not "no domain" xl snapshot-monitor --domid 32000 --uuid "$(uuid_of g)"
check_output 'domain 32000 is gone' "it says so" \
    sh -c "! xl snapshot-monitor --domid 32000 --uuid '$(uuid_of g)'"
check_not "another uuid" xl snapshot-monitor --domid "$(labguest domid g)" \
    --uuid 00000000-0000-0000-0000-000000000001
check_not "a domid that is none" xl snapshot-monitor --domid 1x --uuid "$(uuid_of g)"
check_not "dom0" xl snapshot-monitor --domid 0 --uuid "$(uuid_of g)"
check "no lock is left" no_lock_left
finish

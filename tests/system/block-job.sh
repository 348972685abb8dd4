#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Block jobs of a running guest that writes all the time: the images listed;
# pulls with and without a base, stopped on the way and begun again; an xl that
# is killed, and the job found again, or the guest that it had paused; one job a
# disk; each end told once; a clone beside it; and what the snapshots and libxl
# say afterwards.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

guest_start g -d 1 --no-create
disk=$(labguest disks g)
check "something to be pulled" qemu-io -f qcow2 -c "write -P 7 16M 40M" "$disk"
check "create" "$SYSTEM_XL" create -q "$(labguest cfg g)"
check "it counts" labguest wait g

# member NAME: of the job, by block-job --json, which ends nothing.
member() {
    xl -N block-job --json g xvda |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

images() {
    xl block-chain --json "${domain:-g}" xvda |
        python3 -c 'import json, sys
for image in json.load(sys.stdin)["images"]: print(image["path"])'
}

# past PERCENT: waits until the job is.
past() {
    local n current end
    for n in $(seq 600); do
        current=$(member current)
        end=$(member end)
        [ "$end" -gt 0 ] && [ $((current * 100)) -ge $((end * $1)) ] && return
        sleep 0.1
    done
    echo "after $n looks it is at $current of $end"
    return 1
}

has_status() {
    local n
    for n in $(seq 300); do
        [ "$(member status)" = "$1" ] && return
        sleep 0.1
    done
    echo "after $n looks it is $(member status)"
    return 1
}

stored_path() {
    "$SYSTEM_XL" list -l g | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["config"]["disks"][0]["pdev_path"])'
}

runs_on() {
    labguest wait g --past $(($(guest_count g) + 5)) && labguest healthy g
}

# What the chain says that the image builds on.
chain_backing() {
    python3 - "$1" <<'END'
import json, sys
with open('/var/lib/xen/snapshots/g/chain.json') as file:
    images = {image['path']: image for image in json.load(file)['images']}
print(images[sys.argv[1]].get('backing'))
END
}

# killed POINT COMMAND: with and without a guard in turn; it goes on in any case.
turn=0
killed() {
    local without=
    turn=$((turn + 1))
    [ $((turn % 2)) -eq 0 ] || without=1
    check_exit 137 "killed at $1, with${without:+out} a guard" \
        env XL_SNAPSHOT_NO_GUARD=$without XL_SNAPSHOT_STOP_AT="$1" "${@:2}"
    [ -z "$without" ] || check "recover" xl snapshot-recover g
    check "the guest runs on" runs_on
    check "recover finds nothing more" xl snapshot-recover g
    check_not "no journal is left" test -e /var/lib/xen/snapshots/g/journal.json
}

note "a chain of images"
for name in e1 e2 e3; do
    check "snapshot $name" xl snapshot-create --external --disk-only g "$name"
    check "it runs on" runs_on
done
check "block-chain" xl block-chain g xvda
sed 's/^/        /' "$OUTPUT"
check_said "e3.*active" "the active image comes first"
check_said "$disk .*snapshot 'e1' needs it" "the first was frozen by e1"
mapfile -t all < <(images)
check_equal 4 "${#all[@]}" "it has four images"
check_exit 5 "a disk that is not there" xl block-chain g xvdz
check_output "No block job" "there is no job" xl block-job g xvda
check_exit 3 "nothing to wait for" xl block-job --wait g xvda

note "refused"
check_output '"pull"' "a dry run" xl -N block-pull --base "${all[2]}" g xvda
check_output "No block job" "has begun nothing" xl block-job g xvda
check_exit 5 "an image that is not below" xl block-pull --base /etc/hostname g xvda
check_exit 5 "what it builds on already" xl block-pull --base "${all[1]}" g xvda
check_exit 3 "a disk that is not there" xl block-pull g xvdz

note "a clone reads the images, too"
boot=$(guest_boot g)
check "clone" xl snapshot-clone --running g e3 twin
check "it counts" labguest wait twin --other-boot "$boot" --timeout 240
mapfile -t twin < <(domain=twin images)
check_equal "${all[*]:1}" "${twin[*]:1}" "it builds on the same images"

note "down to an image"
check_output completed "pull" xl block-pull --base "${all[2]}" --wait g xvda
check_output "No block job" "its end is told once" xl block-job g xvda
check_equal "${all[0]} ${all[2]} ${all[3]}" "$(images | xargs)" \
    "it builds on what was named"
check "it runs on" runs_on
check_equal "e1 e2 e3" "$(xl snapshot-list --names g | xargs)" \
    "the snapshots are there"

note "and the clone"
check "is healthy" labguest healthy twin
check_equal "${twin[*]}" "$(domain=twin images | xargs)" "builds on what it did"
check_exit 5 "may not begin to read another image of the original's" \
    xl block-pull --base "${all[2]}" twin xvda
check_said "another domain's" "which is said"
check_output completed "it can do without all of them" xl block-pull --wait twin xvda
check_equal "${twin[0]}" "$(domain=twin images | xargs)" "it builds on nothing"
check "is healthy" labguest healthy twin
check "it is destroyed" "$SYSTEM_XL" destroy twin
check "its image is sound" qemu-img check -q "${twin[0]}"
check "the original's chain has it" \
    grep -q "${twin[0]}" /var/lib/xen/snapshots/g/chain.json
check "recover" xl snapshot-recover g
check_not "and has no more" grep -q "${twin[0]}" /var/lib/xen/snapshots/g/chain.json
rm "${twin[0]}"

note "stopped on the way"
before=$(images | xargs)
for percent in 10 30 50; do
    check "pull" xl block-pull --bandwidth 1 g xvda
    check "past $percent %" past "$percent"
    [ "$percent" != 30 ] || {
        check_exit 4 "a second job is refused" xl block-pull g xvda
        check_exit 4 "and a snapshot" xl snapshot-create --disk-only g no
        check_exit 4 "and an external one" \
            xl snapshot-create --external --disk-only g no
    }
    check "it runs on" runs_on
    check "stop" xl block-job --abort g xvda
    sed 's/^/        /' "$OUTPUT"
    check_output "No block job" "it is gone" xl block-job g xvda
    check_equal "$before" "$(images | xargs)" "the images are as before"
    check "it runs on" runs_on
done
check_exit 7 "a limit of time" xl block-pull --bandwidth 64K --timeout 1 g xvda
check_output "No block job" "it is gone" xl block-job g xvda

note "Ctrl-C"
xl block-pull --bandwidth 64K --wait g xvda >"$WORK/wait" 2>&1 </dev/null &
waiter=$!
check "it has begun" has_status running
kill -INT $waiter
wait $waiter
check_equal 7 $? "it ends"
check_output "No block job" "and so does the job" xl block-job g xvda
xl block-pull --bandwidth 64K --wait --detach g xvda >"$WORK/wait" 2>&1 </dev/null &
waiter=$!
check "begun again" has_status running
kill -INT $waiter
wait $waiter
check_equal 0 $? "with --detach it ends"
check_output "[0-9] %" "and the job goes on" xl block-job g xvda
check "stop" xl block-job --abort g xvda

note "killed while one begins"
for point in job:pause job:start job:unpause; do
    killed $point xl block-pull --bandwidth 64K g xvda
    [ $point = job:unpause ] || check_output "No block job" "there is no job" \
        xl block-job g xvda
done
check_output "[0-9] %" "the job is there" xl block-job g xvda
killed job:pause xl block-job --abort g xvda
killed job:cancel xl block-job --abort g xvda
killed job:dismiss xl block-job --abort g xvda
check_output "No block job" "it is gone" xl block-job g xvda
check_equal "${all[0]} ${all[2]} ${all[3]}" "$(images | xargs)" \
    "the images are as before"

note "killed while one ends"
check "pull" xl block-pull --base "${all[3]}" g xvda
check "all is copied" has_status ready
killed job:pause xl block-job g xvda
check_equal ready "$(member status)" "it is still to be ended"
killed job:finalize xl block-job g xvda
check_equal ready "$(member status)" "it is still to be ended"
check_equal "${all[2]}" "$(chain_backing "${all[0]}")" "the chain has not changed"
killed job:dismiss xl block-job g xvda
check_output "No block job" "it has ended" xl block-job g xvda
check_equal "${all[0]} ${all[3]}" "$(images | xargs)" "the images tell so"
check_equal "${all[3]}" "$(chain_backing "${all[0]}")" "and the chain"

note "xl is killed, and the job found again"
xl block-pull --bandwidth 64K --wait g xvda >"$WORK/wait" 2>&1 </dev/null &
waiter=$!
check "it has begun" has_status running
kill -9 $waiter
wait $waiter 2>/dev/null
check_output "[0-9] %" "block-job finds it" xl block-job g xvda
check_output "[0-9] %" "and sets its speed" xl block-job --speed 0 g xvda
check_output "completed" "and waits for it" xl block-job --wait g xvda
check_output "No block job" "its end is told once" xl block-job g xvda
check_equal "${all[0]}" "$(images | xargs)" "it builds on nothing"
check_equal "${all[0]}" "$(stored_path)" "libxl has its image"
check_exit 5 "there is nothing more to pull" xl block-pull g xvda
check "it runs on" runs_on

note "nobody waits"
check "snapshot e4" xl snapshot-create --external --disk-only g e4
check "pull" xl block-pull g xvda
check "all is copied" has_status ready
check_exit 4 "nothing else may begin yet" xl snapshot-create --disk-only g no
check "it runs on" runs_on
check_output "completed" "the next to look ends it" xl block-job g xvda
check_output "No block job" "once" xl block-job g xvda
check_equal 1 "$(images | wc -l)" "it builds on nothing"
check "snapshot e5" xl snapshot-create --external --disk-only g e5
check_output '"completed"' "pull, in JSON" xl block-pull --wait --json g xvda
for point in job:unpause job:publish; do
    check "snapshot" xl snapshot-create --external --disk-only g "last-${point#job:}"
    check "pull" xl block-pull g xvda
    check "all is copied" has_status ready
    killed $point xl block-job g xvda
    check_equal 1 "$(images | wc -l)" "the image builds on nothing"
    check_equal None "$(chain_backing "$(images)")" "and so says the chain"
done
boot=$(guest_boot g)
check "the guest is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy g

note "the snapshots hold what they held"
check "verify" xl snapshot-verify g
check "revert to e2" xl snapshot-revert --running --no-undo g e2
check "it counts" labguest wait g --timeout 240
check "it is healthy" labguest healthy g
check "the chain has followed" xl snapshot-delete g e3
check "and e1" xl snapshot-delete g e1
check "it is healthy" labguest healthy g
check "recover" xl snapshot-recover g
sed 's/^/        /' "$OUTPUT"
last=$(stored_path)
mapfile -t all < <(images)
"$SYSTEM_XL" destroy g
check_exit 5 "a job of a domain that is off" xl block-pull g xvda
check_exit 5 "is nobody's" xl block-job g xvda
check "its images are told by its snapshots" xl block-chain g xvda
check "its image holds what was written before all this" \
    qemu-io -r -f qcow2 -c "read -P 7 16M 40M" "$last"
check_not "every byte of it" grep -q "failed" "$OUTPUT"
for image in "${all[@]}"; do
    check "$(basename "$image") is sound" qemu-img check -q "$image"
done

finish

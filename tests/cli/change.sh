#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands that change something: what they ask for, and what they say.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# ---- create ----

disk() {
    printf '{"vdev": "%s", "path": "/img/%s", "format": "qcow2",
             "treatment": "%s"}' "$1" "$1" "$2"
}

# created STATE MEMORY BYTES PAUSE DISKS
created() {
    printf '{"serial": 1, "name": "A", "created": 1795207530, "state": "%s",
             "memory": %s, "memory_bytes": %d, "pause_us": %d,
             "disks": [%s]}' "$@" | put created
}

created running true 268435456 143210 \
    "$(disk xvda internal), $(disk xvdb internal)"
run "$xl" snapshot-create web1 A
is "create: calls" "$(cat "$XL_TEST_DIR/calls")" "open xen
create [web1] [A] []
created
close"
rm "$XL_TEST_DIR/calls"
is "create: output" "$out" "Snapshot 'A' of domain 'web1' taken: \
memory 256 MiB and 2 disks (xvda, xvdb); the guest was paused for 143 ms."
is "create: nothing else" "$err" ""
run "$xl" snapshot-create --json web1 A
is "create: JSON" "$(json '[d["domain"], d["snapshot"]["name"],
    d["snapshot"]["created"], d["snapshot"]["state"], d["snapshot"]["memory"],
    d["snapshot"]["memory_bytes"], d["snapshot"]["pause_us"],
    [x["vdev"] for x in d["snapshot"]["disks"]]]')" \
    "['web1', 'A', 1795207530, 'running', True, 268435456, 143210, \
['xvda', 'xvdb']]"
calls > /dev/null

run "$xl" snapshot-create web1
is "create: no name" "$(calls)" "create [web1] [] []
created"

created running false 0 1540 "$(disk xvda internal)"
run "$xl" snapshot-create --disk-only --description "before the upgrade" web1
is "create: disk-only" "$(calls)" \
    "create [web1] [] [before the upgrade] disk-only
created"
is "create: disk-only: output" "$out" "Snapshot 'A' of domain 'web1' taken: \
1 disk (xvda); the guest was paused for 1.5 ms."

created running false 0 1540 "$(disk xvda internal)"
sed -i 's/"pause_us"/"quiesced": true, &/' "$XL_TEST_DIR/created"
run "$xl" snapshot-create --disk-only --quiesce web1 A
is "create: quiesce" "$(calls)" "create [web1] [A] [] disk-only quiesce
created"
is "create: quiesce: output" "$out" "Snapshot 'A' of domain 'web1' taken: \
1 disk (xvda); the guest was quiesced, and paused for 1.5 ms."
run "$xl" snapshot-create --json --disk-only --quiesce --quiesce-timeout 3600 \
    web1 A
is "create: quiesce: how long" "$(calls)" \
    "create [web1] [A] [] disk-only quiesce
wait 3600000 ms
created"
is "create: quiesce: JSON" "$(json 'd["snapshot"]["quiesced"]')" True
echo "warn it may be frozen" | put script
run "$xl" snapshot-create --disk-only --quiesce web1 A
is "create: a warning is no failure" "$status" 0
is "create: a warning" "$err" "xl: snapshot-create: it may be frozen"
rm "$XL_TEST_DIR/script"
calls > /dev/null

created off false 0 0 "$(disk xvda internal), $(disk hdc skipped_cdrom),
$(disk hdd skipped_empty), $(disk xvdc skipped_readonly)"
run "$xl" snapshot-create web1
is "create: off, and what is left out" "$out" \
    "Snapshot 'A' of domain 'web1' taken: 1 disk (xvda); the domain is off.
Left out: hdc (CD-ROM), hdd (empty), xvdc (read-only)."
run "$xl" snapshot-create web1 --json
is "create: JSON: what is left out" \
    "$(json '[(x["vdev"], x["included"], x["reason"])
              for x in d["snapshot"]["disks"]]')" \
    "[('xvda', True, None), ('hdc', False, 'CD-ROM'), ('hdd', False, 'empty'), \
('xvdc', False, 'read-only')]"

created running true 1048576 2310000 ""
run "$xl" snapshot-create web1
is "create: no disks" "$out" "Snapshot 'A' of domain 'web1' taken: \
memory 1 MiB; the guest was paused for 2.31 s."
created off false 0 0 "$(disk hdc skipped_cdrom)"
run "$xl" snapshot-create web1
like "create: nothing at all" "$out" "*taken: no disks; the domain is off.*"
calls > /dev/null

# What manage/ needs of us on the way.
created running true 1048576 0 ""
echo "restart now" | put script
run "$xl" snapshot-create web1 A
is "create: domains can be brought up and watched" "$(calls)" \
    "create [web1] [A] []
restarted now
created"
rm "$XL_TEST_DIR/script"

# ---- disks ----

run "$xl" snapshot-create --external web1 A
like "create --external" "$(calls)" "create [[]web1[]] [[]A[]] [[][]] external*"
run "$xl" snapshot-create web1 A \
    --diskspec xvda,snapshot=external,file=/a,,b.qcow2,reuse \
    --diskspec xvdb,snapshot=no --diskspec=xvdc,file=/c,format=qed
like "create --diskspec" "$(calls)" "create [[]web1[]] [[]A[]] [[][]] specs
spec [[]xvda[]] 1 [[]/a,b.qcow2[]] 0 reuse
spec [[]xvdb[]] 2 [[][]] 0
spec [[]xvdc[]] 1 [[]/c[]] 6
*"

run "$xl" snapshot-create web1 A \
    --diskspec xvda,snapshot=manual,hook=/h,,1 --diskspec xvdb,hook=/usr/h2
like "create with hooks" "$(calls)" "create [[]web1[]] [[]A[]] [[][]] specs
spec [[]xvda[]] 3 [[]/h,1[]] 0
spec [[]xvdb[]] 3 [[]/usr/h2[]] 0
*"
echo "hook /bin/h" | put script
run "$xl" snapshot-create web1 A
like "a hook is run" "$(calls)" \
    "*hook: g /bin/h XL_SNAPSHOT_ACTION=check 30*"
run "$xl" snapshot-create --hook-timeout 7 web1 A
like "for as long as was said" "$(calls)" \
    "*hook: g /bin/h XL_SNAPSHOT_ACTION=check 7*"
rm "$XL_TEST_DIR/script"
for command in "revert web1 A" "delete web1 A" "recover web1"; do
    # shellcheck disable=SC2086 # words they are
    run "$xl" snapshot-$command --hook-timeout 90
    is "$command has a time limit for hooks" "$status" 0
done
calls > /dev/null

# ---- thaw ----

run "$xl" snapshot-thaw web1
is "thaw: calls" "$(calls)" "thaw [web1] 0 ms"
is "thaw: output" "$out" "The file systems of domain 'web1' are thawed."
run "$xl" snapshot-thaw --json web1 --timeout 7
is "thaw: how long" "$(calls)" "thaw [web1] 7000 ms"
is "thaw: JSON" "$(json '[d["domain"], d["thawed"]]')" "['web1', True]"
echo "4 no agent answered" | put web2.fail
run "$xl" snapshot-thaw web2
is "thaw: exit status of its failure" "$status" 4
is "thaw: its failure" "$err" "xl: snapshot-thaw: no agent answered"
calls > /dev/null

# ---- block jobs ----

run "$xl" block-pull --base /b --bandwidth 3 web1 xvda
is "pull: calls" "$(calls)" "pull [web1] [xvda] [/b] 3145728"
like "pull: output" "$out" "Pull of disk xvda of domain 'web1' begun; *"
run "$xl" block-pull --bandwidth 512K -N web1 xvda
is "pull: dry run" "$(calls)" "pull [web1] [xvda] [] 524288 dry-run"
printf 'running 1 4\nrunning 2 4\ncompleted 4 4\n' | put web1.job
run "$xl" block-pull --wait --json --bytes --bandwidth 7 web1 xvda
is "pull: calls of one that is waited for" "$(calls)" \
    "pull [web1] [xvda] [] 7
wait [web1] [xvda] 0 ms"
is "pull: a line for each look" "$out" \
    '{"domain":"web1","vdev":"xvda","kind":"pull","status":"running","current":1,"end":4,"error":null}
{"domain":"web1","vdev":"xvda","kind":"pull","status":"running","current":2,"end":4,"error":null}
{"domain":"web1","vdev":"xvda","kind":"pull","status":"completed","current":4,"end":4,"error":null}'
run "$xl" block-job --timeout 5 --detach web1 xvda
is "job: wait" "$(calls)" "wait [web1] [xvda] 5000 ms detach"
is "job: its end" "$out" "Pull of disk xvda of domain 'web1' completed."
echo "running 1048576 4194304" | put web1.job
run "$xl" block-job web1 xvda
is "job: info" "$(calls)" "job info [web1] [xvda]"
is "job: how far" "$out" \
    "Pull of disk xvda of domain 'web1': 1 MiB of 4 MiB (25 %)."
run "$xl" block-job -N web1 xvda
is "job: only a look" "$(calls)" "job look [web1] [xvda]"
run "$xl" block-job --abort web1 xvda
is "job: abort" "$(calls)" "job abort [web1] [xvda]"
like "job: stopped" "$out" "Pull of disk xvda of domain 'web1' stopped; *"
run "$xl" block-job --speed 0 web1 xvda
is "job: speed" "$(calls)" "job speed [web1] [xvda] 0
job info [web1] [xvda]"
echo "failed 1 4 No space" | put web1.job
run "$xl" block-job web1 xvda
like "job: why it failed" "$out" "* failed: No space; the disk is as it was*"
echo "none 0 0" | put web1.job
run "$xl" block-job web1 xvda
is "job: none" "$out" "No block job of disk xvda of domain 'web1'."
run "$xl" block-chain web1 xvda
is "chain: output" "$out" "/top (qcow2, active)
/below (raw, the snapshot 'S' needs it)"
run "$xl" block-chain --json web1 xvda
is "chain: JSON" "$(json '[(i["path"], i["active"], i["snapshot"]) for i in d["images"]]')" \
    "[('/top', True, None), ('/below', False, 'S')]"
echo "5 no QEMU" | put web3.fail
for command in chain pull job; do
    run "$xl" block-$command web3 xvda
    is "$command: its failure" "$status $err" "5 xl: block-$command: no QEMU"
done
calls > /dev/null

# ---- revert ----

run "$xl" snapshot-revert web1 A
is "revert: calls" "$(calls)" "revert [web1] [A] unknown"
is "revert: output" "$out" \
    "Domain 'web1' is back at snapshot 'A', and running as domain 9."
run "$xl" snapshot-revert --running web1 A
is "revert --running" "$(calls)" "revert [web1] [A] running"
run "$xl" snapshot-revert web1 A --paused
is "revert --paused" "$(calls)" "revert [web1] [A] paused"
is "revert --paused: output" "$out" \
    "Domain 'web1' is back at snapshot 'A', and paused as domain 9."
run "$xl" snapshot-revert --json web1 A --paused
is "revert --paused: JSON" "$(json d)" "{'domain': 'web1', 'snapshot': 'A', \
'state': 'paused', 'domid': 9, 'lost': [], 'clock': None}"
calls > /dev/null
run "$xl" snapshot-revert web1 --off A
is "revert --off" "$(calls)" "revert [web1] [A] off"
is "revert --off: output" "$out" \
    "Domain 'web1' is back at snapshot 'A', and off."
run "$xl" snapshot-revert web1 --off A --json
is "revert --off: JSON" "$(json '[d["state"], d["domid"]]')" "['off', None]"
calls > /dev/null

run "$xl" snapshot-revert --undo web1 A
is "revert --undo" "$(calls)" "revert [web1] [A] unknown undo"
run "$xl" snapshot-revert --no-undo web1 A
is "revert --no-undo" "$(calls)" "revert [web1] [A] unknown"

# ---- delete ----

run "$xl" snapshot-delete --metadata web1 A
is "delete --metadata" "$(calls)" "delete [web1] [A] metadata"
run "$xl" snapshot-delete --merge web1 A
is "delete --merge" "$(calls)" "delete [web1] [A] merge-now"
run "$xl" snapshot-delete --merge-force web1 A
is "delete --merge-force" "$(calls)" "delete [web1] [A]"
run "$xl" snapshot-delete --discard web1 A
is "delete --discard" "$(calls)" "delete [web1] [A] leaf-only"
run "$xl" snapshot-delete --discard-force web1 A
is "delete --discard-force" "$(calls)" "delete [web1] [A] children"

run "$xl" snapshot-delete web1 A
is "delete: calls" "$(calls)" "delete [web1] [A]"
is "delete: output" "$out" "Snapshot 'A' of domain 'web1' deleted."
run "$xl" snapshot-delete --children web1 A
is "delete --children" "$(calls)" "delete [web1] [A] children"
is "delete --children: output" "$out" "3 snapshots of domain 'web1' deleted."
run "$xl" snapshot-delete --children-only web1 A
is "delete --children-only" "$(calls)" "delete [web1] [A] children-only"
is "delete --children-only: output" "$out" \
    "2 snapshots of domain 'web1' deleted."
run "$xl" snapshot-delete web1 A --json
is "delete: JSON" "$(json d)" \
    "{'domain': 'web1', 'snapshot': 'A', 'deleted': 1}"
calls > /dev/null

# ---- rename ----

run "$xl" snapshot-rename web1 A B
is "rename: calls" "$(calls)" "rename [web1] [A] [B]"
is "rename: output" "$out" \
    "Snapshot 'A' of domain 'web1' is now called 'B'."
run "$xl" snapshot-rename web1 A B --json
is "rename: JSON" "$(json d)" \
    "{'domain': 'web1', 'snapshot': 'B', 'old_name': 'A'}"
calls > /dev/null

# ---- dry runs ----

for words in "create web1 A" "revert web1 A" "delete web1 A" \
             "rename web1 A B"; do
    command=snapshot-${words%% *}
    # shellcheck disable=SC2086 # words they are
    for way in "-N $command ${words#* }" "$command -N ${words#* }" \
               "$command ${words#* } --dry-run" \
               "-v $command ${words#* } --json -N"; do
        run "$xl" $way
        is "$way" "$status" 0
        like "$way: asked for" "$(calls)" "*\] *dry-run"
        is "$way: plan" "$(json '[d["command"], d["domain"]]')" \
            "['$command', 'web1']"
        is "$way: in one piece" "$(tail -c 1 "$XL_TEST_DIR/out" | od -An -c)" \
            "  \\n"
    done
done
finish

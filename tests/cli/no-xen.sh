#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where there is no hypervisor, or no right to talk to it: what only reads
# works and is quiet, what changes something refuses.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99
export XL_TEST_NO_XEN=1

chain web1 1 "$(snapshot 1 0 A)" | put web1.chain
echo 3 | put web1.domid
echo web1 | put domains
echo '{"name": "A"}' | put web1.dump
for command in "list web1" "list" "list --tree" "list --names web1" \
               "info web1" "current web1" "dump web1" "list -H web1" \
               "list --dot"; do
    # shellcheck disable=SC2086 # words they are
    run "$xl" snapshot-$command
    is "$command" "$status $err" "0 "
    like "$command: output" "$out" "*A*"
    is "$command: no libxl" "$(grep ^open "$XL_TEST_DIR/calls")" "open no-xen"
    rm "$XL_TEST_DIR/calls"
done
run "$xl" snapshot-list --json web1
is "nothing runs" "$(json 'd["domains"][0]["running"]')" False
calls > /dev/null

for command in "create web1" "revert web1 A" "delete web1 A" \
               "rename web1 A B" "recover web1" "recover"; do
    for dry_run in "" -N; do
        # shellcheck disable=SC2086
        run "$xl" $dry_run snapshot-$command
        is "$dry_run $command: exit status" "$status" 1
        is "$dry_run $command: message" "$err" \
"libxl: error: cannot open libxc handle: No such file or directory
xl: snapshot-${command%% *}: cannot talk to Xen: this must run as root in \
dom0, with Xen's services up"
        is "$dry_run $command: nothing was done" "$(calls)" ""
    done
done
finish

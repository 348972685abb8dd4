#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command that makes a domain of a snapshot.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

cd "$XL_TEST_DIR" || exit 99

run "$xl" snapshot-clone web1 A web2
is "calls" "$(calls)" "clone [web1] [A] [web2] [] unknown"
is "exit status" "$status" 0
is "output" "$out" "Domain 'web2' cloned from snapshot 'A' of domain 'web1', \
and running as domain 7. Its disks:
  xvda: /i/new-xvda.qcow2, on /i/old.qcow2
  xvdb: /i/new-xvdb.qcow2"
printf 'first\nsecond\e' | put web1.note
run "$xl" snapshot-clone --off web1 A web2
is "--off: calls" "$(calls)" "clone [web1] [A] [web2] [] off"
is "--off: output, with notes" "$out" "Domain 'web2' cloned from snapshot 'A' \
of domain 'web1'; it is off. Its disks:
  xvda: /i/new-xvda.qcow2, on /i/old.qcow2
  xvdb: /i/new-xvdb.qcow2
Note: first.
Note: second\\x1b."
run "$xl" snapshot-clone --off --json web1 A web2
is "--off: JSON" "$(json 'd["state"], d["domid"]')" "('off', None)"
rm web1.note calls
mkdir images
run "$xl" snapshot-clone --paused --json --directory images web1 A web2
is "options" "$(calls)" "clone [web1] [A] [web2] [$(realpath images)] paused"
is "JSON" "$(json d)" "{'domain': 'web1', 'snapshot': 'A', 'clone': 'web2', \
'uuid': '11111111-2222-3333-4444-555555555555', 'state': 'paused', 'domid': 7, \
'disks': [{'vdev': 'xvda', 'path': '/i/new-xvda.qcow2', \
'backing': '/i/old.qcow2'}, {'vdev': 'xvdb', 'path': '/i/new-xvdb.qcow2', \
'backing': None}], 'clock': None}"
run "$xl" snapshot-clone --running web1 A web2
is "--running" "$(calls)" "clone [web1] [A] [web2] [] running"
run "$xl" snapshot-clone --directory nowhere web1 A web2
is "no such directory" "$status" 3
like "which is said" "$err" "*there is no directory 'nowhere'*"
is "nothing was asked for" "$(calls)" ""
run "$xl" snapshot-clone -N web1 A web2
is "-N: asked for" "$(calls)" "clone [web1] [A] [web2] [] unknown dry-run"
is "-N: plan" "$(json 'd["command"]')" snapshot-clone
echo "5 it is not" > web1.fail
run "$xl" snapshot-clone web1 A web2
is "refused" "$status" 5
like "which is said" "$err" "*it is not*"
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# snapshot-recover, of one domain and of all.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

for domain in db1 web1 xen1; do
    chain $domain 0 "$(snapshot 1 0 A)" | put $domain.chain
    echo $domain
done | put domains
printf 'undone: create of A\nremoved: snap-2\n' | put web1.report

run "$xl" snapshot-recover web1
is "one: calls" "$(calls)" "recover [web1]"
is "one: output" "$status $out" "0 undone: create of A
removed: snap-2"
run "$xl" snapshot-recover db1
is "one with nothing to do" "$status $out" "0 There was nothing to recover."
run "$xl" snapshot-recover web1 --json
is "one: JSON" "$(json d)" "{'domains': [{'domain': 'web1', \
'actions': ['undone: create of A', 'removed: snap-2']}]}"
calls > /dev/null

run "$xl" snapshot-recover
is "all: calls" "$(calls)" "list-domains
recover [db1]
recover [web1]
recover [xen1]"
is "all: output" "$status $out" "0 web1: undone: create of A
web1: removed: snap-2"
run "$xl" snapshot-recover --json
is "all: JSON" "$(json '[len(x["actions"]) for x in d["domains"]]')" "[0, 2, 0]"

# One that cannot be recovered keeps the others from nothing.
echo "4 somebody is at it" | put db1.fail
calls > /dev/null
run "$xl" snapshot-recover
is "one of all fails: exit status" "$status" 4
is "one of all fails: the rest is done" "$(calls | grep -c recover)" 3
is "one of all fails: message" "$err" \
    "xl: snapshot-recover: db1: somebody is at it"
is "one of all fails: output" "$out" "web1: undone: create of A
web1: removed: snap-2"
run "$xl" snapshot-recover --json
is "one of all fails: JSON" "$(json 'd["domains"][0]')" "{'domain': 'db1', \
'error': {'outcome': 'busy', 'message': 'somebody is at it'}}"
rm "$XL_TEST_DIR/db1.fail" "$XL_TEST_DIR/web1.report"
run "$xl" snapshot-recover
is "all with nothing to do" "$status $out" "0 There was nothing to recover."

# A dry run says what is in flight, and touches nothing.
printf '{"version": 1, "verb": "create", "step": "stopping", "domid": 3,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001", "running": true,
 "snapshots": [%s]}' "$(snapshot 2 0 B)" | put web1.journal
calls > /dev/null
run "$xl" -N snapshot-recover
is "dry run: calls" "$(calls)" "list-domains
look [db1]
look [web1]
look [xen1]"
is "dry run" "$(json 'd["domains"]')" "[{'domain': 'db1', 'in_flight': None}, \
{'domain': 'web1', 'in_flight': {'operation': 'create', 'step': 'stopping', \
'snapshots': ['B']}}, {'domain': 'xen1', 'in_flight': None}]"
finish

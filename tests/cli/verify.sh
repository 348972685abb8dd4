#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# snapshot-verify, of one snapshot, one domain and all.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

for domain in db1 web1; do
    chain $domain 0 "$(snapshot 1 0 A)" | put $domain.chain
    echo $domain
done | put domains
printf 'a\nx\n' | put db1.verified
printf 'a\nb image 3 has changed\nc image 3 has changed\n' | put web1.verified

run "$xl" snapshot-verify db1
is "one: calls" "$(calls)" "verify [db1] []"
is "one: output" "$status $out" "0 db1 a: sound, 5 MiB of memory
db1 x: sound, without memory"
run "$xl" snapshot-verify web1 b
is "one snapshot: calls" "$(calls)" "verify [web1] [b]"
is "damaged: exit status" "$status" 9
like "damaged: which, and why" "$out" "*web1 b: DAMAGED: image 3 has changed*"
run "$xl" snapshot-verify --all
is "all: calls" "$(calls)" "list-domains
verify [db1] []
verify [web1] []"
is "all: exit status" "$status" 9
run "$xl" snapshot-verify --json web1
is "JSON" "$(json d)" "{'domains': [{'domain': 'web1', 'snapshots': [\
{'name': 'a', 'memory': True, 'bytes': 5242880, 'problem': None}, \
{'name': 'b', 'memory': True, 'bytes': 5242880, 'problem': 'image 3 has changed'}, \
{'name': 'c', 'memory': True, 'bytes': 5242880, 'problem': 'image 3 has changed'}]}]}"
calls > /dev/null
echo "4 somebody is at it" | put db1.fail
run "$xl" snapshot-verify
is "one of all fails: exit status" "$status" 4
like "one of all fails: message" "$err" "*db1: somebody is at it*"
like "one of all fails: the others are told" "$out" "*web1 a: sound*"
run "$xl" snapshot-verify --all web1
is "--all and a domain" "$status" 2
printf '' | put db1.verified
rm -f "$XL_TEST_DIR/db1.fail"
run "$xl" snapshot-verify db1
is "nothing" "$status $out" "0 There was nothing to verify."

finish

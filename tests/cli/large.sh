#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ten thousand snapshots, one below the other and side by side: all are
# listed, and what is printed does not grow with the square of them.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99
num=10000

"$PYTHON" - "$XL_TEST_DIR" $num <<'END'
import json, sys

def chain(domain, parent_of):
    num = int(sys.argv[2])
    with open(f"{sys.argv[1]}/{domain}.chain", "w") as f:
        json.dump({"version": 1, "domain": domain, "next_serial": num + 1,
                   "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001",
                   "current": num,
                   "snapshots": [
                       {"serial": i, "parent": parent_of(i), "name": f"s{i}",
                        "created": 1795207530 + i, "state": "running",
                        "memory": True, "memory_bytes": 1 << 28,
                        "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001"}
                       for i in range(1, num + 1)]}, f)

chain("deep", lambda i: i - 1)
chain("wide", lambda i: min(i - 1, 1))
chain("bushy", lambda i: i // 2)
END

for domain in deep wide bushy; do
    run timeout 60 "$xl" snapshot-list $domain
    is "$domain: table" "$status $(wc -l < "$XL_TEST_DIR/out")" \
        "0 $((num + 1))"
    run timeout 60 "$xl" snapshot-list --tree $domain
    is "$domain: tree" "$status $(wc -l < "$XL_TEST_DIR/out")" \
        "0 $((num + 2))"
    size=$(wc -c < "$XL_TEST_DIR/out")
    is "$domain: tree: 250 bytes a line are enough" $((size < num * 250)) 1
    run timeout 60 "$xl" snapshot-list --names $domain
    is "$domain: names" "$status $(sort "$XL_TEST_DIR/out" | uniq | wc -l)" \
        "0 $num"
    run timeout 60 "$xl" snapshot-list --json $domain
    is "$domain: JSON" "$status $(json 'len(d["domains"][0]["snapshots"])')" \
        "0 $num"
    run timeout 60 "$xl" snapshot-list -Hpo name,parent,disks $domain
    is "$domain: for scripts" "$status $(wc -l < "$XL_TEST_DIR/out")" "0 $num"
    run timeout 60 "$xl" snapshot-list --dot --leaves $domain
    is "$domain: graph" "$status $(tail -n 1 "$XL_TEST_DIR/out")" "0 }"
    run timeout 60 "$xl" snapshot-info $domain s9999
    like "$domain: info" "$out" "name: *s9999
*"
done
run "$xl" snapshot-list --tree deep
like "how deep is said" "$out" "*\(10000\) s10000 *\(10001\) \* you are here"
finish

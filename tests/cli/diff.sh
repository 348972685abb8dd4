#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# snapshot-diff, of two snapshots, and of one and the present.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

run "$xl" snapshot-diff web1 A B
is "calls" "$(calls)" "diff [web1] [A] [B]"
is "exit status" "$status" 0
is "output" "$out" "From snapshot 'A' to snapshot 'B' of domain 'web1':
Memory: 2 MiB of 256 MiB changed; 1 MiB new
Disk xvda: no change in 1 MiB
Disk xvdb: 8 KiB of 2 MiB changed; its size from 1 MiB to 2 MiB
Disk xvdc: not compared: a hook has it
Configuration:
  b_info.max_memkb: 1024 -> 2048
  b_info.new: new: a\\x1b
  b_info.old: gone: b"
run "$xl" snapshot-diff web1 A
is "the present: calls" "$(calls)" "diff [web1] [A] []"
like "the present: output" "$out" "From snapshot 'A' to the present of domain \
'web1':*Configuration: no change"
run "$xl" snapshot-diff --json web1 A B
is "JSON" "$(json '[d["domain"], d["a"], d["b"]]')" "['web1', 'A', 'B']"
is "JSON: memory" "$(json 'd["memory"]')" "{'bytes_a': 268435456, \
'bytes_b': 269484032, 'changed_bytes': 2097152, 'only_a_bytes': 0, \
'only_b_bytes': 1048576, 'zero_a_bytes': 28672, 'zero_b_bytes': 32768, \
'problem': None}"
is "JSON: a disk" "$(json 'd["disks"][1]')" "{'vdev': 'xvdb', \
'path_a': '/i/a.qcow2', 'path_b': '/i/b.qcow2', 'bytes_a': 1048576, \
'bytes_b': 2097152, 'changed_bytes': 8192, 'read_bytes': 65536, \
'problem': None}"
is "JSON: one that was not compared" "$(json '[d["disks"][2][k]
    for k in ("bytes_a", "changed_bytes", "problem")]')" \
    "[None, None, 'a hook has it']"
is "JSON: the configuration" "$(json 'd["config"][1:]')" \
    "[{'key': 'b_info.new', 'a': None, 'b': 'a\\x1b'}, \
{'key': 'b_info.old', 'a': 'b', 'b': None}]"
run "$xl" snapshot-diff --json web1 A
is "JSON: the present" "$(json '[d["b"], d["config"]]')" "[None, []]"
echo "its image is away" | tr -d '\n' | put web1.problem
run "$xl" snapshot-diff web1 A B
is "what cannot be read: exit status" "$status" 9
like "what cannot be read: the rest is told" "$out" "*Memory: not compared: \
it has none
Disk xvda: no change*Disk xvdc: not compared: its image is away*"
echo "4 it was changed" | put web1.fail
run "$xl" snapshot-diff web1 A B
is "a failure: exit status" "$status" 4
like "a failure: message" "$err" "*it was changed*"
is "a failure: no output" "$out" ""
finish

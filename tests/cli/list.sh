#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is there: tables, trees, names, one snapshot, JSON.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

described=$(snapshot 4 2 try-b |
    sed 's/"description": ""/"description": "second try"/; s/running/paused/')
off=$(snapshot 5 1 disks |
    sed 's/"running"/"off"/; s/"memory": true/"memory": false/
         s/268435456/0/; s/143210/0/')
chain web1 3 "$(snapshot 1 0 base)" "$(snapshot 2 1 patched)" \
    "$(snapshot 3 2 try-a)" "$described" "$off" \
    "$(snapshot 6 0 other-root)" "$(snapshot 7 3 after)" | put web1.chain
echo 3 | put web1.domid
printf 'db1\nweb1\n' | put domains
chain db1 0 "$(snapshot 1 0 nightly)" | put db1.chain

run "$xl" snapshot-list web1
is "table" "$out" \
"  Name        Created              State    Memory   Parent   Description
  base        2026-11-20 20:45:31  running  256 MiB  -
  patched     2026-11-20 20:45:32  running  256 MiB  base
* try-a       2026-11-20 20:45:33  running  256 MiB  patched
  try-b       2026-11-20 20:45:34  paused   256 MiB  patched  second try
  disks       2026-11-20 20:45:35  off      -        base
  other-root  2026-11-20 20:45:36  running  256 MiB  -
  after       2026-11-20 20:45:37  running  256 MiB  try-a"
is "table: exit status" "$status" 0
is "table: nothing else" "$err" ""

run "$xl" snapshot-list
is "table of all" "$out" \
"db1
  Name     Created              State    Memory   Parent
  nightly  2026-11-20 20:45:31  running  256 MiB  -
web1 (domain 3)
  Name        Created              State    Memory   Parent   Description
  base        2026-11-20 20:45:31  running  256 MiB  -
  patched     2026-11-20 20:45:32  running  256 MiB  base
* try-a       2026-11-20 20:45:33  running  256 MiB  patched
  try-b       2026-11-20 20:45:34  paused   256 MiB  patched  second try
  disks       2026-11-20 20:45:35  off      -        base
  other-root  2026-11-20 20:45:36  running  256 MiB  -
  after       2026-11-20 20:45:37  running  256 MiB  try-a"

run "$xl" snapshot-list --tree web1
is "tree" "$out" \
"web1 (domain 3)
├─ base  2026-11-20 20:45:31  running  256 MiB
│  ├─ patched  2026-11-20 20:45:32  running  256 MiB
│  │  ├─ try-a  2026-11-20 20:45:33  running  256 MiB
│  │  │  ├─ * you are here
│  │  │  └─ after  2026-11-20 20:45:37  running  256 MiB
│  │  └─ try-b  2026-11-20 20:45:34  paused  256 MiB
│  └─ disks  2026-11-20 20:45:35  off
└─ other-root  2026-11-20 20:45:36  running  256 MiB"

LC_ALL=C run "$xl" snapshot-list --tree web1
is "tree where there is no UTF-8" "$out" \
"web1 (domain 3)
|- base  2026-11-20 20:45:31  running  256 MiB
|  |- patched  2026-11-20 20:45:32  running  256 MiB
|  |  |- try-a  2026-11-20 20:45:33  running  256 MiB
|  |  |  |- * you are here
|  |  |  \`- after  2026-11-20 20:45:37  running  256 MiB
|  |  \`- try-b  2026-11-20 20:45:34  paused  256 MiB
|  \`- disks  2026-11-20 20:45:35  off
\`- other-root  2026-11-20 20:45:36  running  256 MiB"

run "$xl" snapshot-list --tree db1
is "tree without a present" "$out" \
"db1
└─ nightly  2026-11-20 20:45:31  running  256 MiB"

calls > /dev/null
run "$xl" snapshot-list --names web1
is "names" "$out" "base
patched
try-a
after
try-b
disks
other-root"
calls > /dev/null
run "$xl" snapshot-list --names
is "names of domains" "$out" "db1
web1"
is "names of domains: no chain is read" "$(calls)" "list-domains"

# ---- JSON ----

run "$xl" snapshot-list --json web1
is "JSON: the domain" \
    "$(json '[(x["domain"], x["running"], x["domid"], x["current"],
              x["damaged"], x["in_flight"]) for x in d["domains"]]')" \
    "[('web1', True, 3, 'try-a', None, None)]"
is "JSON: who is whose" \
    "$(json '[(x["name"], x["parent"]) for x in d["domains"][0]["snapshots"]]')" \
    "[('base', None), ('patched', 'base'), ('try-a', 'patched'), \
('after', 'try-a'), ('try-b', 'patched'), ('disks', 'base'), \
('other-root', None)]"
is "JSON: the current one" \
    "$(json '[x["name"] for x in d["domains"][0]["snapshots"] if x["current"]]')" \
    "['try-a']"
is "JSON: one, whole" "$(json '[x for x in d["domains"][0]["snapshots"]
                                if x["name"] == "try-b"][0]')" \
    "{'name': 'try-b', 'description': 'second try', 'created': 1795207534, \
'state': 'paused', 'memory': True, 'memory_bytes': 268435456, 'ram_bytes': 0, 'memory_sha256': None, 'live': False, \
'pause_us': 143210, 'pause_memory_us': 0, 'pause_disks_us': 0, 'pause_resume_us': 0, 'quiesced': False, 'serial': 4, 'kind': 'internal', \
'disks': [{'vdev': 'xvda', 'path': '/img/a.qcow2', \
'format': 'qcow2', 'included': True, 'reason': None, \
'kind': 'internal', 'image_snapshot': 'try-b', 'hook': None}], 'parent': 'patched', 'current': False}"
run "$xl" snapshot-list --json --tree
is "JSON of all" "$(json '[(x["domain"], x["running"], x["domid"],
                            len(x["snapshots"])) for x in d["domains"]]')" \
    "[('db1', False, None, 1), ('web1', True, 3, 7)]"

# ---- info and current ----

run "$xl" snapshot-info web1 try-b
is "info" "$out" \
"name:         try-b
domain:       web1
description:  second try
created:      2026-11-20 20:45:34
state:        paused
memory:       256 MiB
pause:        143 ms
disk:         xvda  qcow2  /img/a.qcow2
parent:       patched
current:      no"
run "$xl" snapshot-info web1
is "info of the current one" "$(printf '%s\n' "$out" |
    grep -e ^name -e ^parent -e ^child -e ^current)" \
"name:         try-a
parent:       patched
child:        after
current:      yes"
run "$xl" snapshot-info web1 disks
is "info of one that is off" "$(printf '%s\n' "$out" |
    grep -e ^memory -e ^pause)" "memory:       none"
quiesced=$(snapshot 1 0 calm | sed 's/"pause_us"/"quiesced": true, &/')
chain web9 1 "$quiesced" | put web9.chain
run "$xl" snapshot-info web9
like "info of one that was quiesced" "$out" "*
quiesced:     yes
*"
manual=$(snapshot 1 0 by-hand | "$PYTHON" -c 'import json, sys
s = json.load(sys.stdin)
s["disks"][0].update(treatment="manual", handle={}, hook="/usr/hook\x1b", id="1-a")
print(json.dumps(s))')
chain web9 1 "$manual" | put web9.chain
run "$xl" snapshot-info web9
like "info of one with a hook" "$out" \
    "*disk: * xvda  qcow2  /img/a.qcow2  (manual, /usr/hook*x1b)*"
run "$xl" snapshot-info --json web9
is "the same as JSON" "$(json '[d["snapshot"]["kind"], d["snapshot"]["disks"][0]["kind"]]')" \
    "['manual', 'manual']"
run "$xl" snapshot-info web1 patched --json
is "info: JSON" "$(json '[d["domain"]] + [d["snapshot"][x] for x in
    ("name", "parent", "children", "current", "domain_uuid")]')" \
    "['web1', 'patched', 'base', ['try-a', 'try-b'], False, \
'ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001']"
external=$(snapshot 1 0 frozen | python3 -c 'import json, sys
s = json.load(sys.stdin)
s.update(memory=False, memory_bytes=0)
s["disks"][0] = {"vdev": "xvda", "path": "/img/a.qcow2", "format": "qcow2",
                 "treatment": "external", "handle": {}}
print(json.dumps(s))')
chain web9 1 "$external" | python3 -c 'import json, sys
c = json.load(sys.stdin)
image = lambda path, **more: dict({"path": path, "format": "qcow2", "ours": False}, **more)
c["images"] = [image("/img/a.qcow2"), image("/img/b.qcow2", backing="/img/a.qcow2")] + [
    image("/img/%s" % of, backing="/img/a.qcow2", clone=of[:-1]) for of in ("one1", "two1", "one2")]
c["active"] = [{"vdev": "xvda", "path": "/img/b.qcow2", "format": "qcow2"}]
print(json.dumps(c))' | put web9.chain
run "$xl" snapshot-info web9
is "info: each clone once" "$(printf '%s\n' "$out" | grep ^clone)" \
"clone:        one
clone:        two"
run "$xl" snapshot-info --json web9
is "the same as JSON" "$(json 'd["snapshot"]["clones"]')" "['one', 'two']"
run "$xl" snapshot-info web1 nothing
is "info of what is not there" "$status" 3
like "info of what is not there" "$err" \
    "xl: snapshot-info: domain 'web1' has no snapshot 'nothing' *"

run "$xl" snapshot-current web1
is "current" "$out" try-a
run "$xl" snapshot-current web1 --json
is "current: JSON" "$(json d)" "{'domain': 'web1', 'current': 'try-a'}"
for command in current info; do
    run "$xl" snapshot-$command db1
    is "$command: there is none" "$status" 3
    like "$command: there is none" "$err" "*descends from no snapshot"
    run "$xl" snapshot-$command db1 --json
    is "$command: there is none: JSON" "$(json 'd["error"]["outcome"]')" \
        not_found
done

# ---- nothing, and trouble ----

run "$xl" snapshot-list nobody
is "an unknown domain" "$status" 3
is "an unknown domain: nothing printed" "$out" ""
echo 5 | put fresh.domid
chain fresh 0 | put fresh.chain
run "$xl" snapshot-list fresh
is "a domain without snapshots" "$status $out" \
    "0   Name  Created  State  Memory  Parent"
run "$xl" snapshot-list --tree fresh
is "its tree" "$out" "fresh (domain 5)"
run "$xl" snapshot-list --names fresh
is "their names" "$out" ""
run "$xl" snapshot-list --json fresh
is "their JSON" "$(json 'd["domains"][0]["snapshots"]')" "[]"
rm "$XL_TEST_DIR/domains"
run "$xl" snapshot-list
is "no domain at all" "$status $out" "0 "
run "$xl" snapshot-list --json
is "no domain at all: JSON" "$(json d)" "{'domains': []}"

# One that cannot be read keeps the others from nothing.
printf 'db1\nbad\nweb1\n' | put domains
echo "9 chain.json is empty" | put bad.fail
run "$xl" snapshot-list --tree
is "one of several cannot be read" "$status" 9
is "one of several cannot be read: message" "$err" \
    "xl: snapshot-list: bad: chain.json is empty"
is "the others are there" "$(printf '%s\n' "$out" | grep -c -e ^db1 -e ^web1)" 2
run "$xl" snapshot-list --json
is "one of several: JSON" "$(json 'd["domains"][1]')" "{'domain': 'bad', \
'error': {'outcome': 'damaged', 'message': 'chain.json is empty'}}"
echo "1 no such folder" | put domains.fail
run "$xl" snapshot-list
is "the folder cannot be read" "$status $err" \
    "1 xl: snapshot-list: no such folder"

# A chain at odds with itself is shown, and said to be.
chain odd 7 "$(snapshot 1 2 A)" "$(snapshot 2 1 B)" "$(snapshot 3 99 C)" \
    "$(snapshot 4 3 D)" | put odd.chain
for style in --tree --names ""; do
    # shellcheck disable=SC2086 # perhaps none
    run "$xl" snapshot-list $style odd
    is "damaged $style" "$status" 9
    like "damaged $style: message" "$err" \
        "xl: snapshot-list: the chain of domain 'odd' is damaged: *"
    is "damaged $style: all are there" \
        "$(printf '%s\n' "$out" | grep -c -w -e A -e B -e C -e D)" \
        4
done
run "$xl" snapshot-list --json odd
is "damaged: JSON" "$(json '[d["domains"][0]["damaged"] is not None,
    sorted(x["name"] for x in d["domains"][0]["snapshots"])]')" \
    "[True, ['A', 'B', 'C', 'D']]"

# Something waits to be recovered.
printf '{"version": 1, "verb": "revert", "step": "applying", "domid": 3,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001", "running": true,
 "snapshots": [%s]}' "$(snapshot 1 0 nightly)" | put db1.journal
run "$xl" snapshot-list db1
is "in flight" "$status $err" "0 xl: snapshot-list: a snapshot-revert of \
domain 'db1' was interrupted: run xl snapshot-recover db1"
run "$xl" snapshot-list db1 --json
is "in flight: JSON" "$(json 'd["domains"][0]["in_flight"]')" \
    "{'operation': 'revert', 'step': 'applying', 'snapshots': ['nightly']}"
finish

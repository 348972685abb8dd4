#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands that bring snapshots in and out.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

echo '{"x": 1}' | put record
printf stream | put archive
printf '{"serial": 1, "name": "A", "state": "running", "memory": true,
 "memory_bytes": 1048576, "disks": [{"vdev": "xvda", "path": "/img/xvda",
 "format": "qcow2", "treatment": "internal"}]}' | put created
cd "$XL_TEST_DIR" || exit 99

# ---- redefine ----

run "$xl" snapshot-redefine web1 record
is "redefine: calls" "$(calls)" 'redefine [web1] [{"x": 1}
] []'
is "redefine: output" "$out" "2 snapshots of domain 'web1' put back: a, b.
1 was there already, and stays as it is."
run "$xl" snapshot-redefine --json web1 record
is "redefine: JSON" "$(json d)" \
    "{'domain': 'web1', 'snapshots': ['a', 'b'], 'kept': 1}"
calls > /dev/null
run "$xl" snapshot-redefine --update --current --memory M web1 record
is "redefine: options" "$(calls)" 'redefine [web1] [{"x": 1}
] [M] update current'
like "redefine --update: output" "$out" "2 snapshots of domain 'web1' updated:*"
"$xl" snapshot-redefine --disk-only web1 - < record > /dev/null
is "redefine: standard input's text" "$(calls)" 'redefine [web1] [{"x": 1}
] [] disk-only'
run "$xl" snapshot-redefine web1 nowhere
is "redefine: no such file" "$status" 3
like "redefine: no such file is said" "$err" "*cannot read 'nowhere'*"
is "redefine: nothing was asked for" "$(calls)" ""
echo "5 it is not" > web1.fail
run "$xl" snapshot-redefine web1 record
is "redefine: refused" "$status" 5
like "redefine: what was done before" "$err" \
    "*before that failed, 2 snapshots were put back*it is not*"
rm web1.fail calls

# ---- adopt ----

run "$xl" snapshot-adopt web1 one two
is "adopt: calls" "$(calls)" "adopt [web1] []
name [one]
name [two]"
is "adopt: output" "$out" "2 snapshots of domain 'web1' adopted: a, b."
run "$xl" snapshot-adopt --all --parent P --current web1
is "adopt: options" "$(calls)" "adopt [web1] [P] current"

# ---- export ----

run "$xl" snapshot-export web1 A file.tar
is "export: calls" "$(calls)" "export [web1] [A] [file.tar] [] []"
is "export: output" "$out" "Snapshot 'A' of domain 'web1' written to file.tar."
run "$xl" snapshot-export --json --compress zstd --work-dir /w web1 A file.tar
is "export: options" "$(calls)" "export [web1] [A] [file.tar] [zstd] [/w]"
is "export: JSON" "$(json d)" "{'domain': 'web1', 'snapshot': 'A', \
'file': 'file.tar', 'xl': False}"
run "$xl" snapshot-export web1 A -
is "export: standard output is the stream alone" "$out" "stream"
is "export: and nothing is said" "$err" ""
run "$xl" snapshot-export --json web1 A -
is "export: not both" "$status" 2
calls > /dev/null
run "$xl" snapshot-export --xl web1 A image
is "export --xl: calls" "$(calls)" "export [web1] [A] [image] [] [] xl"
is "export --xl: output" "$out" \
    "Memory of snapshot 'A' of domain 'web1' written to image."

# ---- import ----

run "$xl" snapshot-import archive
is "import: calls" "$(calls)" "import [stream] [] [] []"
is "import: output" "$out" \
    "Snapshot 'A' of domain 'h' imported: memory 1 MiB and 1 disk (xvda)."
mkdir images
run "$xl" snapshot-import --name h --snapshot-name S --dir images archive
is "import: options" "$(calls)" \
    "import [stream] [h] [S] [$(realpath images)]"
"$xl" snapshot-import --json - < archive > out
is "import: standard input" "$(calls)" "import [stream] [] [] []"
is "import: JSON" "$(json '[d["domain"], d["snapshot"]["name"]]')" "['h', 'A']"
run "$xl" snapshot-import --dir nowhere archive
is "import: no such directory" "$status" 3
run "$xl" snapshot-import nowhere
is "import: no such file" "$status" 3
is "import: nothing was asked for" "$(calls)" ""

# ---- dry runs ----

for words in "redefine web1 record" "adopt web1 A" "export web1 A -" \
             "import archive"; do
    # shellcheck disable=SC2086 # words they are
    run "$xl" snapshot-$words -N
    is "$words -N" "$status" 0
    like "$words -N: asked for" "$(calls)" "*dry-run*"
    is "$words -N: plan" "$(json 'd["command"]')" "snapshot-${words%% *}"
done
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a revert gives up is told before at a terminal, and after in a script.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:?}/tests/cli/lib.sh"

cat > "$XL_TEST_DIR/web1.lost" <<EOF
memory - - 268435456 - 1790000000
writes xvda /srv/a.s.qcow2 5242880 A 1790000100
writes xvdb /srv/b.qcow2 - A 1790000100
writes xvdd /srv/d.qcow2 - - -
disk_leaves xvde /srv/e.qcow2 - - -
disk_returns xvdf /srv/f.qcow2 - - -
EOF

memory="the memory of the guest, 256 MiB, which runs since 2026-09-21 14:13:20"
xvda="what was written to xvda since 'A' (2026-09-21 14:15:00), 5 MiB at most \
(/srv/a.s.qcow2)"
xvdb="what was written to xvdb since 'A' (2026-09-21 14:15:00), if anything \
(/srv/b.qcow2)"
xvdd="what xvdd holds, of which no snapshot has anything (/srv/d.qcow2)"
xvde="'B' is without the disk xvde that the domain has now: the domain comes \
back without it, and its image /srv/e.qcow2 stays as it is"
xvdf="'B' has a disk xvdf that the domain has not now: it comes back \
(/srv/f.qcow2)"

# ---- in a script ----

run "$xl" snapshot-revert web1 B
is "a plain call goes on" "$status $out" \
    "0 Domain 'web1' is back at snapshot 'B', and running as domain 9."
is "and asks nobody" "$(calls)" "revert [web1] [B] unknown"
is "and tells what it gave up" "$err" "xl: snapshot-revert: given up: $memory
xl: snapshot-revert: given up: $xvda
xl: snapshot-revert: given up: $xvdb
xl: snapshot-revert: given up: $xvdd
xl: snapshot-revert: $xvde
xl: snapshot-revert: $xvdf"
run "$xl" snapshot-revert --no-undo web1 B
is "--no-undo: it may go; the disks are told of" "$err" \
    "xl: snapshot-revert: $xvde
xl: snapshot-revert: $xvdf"
run "$xl" snapshot-revert --undo web1 B
is "--undo: nothing was given up" "$err" ""
run "$xl" snapshot-revert --json web1 B
is "JSON: how many" "$(json 'len(d["lost"])')" 6
is "JSON: memory" "$(json 'd["lost"][0]')" "{'kind': 'memory', 'vdev': None, \
'path': None, 'bytes': 268435456, 'since': None, 'since_time': 1790000000}"
is "JSON: a disk" "$(json 'd["lost"][2]')" "{'kind': 'writes', 'vdev': 'xvdb', \
'path': '/srv/b.qcow2', 'bytes': None, 'since': 'A', 'since_time': 1790000100}"
is "JSON: kinds" "$(json '[l["kind"] for l in d["lost"]][3:]')" \
    "['writes', 'disk_leaves', 'disk_returns']"
run "$xl" snapshot-revert --json --undo web1 B
is "JSON: nothing" "$(json 'd["lost"], d["undo"]')" "([], 'undo-1')"
run "$xl" snapshot-revert web2 B
is "nothing known of, nothing said" "$err" ""
calls > /dev/null

# ---- at a terminal ----

# at_terminal ANSWERS ARGUMENTS...: $status, $out. The terminal's input comes
# after the question, so that it is not taken for something else.
at_terminal() {
    local answers=$1
    shift
    "$PYTHON" - "$answers" "$xl" snapshot-revert "$@" \
        > "$XL_TEST_DIR/terminal" <<'EOF'
import os, pty, sys

answers, asked, seen = sys.argv[1], b"ancel: ", b""
pid, fd = pty.fork()
if not pid:
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:
        break
    if not more:
        break
    seen += more
    while answers and seen.count(asked) > len(sys.argv[1]) - len(answers):
        os.write(fd, answers[0].encode() + b"\n" if answers[0] != "D"
                 else b"\x04")
        answers = answers[1:]
sys.stdout.write(seen.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
    status=$?
    out=$(cat "$XL_TEST_DIR/terminal")
}

at_terminal y web1 B
is "yes: done" "$status" 0
is "yes: looked first, and kept it" "$(calls)" "losses [web1] [B]
revert [web1] [B] unknown undo"
like "the question lists all" "$out" "This gives up, of the domain web1
  - $memory
  - $xvda
  - $xvdb
  - $xvdd
Note: $xvde
Note: $xvdf
Keep the present as a snapshot first? *"
at_terminal n web1 B
is "no" "$status $(calls)" "0 losses [web1] [B]
revert [web1] [B] unknown"
is "no: told once" "$(grep -c "the memory of the guest" \
    "$XL_TEST_DIR/terminal")" 1
at_terminal xc web1 B
is "cancel: asked again, and nothing done" "$status $(calls)" \
    "1 losses [web1] [B]"
like "cancel: said" "$out" "*cancelled; nothing was changed"
at_terminal D web1 B
is "the end of input cancels" "$status $(calls)" "1 losses [web1] [B]"
at_terminal "" --no-undo web1 B
is "--no-undo does not ask" "$status $(calls)" "0 revert [web1] [B] unknown"
at_terminal "" --json web1 B
is "nor does --json" "$status $(calls)" "0 revert [web1] [B] unknown"
at_terminal "" web2 B
is "nor who gives up nothing" "$status $(calls)" "0 losses [web2] [B]
revert [web2] [B] unknown"

# What would be refused is refused before anybody is asked.
echo "5 no way" | put web1.fail
at_terminal "" web1 B
is "a refusal comes first" "$status $(calls)" "5 losses [web1] [B]"
# Recovered by the revert itself; until then nothing is known.
echo "8 interrupted" | put web1.fail
at_terminal c web1 B
is "in flight: asked in general" "$status $(calls)" "1 losses [web1] [B]"
like "in flight: what" "$out" "*its memory, and what was written to its disks*"
rm "$XL_TEST_DIR/web1.fail"

# Paths may be chosen to deceive.
printf 'writes xvda /srv/\033[2Jx - A 1790000100\n' | put web1.lost
at_terminal c web1 B
like "no escape sequence gets through" "$out" '*(/srv/\\x1b\[2Jx)*'
finish

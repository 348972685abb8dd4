#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Text that somebody else chose tells the terminal nothing and stays on its
# line, wherever it is printed.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# JSON's way to write ESC [2J, newline, tab, DEL, C1 CSI, a right-to-left
# override, a line separator; and what must become of it.
evil='\u001b[2J\n\t\u007f\u009b31m\u202e\u2028end'
tame='\x1b[2J\n\t\x7f\u009b31m\u202e\u2028end'

# No byte of $out or $err is a control character but the newline.
clean() {
    is "$1: no control characters" \
        "$(tr -d '\n' < "$XL_TEST_DIR/out" | LC_ALL=C grep -c '[[:cntrl:]]';
           tr -d '\n' < "$XL_TEST_DIR/err" | LC_ALL=C grep -c '[[:cntrl:]]')" \
        "0
0"
    is "$1: nothing that reorders text" \
        "$(grep -c -e $'\u202e' -e $'\u2028' -e $'\u009b' \
           "$XL_TEST_DIR/out")" 0
}

one=$(snapshot 1 0 A | "$PYTHON" -c 'import sys
print(sys.stdin.read().replace("\"description\": \"\"",
                               "\"description\": \"" + sys.argv[1] + "\"")
      .replace("/img/a.qcow2", "/img/" + sys.argv[1])
      .replace("\"vdev\": \"xvda\"", "\"vdev\": \"" + sys.argv[1] + "\""))' \
    "$evil")
chain web1 1 "$one" "$(snapshot 2 1 "$evil")" "$(snapshot 3 2 C)" |
    put web1.chain
printf '%s' "$one" | put created

run "$xl" snapshot-list web1
clean "table"
like "table: the description" "$out" "*${tame//\\/\\\\}*"
is "table: the lines" "$(printf '%s\n' "$out" | wc -l)" 4
for command in "list --tree web1" "list --names web1" "info web1 A" \
               "info web1 C" "create web1" "list --dot web1" \
               "list -o disks,parent,description web1"; do
    # shellcheck disable=SC2086 # words they are
    run "$xl" snapshot-$command
    clean "$command"
    like "$command: something was printed" "$out" "*[A-Z]*"
done
run "$xl" snapshot-list --names web1
is "names: the lines" "$out" "A
$tame
C"
run "$xl" snapshot-list -Ho name,disks,description web1
is "for scripts: no control characters but tabs" \
    "$(tr -d '\n\t' < "$XL_TEST_DIR/out" | LC_ALL=C grep -c '[[:cntrl:]]')" 0
is "for scripts: the lines" "$(printf '%s\n' "$out" | wc -l)" 3
is "for scripts: the fields" \
    "$(printf '%s\n' "$out" | awk -F '\t' '{print NF}' | sort -u)" 3
run "$xl" snapshot-list --dot web1
is "a graph: what escapes is escaped once more" \
    "$(grep -c -F "${tame//\\/\\\\}" "$XL_TEST_DIR/out")" 1
run "$xl" snapshot-list -o "$evil" web1
clean "a bad column"
run "$xl" snapshot-list --from $'\e[2J' web1
clean "from a bad name"
run "$xl" snapshot-info web1 A
is "info: the lines" "$(printf '%s\n' "$out" | wc -l)" 11

# JSON keeps it as it is.
run "$xl" snapshot-list web1 --json
is "JSON" "$(json '(d["domains"][0]["snapshots"][0]["description"],
                    d["domains"][0]["snapshots"][1]["name"])')" \
    "('\\x1b[2J\\n\\t\\x7f\\x9b31m\\u202e\\u2028end', \
'\\x1b[2J\\n\\t\\x7f\\x9b31m\\u202e\\u2028end')"
clean "JSON: escaped on the way"

# What the caller typed, and what comes from below.
raw=$'\e[2J\xff\n\x9b'
for command in "info web1" "revert web1" "delete web1"; do
    # shellcheck disable=SC2086
    run "$xl" snapshot-$command "$raw"
    clean "$command: a bad name"
done
run "$xl" snapshot-info "$raw" A
clean "a bad domain"
is "a bad domain: message" "$err" \
    "xl: snapshot-info: no domain '\\x1b[2J\\xff\\n\\x9b'"
run "$xl" snapshot-info "$raw" A --json
is "a bad domain: JSON" "$(json 'd["error"]["message"]')" \
    "$("$PYTHON" -c 'print("no domain '"'\x1b[2J\ufffd\n\ufffd'"'")')"
run "$xl" snapshot-list web1 x "$raw"
clean "an argument too many"
run "$xl" snapshot-list "--$raw"
clean "a bad option"
printf '1 first\033[2J second' | put web1.fail
printf 'log from a guest \033[31m' | put script
run "$xl" snapshot-create web1
clean "messages from below"
is "messages from below" "$err" "libxl: error: from a guest \\x1b[31m
xl: snapshot-create: first\\x1b[2J second"
rm "$XL_TEST_DIR/web1.fail"
printf 'removed \033[2J\n' | put web1.report
run "$xl" snapshot-recover web1
clean "a report"
run "$xl" "snapshot-re"$'\e'
is "a bad subcommand is the system's" "$status $err" "0 "

# Where there is no UTF-8, all that is not ASCII is spelled out.
snapshot 1 0 A | sed 's/"description": ""/"description": "caf\\u00e9"/' |
    { read -r -d '' line; chain web1 1 "$line" | put web1.chain; }
LC_ALL=C run "$xl" snapshot-list web1
like "the C locale" "$out" "*caf\\\\u00e9"
run "$xl" snapshot-list web1
like "a UTF-8 locale" "$out" "*café"
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the bash completion offers.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# shellcheck disable=SC2016 # a trap that must not spring
printf 'db1\nweb1\nold two\n$(touch pwned)\n' | put domains
# shellcheck disable=SC2016
chain web1 2 "$(snapshot 1 0 before)" "$(snapshot 2 1 after)" \
    "$(snapshot 3 1 'b $(touch pwned)')" | put web1.chain
cd "$XL_TEST_DIR" || exit 99
mkdir files
touch files/web1.cfg files/web2.cfg

# shellcheck disable=SC1091 # the file under test
. "$srcdir/xl/completion/xl"

# offers WHAT EXPECTED WORD...: completing the last word offers these lines.
offers() {
    local what=$1 expected=$2
    shift 2
    COMP_WORDS=("$xl" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _xl_with_snapshots "$xl" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}" \
        2> "$XL_TEST_DIR/complaints"
    is "$what" "$(IFS=$'\n'; printf '%s' "${COMPREPLY[*]}")" "$expected"
    is "$what: quiet" "$(cat "$XL_TEST_DIR/complaints")" ""
}

is "it is registered" "$(complete -p xl)" \
    "complete -o default -F _xl_with_snapshots xl"
offers "a command of the system" "create
config-update" c
offers "all commands" "$("$xl" help | sed 1,4d | awk '/^ [^ ]/ {print $1}')" ""
offers "ours" "snapshot-revert
snapshot-rename
snapshot-redefine
snapshot-recover" snapshot-re
offers "after globals" "snapshot-list" -v -N snapshot-l
offers "help of" "snapshot-info" help snapshot-inf
offers "options" "--description
--disk-only
--diskspec
--dry-run" snapshot-create --d
offers "options after operands" "--running
--paused
--off
--undo
--no-undo
--hook-timeout
--no-set-clock
--clock-timeout
--dry-run
--json
--help" snapshot-revert web1 before --
offers "no options after --" "" snapshot-list -- --n
offers "options of a block command of ours" "--base
--bandwidth
--bytes" block-pull --b
offers "domains to take a snapshot of" '\$\(touch\ pwned\)
db1
old\ two
web1' snapshot-create ""
COMPREPLY=()
offers "domains that have some" "web1" snapshot-revert w
offers "a domain after options" "db1" snapshot-delete --children d
offers "quoted as the shell wants it" 'old\ two' snapshot-info ol
offers "a name that is a trap" '\$\(touch\ pwned\)' snapshot-info '$'
offers "snapshots" 'before
b\ \$\(touch\ pwned\)' snapshot-revert web1 b
offers "snapshots after options" "after" snapshot-revert --off web1 a
offers "snapshots with a global" "after" -N snapshot-delete web1 a
offers "snapshots after an option's argument is no operand" "web1" \
    snapshot-create --description "some text" w
offers "nor that of a number" "web1" \
    snapshot-create --quiesce --quiesce-timeout 3 w
offers "seconds" "" snapshot-create --quiesce-timeout ""
offers "domains to thaw are those that run" "" snapshot-thaw --timeout 3 o
offers "an option's argument" "" snapshot-create --description w
offers "an option joined with its argument" "web1" \
    snapshot-create --description = text w
offers "a file after =" "files/web1.cfg
files/web2.cfg" snapshot-create --config = files/w
offers "a file" "files/web1.cfg
files/web2.cfg" snapshot-create --config files/w
offers "what create does not know of itself" "--active" create --a
offers "a record's file" "files/web1.cfg
files/web2.cfg" snapshot-redefine web1 files/w
offers "a file to export to" "files/web1.cfg
files/web2.cfg" snapshot-export --compress zstd web1 before files/w
offers "a file to import" "files/web1.cfg
files/web2.cfg" snapshot-import --name x files/w
offers "a directory" "files" snapshot-import --dir f
offers "a memory image" "files/web1.cfg
files/web2.cfg" snapshot-redefine --memory = files/w
offers "a way to name the memory image" "sha256" snapshot-create --memory-digest ""
offers "a way to compress" "zstd" snapshot-export --compress z
offers "a domain to adopt for" "db1" snapshot-adopt d
offers "a snapshot to clone" "before" snapshot-clone --directory files web1 be
offers "a clone's name" "" snapshot-clone web1 before b
offers "a snapshot to compare" "before" snapshot-diff web1 be
offers "another one" "before" snapshot-diff --json web1 x be
offers "no third one" "" snapshot-diff web1 x before b
offers "a new name" "" snapshot-rename web1 before b
offers "a new snapshot's name" "" snapshot-create web1 b
offers "a snapshot to dump" "before" snapshot-dump web1 be
offers "a filter" "--leaves" snapshot-list --l
offers "columns" "state
stored
size
serial" snapshot-list -o s
offers "more columns" "name,freed" snapshot-list web1 --columns name,f
offers "columns after =" "kind" snapshot-list --columns = k
offers "from a snapshot" "after" snapshot-list web1 --from a
offers "a column's name is no operand" "web1" snapshot-list -o web1 w
offers "nothing more" "" snapshot-info web1 before ""
offers "an unknown domain's snapshots" "" snapshot-info nobody ""
# The domain may come after the cursor.
COMP_WORDS=("$xl" snapshot-list --from a -o name -- web1)
COMP_CWORD=3
COMPREPLY=()
_xl_with_snapshots "$xl" a --from
is "from a snapshot of a domain further on" "${COMPREPLY[*]}" after
is "nothing was carried out" "$(find . -name 'pwned*')" ""

# Without the system's completion its commands are left to the default; with
# it they are its own business.
offers "a system's command" "" create x
_xl() { COMPREPLY=("from the system's: $2"); }
offers "the system's completion" "from the system's: x" create x
offers "not for ours" "after" snapshot-info web1 a
finish

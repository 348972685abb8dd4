#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is not ours becomes the system's xl: same arguments, environment,
# files, signals, exit status.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

# same_argv WHAT ARGUMENT...
same_argv() {
    local what=$1
    shift
    rm -f "$XL_TEST_DIR/system.argv"
    run "$xl" "$@"
    printf '%s\0' "$srcdir/tests/cli/system-xl" "$@" > "$XL_TEST_DIR/expected"
    if cmp -s "$XL_TEST_DIR/system.argv" "$XL_TEST_DIR/expected"; then
        passed "$what"
    else
        failed "$what" "$(tr '\0' '\n' < "$XL_TEST_DIR/system.argv")"
    fi
}

same_argv "plain" list web1
same_argv "spaces and quotes" nothing "a b" "it's" '"quoted"' "back\\slash"
same_argv "empty arguments" nothing "" "" x ""
same_argv "newlines, tabs, control characters" nothing $'a\nb' $'\t' $'\001\x7f'
same_argv "bytes that are not UTF-8" nothing $'\xff\xfe'
same_argv "things that look like options" nothing -x --json -h -- --help -N
same_argv "globals" -v -vv -f -t -T -N list
same_argv "globals in one word" -vvftTN list
same_argv "a global that only the system may know" -z snapshot-list
same_argv "an unknown global among others" -vz snapshot-list
same_argv "a long global" --version snapshot-list
same_argv "a lone dash" - snapshot-list
same_argv "an empty subcommand" ""
same_argv "after --" -- list -l
same_argv "our names as arguments" list snapshot-list
many=()
for i in {1..200}; do many+=("argument $i"); done
same_argv "200 arguments" nothing "${many[@]}"
same_argv "one of 100000 bytes" nothing "$(printf '%0100000d' 0)"

env -i XL_TEST_DIR="$XL_TEST_DIR" PATH="$PATH" ODD=$'a\nb' LC_ALL=xx_XX \
    POSIXLY_CORRECT=1 "$xl" nothing
tr '\0' '|' < "$XL_TEST_DIR/system.env" | tr '|' '\n' |
    grep -c -e '^ODD=a$' -e '^b$' -e '^LC_ALL=xx_XX$' -e '^POSIXLY_CORRECT=1$' \
        > "$XL_TEST_DIR/count"
is "the environment" "$(cat "$XL_TEST_DIR/count")" 4
is "nothing is added to it" \
    "$(tr '\0' '\n' < "$XL_TEST_DIR/system.env" |
       grep -v -e ^ODD -e '^b$' -e ^LC_ALL -e ^POSIX -e ^XL_TEST_DIR= \
           -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=)" ""

wrong=
for i in {0..255}; do
    "$xl" exit-with "$i"
    [ $? = "$i" ] || wrong="$wrong $i"
done
is "every exit status" "$wrong" ""

# What was started in a shell's background ignores SIGINT, and so would xl.
for signal in TERM KILL SEGV INT PIPE; do
    is "death by SIG$signal" \
        "$("$PYTHON" -c 'import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
print(subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode)' \
           "$xl" die-by $signal)" "-$(kill -l $signal)"
done

is "standard input" "$(printf 'some\0bytes' | "$xl" cat | od -An -c)" \
    "$(printf 'some\0bytes' | od -An -c)"
run "$xl" complain
is "standard error" "$err" complaint
is "and nothing else" "$out" ""

# A terminal stays one, and we stay in its foreground.
script -qec "$xl terminal" /dev/null < /dev/null > "$XL_TEST_DIR/terminal"
is "the terminal" "$(tr -d '\r' < "$XL_TEST_DIR/terminal" | grep fd)" \
    "fd 0: terminal
fd 1: terminal
fd 2: terminal"
is "its foreground" "$(grep -c foreground "$XL_TEST_DIR/terminal")" 1

is "signals are left alone" "$("$xl" signals)" \
    "$("$srcdir/tests/cli/system-xl" signals)"
is "an ignored one stays ignored" \
    "$(trap '' INT; "$xl" signals | grep Ign)" \
    "$(trap '' INT; "$srcdir/tests/cli/system-xl" signals | grep Ign)"

# Beginnings of commands.
same_argv "a beginning of a system's command" li
same_argv "snap" snap web1
same_argv "snapshot" snapshot web1
same_argv "not a beginning of ours" snapshot-lists
same_argv "other case" Snapshot-list
same_argv "ours with something after it" "snapshot-list "
same_argv "help of a system's command" help list
same_argv "help of a beginning" help snapshot
rm -f "$XL_TEST_DIR/system.argv"
run "$xl" snapshot-cre --help
like "a beginning of ours" "$out" "Usage: xl * snapshot-create *"
run "$xl" snapshot-l --help
like "another" "$out" "Usage: xl * snapshot-list *"
run "$xl" snapshot-re x
is "an ambiguous one" "$status" 2
like "is told what it may be" "$err" "*snapshot-rename*snapshot-recover*"
run "$xl" snapshot-
is "all of ours" "$status" 2
run "$xl" help snapshot-de
like "help of a beginning of ours" "$out" "Usage: xl * snapshot-delete *"
run "$xl" help snapshot-re
is "help of an ambiguous one" "$status" 2
run "$xl" snapshot-monitor 5
is "the watcher" "$out" "monitor of 5"
run "$xl" -vN snapshot-list --help
is "a global that does not fit asks for help all the same" "$status" 0
is "none of these went to the system's xl" \
    "$(find "$XL_TEST_DIR" -name system.argv)" ""

# The system's xl cannot be had.
run "$builddir/tests/cli/xl-not-there" list
is "not there" "$status" 127
like "and said so" "$err" "xl: cannot run the system's xl, /nonexistent/xl: *"
run "$builddir/tests/cli/xl-itself" list
is "ourselves" "$status" 126
like "and said so" "$err" "xl: */xl-itself, which should be the system's xl*"
run "$builddir/tests/cli/xl-itself" help
like "help with ourselves in its place" "$out" "*snapshot-create*"
is "help with ourselves in its place fails" "$status" 127
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Nothing that a person does at the terminal interrupts a change half way.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

snapshot 1 0 A | put created

# interrupted SIGNAL ARGUMENT...: the command gets the signal between two
# points, a second before its end.
interrupted() {
    local signal=$1
    shift
    rm -f "$XL_TEST_DIR/points"
    (
        # A shell makes its background jobs ignore some signals.
        XL_SNAPSHOT_TRACE_POINTS=$XL_TEST_DIR/points exec "$PYTHON" -c '
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
    signal.signal(s, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$xl" "$@"
    ) > "$XL_TEST_DIR/out" 2> "$XL_TEST_DIR/err" &
    for _ in {1..100}; do
        [ -s "$XL_TEST_DIR/points" ] && break
        sleep 0.1
    done
    kill -s "$signal" $!
    wait $!
    status=$?
    out=$(cat "$XL_TEST_DIR/out")
    err=$(cat "$XL_TEST_DIR/err")
}

printf 'reached create:suspended\nsleep 700\nreached create:taken\n' |
    put script
for signal in INT TERM HUP QUIT TSTP; do
    interrupted $signal snapshot-create web1
    is "SIG$signal: it goes on" "$status $(calls | tail -n 1)" "0 created"
    like "SIG$signal: and says so" "$err" \
        "xl: snapshot-create: cannot stop here without harm to the domain*"
    like "SIG$signal: the result" "$out" "Snapshot 'A' *"
done
for signal in PIPE TTOU TTIN XFSZ; do
    interrupted $signal snapshot-create web1
    is "SIG$signal: it goes on" "$status $(calls | tail -n 1)" "0 created"
    is "SIG$signal: that is nobody's wish" "$err" ""
done

# A dry run changes nothing, and can be stopped.
interrupted TERM -N snapshot-create web1
is "a dry run ends" "$status" 143

# Ctrl-C at a terminal reaches all in the foreground.
rm -f "$XL_TEST_DIR/points" "$XL_TEST_DIR/calls"
XL_SNAPSHOT_TRACE_POINTS=$XL_TEST_DIR/points "$PYTHON" -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
while not os.path.exists(os.environ["XL_SNAPSHOT_TRACE_POINTS"]):
    time.sleep(0.05)
os.write(fd, b"\x03")
try:
    while True:
        data = os.read(fd, 4096)
        if not data:
            break
        seen += data
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(seen.decode().count("cannot stop here"))' \
    "$xl" snapshot-create web1 > "$XL_TEST_DIR/terminal"
is "Ctrl-C" "$(cat "$XL_TEST_DIR/terminal") $(calls | tail -n 1)" "0
1 created"

# The standard error's reader is gone.
printf 'reached create:suspended\nlog one\nlog two\nreached create:taken\n' |
    put script
{ "$xl" -vt snapshot-create web1 2>&1 > /dev/null
  echo $? > "$XL_TEST_DIR/status"; } | :
is "a reader that went away" \
    "$(cat "$XL_TEST_DIR/status") $(calls | tail -n 1)" "0 created"
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual page says what the program does, and is well-formed.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

pod=$builddir/docs/man/xl-snapshot.1.pod
page=$builddir/docs/man/xl-snapshot.1

run podchecker -warnings -warnings "$pod"
is "podchecker" "$status" 0
like "podchecker has no warnings" "$err" "*pod syntax OK.*"
is "nothing is left to be substituted" "$(grep -c '@[A-Z_]*@' "$page")" 0

# section HEADING
section() {
    sed -n "/^=head1 $1/,/^=head1/p" "$pod"
}

for command in $("$xl" help | awk '/^ (snapshot-|block-(chain|pull|job) )/ {print $1}'); do
    "$xl" "$command" --help > "$XL_TEST_DIR/help"
    # The command's own part: to the next command, or the end of the section.
    section "SNAPSHOT SUBCOMMANDS" |
        awk -v c="B<$command>" '/^=item B<(snapshot|block)-/ {on = index($0, c)} on' \
            > "$XL_TEST_DIR/part"
    like "$command is described" "$(head -n 1 "$XL_TEST_DIR/part")" \
        "=item B<$command> \[I<OPTIONS>\]*"
    is "$command has a synopsis" \
        "$(section SYNOPSIS | grep -c "B<$command>")" 1
    is "$command: operands as in its help" \
        "$(sed -n '1s/.*\[I<OPTIONS>\] *//p' "$XL_TEST_DIR/part" |
           sed 's/I<domain-id>/<Domain>/; s/I<name>/<Name>/; s/I<name2>/<Name2>/
                s/I<new-name>/<NewName>/; s/I<new-domain>/<NewDomain>/; s/I<file>/<File>/
                s/I<vdev>/<Vdev>/')" \
        "$(sed -n '1s/.*\[options\] *//p' "$XL_TEST_DIR/help")"
    is "$command: options as in its help" \
        "$(grep '^=item B<--' "$XL_TEST_DIR/part" | grep -o -e '--[a-z-]*' |
           sort | tr '\n' ' ')" \
        "$(grep '^-' "$XL_TEST_DIR/help" | grep -o -e '--[a-z-]*' |
           grep -v -x -e --help -e --json -e --dry-run | sort | tr '\n' ' ')"
done

# The exit statuses, in the order of enum manage_outcome.
is "the exit statuses" \
    "$(section "EXIT STATUS" |
       sed -n 's/^=item B<\([0-9]\)> (C<\(.*\)>)$/\1 \2/p')" \
    "$(sed -n '/^enum manage_outcome/,/^}/s/^    MANAGE_\([A-Z_]*\).*/\1/p' \
        "$srcdir/manage/manage.h" | tr '[:upper:]' '[:lower:]' |
       awk '{print NR - 1, $0}')"
finish

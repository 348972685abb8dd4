#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The system's commands that give images to domains: frozen ones are not
# handed out, and everything else is the system's as before.
. "${srcdir:?}/tests/cli/lib.sh" || exit 99

img=$XL_TEST_DIR/img
cfg=$XL_TEST_DIR/"my config"
mkdir "$img"
touch "$img"/{base.raw,over.qcow2,data.qcow2,stale.qcow2,twin.qcow2} \
    "$XL_TEST_DIR/may-create"
ln -s base.raw "$img/link"
: > "$cfg"

# disk VDEV PATH READWRITE FORMAT: as xl create -N has it.
disk() {
    printf '{"vdev": "%s", "pdev_path": "%s", "readwrite": %d,
 "format": "%s"}' "$@"
}

# offer NAME DISK...: what the system's xl makes of the configuration.
offer() {
    local name=$1 separator=
    shift
    {
        printf '{"c_info": {"name": "%s"}, "disks": [' "$name"
        for one in "$@"; do
            printf '%s%s' "$separator" "$one"
            separator=,
        done
        printf ']}\n'
    } > "$cfg.json"
}

# web1: base.raw is frozen by the snapshot "clean", twin.qcow2 is hidden with
# two overlays, stale.qcow2 is nobody's any more.
put web1.chain <<END
{"version": 1, "domain": "web1", "next_serial": 9, "current": 1,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001",
 "snapshots": [{"serial": 1, "parent": 0, "name": "clean", "created": 1,
   "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001", "state": "running",
   "disks": [{"vdev": "xvda", "path": "$img/base.raw", "format": "raw",
              "treatment": "external"},
             {"vdev": "xvdb", "path": "$img/x1.qcow2", "format": "qcow2",
              "treatment": "external"},
             {"vdev": "xvdc", "path": "$img/x2.qcow2", "format": "qcow2",
              "treatment": "external"}]}],
 "images": [
  {"path": "$img/base.raw", "format": "raw", "was_disk": true},
  {"path": "$img/over.qcow2", "format": "qcow2", "backing": "$img/base.raw",
   "ours": true},
  {"path": "$img/twin.qcow2", "format": "qcow2"},
  {"path": "$img/x1.qcow2", "format": "qcow2", "backing": "$img/twin.qcow2"},
  {"path": "$img/x2.qcow2", "format": "qcow2", "backing": "$img/twin.qcow2"},
  {"path": "$img/stale.qcow2", "format": "qcow2", "ours": true}],
 "active": [{"vdev": "xvda", "path": "$img/over.qcow2", "format": "qcow2"}]}
END

# system_calls: what the system's xl was asked for since the last call.
system_calls() {
    cat "$XL_TEST_DIR/system.calls" 2> /dev/null
    rm -f "$XL_TEST_DIR/system.calls"
}

# created WHAT ARGUMENT...: handed on as it is, after one look.
created() {
    local what=$1
    shift
    system_calls > /dev/null
    run "$xl" "$@"
    is "$what" "$status $out $err" "0 created "
    like "$what: after one look" "$(system_calls)" "-N create -q *
$*"
}

# refused WHAT PATTERN ARGUMENT...
refused() {
    local what=$1 pattern=$2
    shift 2
    system_calls > /dev/null
    run "$xl" "$@"
    is "$what: exit status" "$status" 5
    like "$what: message" "$err" "xl: create: $pattern"
    is "$what: one line" "$(wc -l < "$XL_TEST_DIR/err")" 1
    is "$what: not created" "$(system_calls | grep -vc '^-N ')" 0
}

base=$(disk xvda "$img/base.raw" 1 raw)

# No domain has a chain: nothing is looked at.
offer web1 "$base"
run "$xl" create "$cfg"
is "no chains" "$status $out $err" "0 created "
is "no chains: no look" "$(system_calls)" "create $cfg"

echo web1 | put domains
refused "a frozen image" "disk xvda: its image $img/base.raw is frozen: the \
snapshot 'clean' of domain 'web1' needs it as it is; xl create --active *" \
    create "$cfg"
refused "by a beginning" "disk xvda: *" crea "$cfg"
refused "the shortest" "disk xvda: *" cr "$cfg"
refused "with options and variables" "disk xvda: *" -v create -pq "$cfg" memory=1
refused "with --defconfig" "disk xvda: *" create --defconfig "$cfg"
refused "the file in the option's place" "disk xvda: *" create -f "$cfg" a=b
run "$xl" c "$cfg"
like "shorter is the system's own" "$(system_calls)" "c $cfg"

offer web1 "$(disk xvda "$img/link" 1 raw)"
refused "by another name" "disk xvda: its image $img/link is frozen: *" \
    create "$cfg"
offer other "$(disk xvda "$img/data.qcow2" 1 qcow2)" \
    "$(disk xvdb "$img/base.raw" 1 raw)"
refused "another domain" "disk xvdb: its image $img/base.raw is frozen: the \
snapshot 'clean' of domain 'web1' *" create "$cfg"
offer web1 "$(disk xvdd "$img/twin.qcow2" 1 qcow2)"
refused "a hidden one" "disk xvdd: its image $img/twin.qcow2 is frozen: *" \
    create "$cfg"
offer web1 "$(disk xvdd "$img/stale.qcow2" 1 qcow2)"
refused "nobody's" "disk xvdd: its image $img/stale.qcow2 is one that no disk \
of domain 'web1' has any more; *" create "$cfg"
offer web1 "$(disk xvda "$img/gone.qcow2" 1 qcow2)"
refused "one that was merged away" "disk xvda: its image $img/gone.qcow2 is \
not there any more, its active one is $img/over.qcow2: *" create "$cfg"

offer web1 "$(disk xvda "$img/over.qcow2" 1 qcow2)"
created "the active image" create "$cfg"
created "an option's argument is one" create -f "$cfg" --
offer web1 "$(disk xvda "$img/base.raw" 0 raw)"
created "read-only" create "$cfg"
offer other "$(disk xvda "$img/data.qcow2" 1 qcow2)"
created "another domain's other image" create "$cfg"
offer other '{"vdev": "xvda", "pdev_path": "'"$img/base.raw"'",
 "readwrite": 1, "backend_domname": "storage"}'
created "an image of that name in another domain" create "$cfg"

# ---- --active ----

offer web1 "$(disk xvda "$img/base.raw" 1 raw)" \
    '{"vdev": "xvdb", "pdev_path": "/a,b \"c\"", "readwrite": 1,
      "format": "qcow2", "backend": "qdisk", "discard_enable": "False"}'
# active ARGUMENT...: what comes after the words of the command line.
active() {
    run "$xl" "$@"
    tr '\0' '\n' < "$XL_TEST_DIR/system.argv" | tail -n +2
}
disks='disk=["vdev=xvda,format=qcow2,access=rw,target='$img'/over.qcow2","vdev=xvdb,backendtype=qdisk,no-discard,format=qcow2,access=rw,target=/a,b \"c\""]'
is "--active" "$(active create --active "$cfg")" "create
$cfg
$disks"
active create --active "$cfg" > /dev/null
is "--active: created" "$status $out $err" "0 created "
is "--active among others" "$(active -v create -p "$cfg" --active on_crash=x)" \
    "-v
create
-p
$cfg
on_crash=x
$disks"
is "--active as an option's argument" "$(active create -f --active)" "create
-f
--active"
is "--active after --" "$(active create -- --active)" "create
--
--active"
is "--active with nothing to change" "$(
    offer web1 "$(disk xvda "$img/over.qcow2" 1 qcow2)"
    active create "$cfg" --active)" "create
$cfg"
is "--active without a chain" "$(
    offer other "$(disk xvda "$img/data.qcow2" 1 qcow2)"
    active create --active "$cfg")" "create
$cfg"
mv "$XL_TEST_DIR/domains" "$XL_TEST_DIR/none"
is "--active without any chain" "$(active create --active "$cfg")" "create
$cfg"
mv "$XL_TEST_DIR/none" "$XL_TEST_DIR/domains"
offer web1 "$base" "$(disk xvdb "$img/stale.qcow2" 1 qcow2)"
refused "--active, another disk" "disk xvdb: *" create --active "$cfg"
offer web1 "$base" '{"vdev": "xvdb", "pdev_path": "/b", "hologram": true}'
refused "--active, an option we do not know" "disk xvdb: its option 'hologram' \
*" create --active "$cfg"

# ---- what stays the system's ----

offer web1 "$base"
for words in "-N create -q" "create -n" "create --dryrun" "create -pn"; do
    # shellcheck disable=SC2086 # words
    active $words "$cfg" > /dev/null
    is "dry run: $words" "$status $err" "0 "
done
is "a dry run with --active" "$(active -N create --active "$cfg")" "-N
create
$cfg
disk=[\"vdev=xvda,format=qcow2,access=rw,target=$img/over.qcow2\"]"
for words in "create -h" "create --help" "help create"; do
    system_calls > /dev/null
    # shellcheck disable=SC2086 # words
    run "$xl" $words
    is "$words" "$(system_calls)" "$words"
done
: > "$XL_TEST_DIR/other.cfg"
system_calls > /dev/null
run "$xl" create "$XL_TEST_DIR/other.cfg"
is "a configuration that it refuses: it says so itself" "$(system_calls)" \
    "-N create -q $XL_TEST_DIR/other.cfg
create $XL_TEST_DIR/other.cfg"
echo 3 | put web1.domid
created "a domain that runs" create "$cfg"
rm "$XL_TEST_DIR/web1.domid"
system_calls > /dev/null
XL_TEST_NO_XEN=1 run "$xl" create "$cfg"
is "without Xen" "$(system_calls)" "create $cfg"
run "$builddir/tests/cli/xl-not-there" create "$cfg"
is "without the system's xl" "$status" 1
like "without the system's xl: message" "$err" \
    "xl: create: cannot run the system's xl, /nonexistent/xl: *"
echo '(domain (name web1))' > "$cfg.json"
run "$xl" create "$cfg"
is "not JSON: exit status" "$status" 1
like "not JSON: message" "$err" "xl: create: cannot tell which images *"

# ---- what was interrupted ----

offer web1 "$(disk xvda "$img/over.qcow2" 1 qcow2)"
echo '{"version": 1, "verb": "delete", "step": "merging"}' | put web1.journal
echo "merged all" | put web1.report
calls > /dev/null
run "$xl" create "$cfg"
is "in flight: exit status" "$status $out" "0 created"
is "in flight: it is recovered" "$(calls | grep -c '^recover \[web1\]')" 1
like "in flight: and it is said" "$err" "xl: create: a snapshot-delete of \
domain 'web1' was interrupted; recovering first
merged all"
run "$xl" -N create "$cfg"
is "in flight: but not in a dry run" "$(calls | grep -c ^recover)" 0
rm "$XL_TEST_DIR/web1.journal"
echo "9 the chain is damaged" | put web1.fail
run "$xl" create "$cfg"
is "a chain that cannot be read" "$status" 9
is "and why" "$err" "xl: create: the chain is damaged"
offer other "$(disk xvda "$img/data.qcow2" 1 qcow2)"
created "is no reason not to start another domain" create "$cfg"
rm "$XL_TEST_DIR/web1.fail"

# ---- block-attach, block-detach ----

# attach DISK: status, message and what the system's xl got.
attach() {
    echo "$1" | put block.json
    system_calls > /dev/null
    run "$xl" block-attach web2 "a disk" "vdev=xvdz"
    printf '%s|%s|%s' "$status" "$err" "$(system_calls | tail -n 1)"
}
like "attach a frozen image" "$(attach "$(disk xvdz "$img/base.raw" 1 raw)")" \
    "5|xl: block-attach: disk xvdz: its image $img/base.raw is frozen: the \
snapshot 'clean' of domain 'web1' needs it as it is; attach an overlay *|-N *"
is "attach it read-only" "$(attach "$(disk xvdz "$img/base.raw" 0 raw)")" \
    "0||block-attach web2 a disk vdev=xvdz"
is "attach another" "$(attach "$(disk xvdz "$img/data.qcow2" 1 qcow2)")" \
    "0||block-attach web2 a disk vdev=xvdz"
# A disk that was detached: what the configuration has is frozen, and what it
# had last is named, and taken.
attach_again() {
    echo "$1" | put block.json
    system_calls > /dev/null
    run "$xl" block-attach web1 "a disk"
    printf '%s|%s|%s' "$status" "$err" "$(system_calls | tail -n 1)"
}
like "attach again as configured" \
    "$(attach_again "$(disk xvda "$img/base.raw" 1 raw)")" \
    "5|xl: block-attach: disk xvda: its image $img/base.raw is frozen: the \
snapshot 'clean' of domain 'web1' needs it as it is; its active image is \
$img/over.qcow2 (qcow2): attach that|-N *"
calls > /dev/null
is "attach again what it had" \
    "$(attach_again "$(disk xvda "$img/over.qcow2" 1 qcow2)")" \
    "0||block-attach web1 a disk"
is "first QEMU closes it" "$(calls | grep -v -e look -e list-)" "close-detached [web1]
check-unused [xvda] [$img/over.qcow2]"
is "attach another image by that name" \
    "$(attach_again "$(disk xvda "$img/data.qcow2" 1 qcow2)")" \
    "0||block-attach web1 a disk"
is "first QEMU closes what it had" "$(calls | grep -v -e look -e list-)" \
    "close-detached [web1]"
printf "disk xvda is served still" | put stays-open
like "attach again what QEMU does not let go" \
    "$(attach_again "$(disk xvda "$img/over.qcow2" 1 qcow2)")" \
    "4|xl: block-attach: disk xvda is served still|-N *"
rm "$XL_TEST_DIR/stays-open"
like "attach one that was merged away" \
    "$(attach_again "$(disk xvdd "$img/stale.qcow2" 1 qcow2)")" \
    "5|xl: block-attach: disk xvdd: its image $img/stale.qcow2 is one that no \
disk of domain 'web1' has any more; attach an overlay *"
calls > /dev/null
disk xvdz "$img/over.qcow2" 1 qcow2 | put block.json
run "$xl" block-attach web1 "a disk" vdev=xvdz
is "attach the active image" "$status $err" "0 "
is "attach the active image: it is looked whether it is open" \
    "$(calls | grep check-unused)" "check-unused [xvdz] [$img/over.qcow2]"
printf 'process 7 (qemu) has it open' | put in-use
system_calls > /dev/null
run "$xl" block-attach web1 "a disk" vdev=xvdz
like "attach it when it is open" "$status $err $(system_calls | tail -n 1)" \
    "4 xl: block-attach: disk xvdz: process 7 (qemu) has it open -N *"
disk xvdz "$img/over.qcow2" 0 qcow2 | put block.json
run "$xl" block-attach web1 "a disk" vdev=xvdz
is "attach it read-only when it is open" "$status $err" "0 "
is "attach an image that no chain has" \
    "$(attach "$(disk xvdz "$img/data.qcow2" 1 qcow2)")" \
    "0||block-attach web2 a disk vdev=xvdz"
rm "$XL_TEST_DIR/in-use" "$XL_TEST_DIR/block.json"
system_calls > /dev/null
run "$xl" block-attach web2 "no disk"
is "attach what the system's xl refuses" "$(system_calls)" \
    "-N block-attach web2 no disk
block-attach web2 no disk"

offer web1 "$base"
system_calls > /dev/null
run "$xl" config-update web1 "$cfg" on_crash=x
is "config-update to a frozen image" "$status $(system_calls)" \
    "5 -N create -q $cfg on_crash=x"
like "config-update: message" "$err" "xl: config-update: disk xvda: its image \
$img/base.raw is frozen: *; name the disk's active image in *"
offer web1 "$(disk xvda "$img/over.qcow2" 1 qcow2)"
run "$xl" conf web1 "$cfg"
is "config-update to the active one" "$status $err $(system_calls)" \
    "0  -N create -q $cfg
conf web1 $cfg"

run "$xl" block-detach web1 xvda
is "detach" "$status $(system_calls)" "0 block-detach web1 xvda"
is "detach: it is said what becomes of the snapshots" "$err" "xl: block-detach: \
1 snapshot of domain 'web1' has the disk xvda: it stays, and later ones will \
be without it
xl: block-detach: to attach xvda again, name its image $img/over.qcow2 (qcow2)"
is "detach: it does not run, there is nothing to close" \
    "$(calls | grep close)" ""
echo 5 | put web1.domid
printf 'what it says\n' | put system-says
run "$xl" -f block-detach web1 xvda
is "detach from one that runs" "$status $out $(system_calls)" \
    "0 what it says -f block-detach web1 xvda"
is "detach: then QEMU closes the images" "$(calls | grep close)" \
    "close-detached [web1]"
run "$xl" block-detach --force web1 51712
is "detach with an option, and by number" \
    "$status $(system_calls | tail -n 1) $(calls | grep close)" \
    "0 block-detach --force web1 51712 close-detached [web1]"
printf "disk xvda is detached, but served still" | put stays-open
run "$xl" block-detach web1 xvda
like "detach: QEMU does not close them" "$status $err" \
    "4 *xl: block-detach: disk xvda is detached, but served still"
rm "$XL_TEST_DIR/stays-open"
calls > /dev/null
echo 3 | put system-status
run "$xl" block-detach web1 xvda
is "detach: the system's xl cannot" "$status $(calls | grep close)" "3 "
rm "$XL_TEST_DIR/system-status" "$XL_TEST_DIR/system-says"
system_calls > /dev/null
run "$xl" -N block-detach web1 xvda
is "detach in a dry run" "$status $err $(system_calls)" \
    "0  -N block-detach web1 xvda"
run "$xl" block-d web1 xvdz
is "detach a disk without snapshots" "$status $err $(system_calls)" \
    "0  block-d web1 xvdz"
run "$xl" block-detach web9 xvda
is "detach from a domain without" "$status $err $(system_calls)" \
    "0  block-detach web9 xvda"
system_calls > /dev/null
run "$xl" rename web1 web2
is "rename a domain with snapshots" "$status $err $(system_calls)" "5 xl: \
rename: domain 'web1' has snapshots, which belong to that name: delete them \
first "
run "$xl" rename web9 web1
like "rename to the name of one" "$status $err $(system_calls)" "5 xl: \
rename: there are snapshots of a domain 'web1' already, *"
run "$xl" ren web8 web9
is "rename another" "$status $err $(system_calls)" "0  ren web8 web9"
echo 4 | put web8.domid
run "$xl" rename web8 web9
is "rename one that runs and has none" "$status $err $(system_calls)" \
    "0  rename web8 web9"
run "$xl" help
is "help does not list them twice" \
    "$(grep -c -e '^ create ' "$XL_TEST_DIR/out")" 1
finish

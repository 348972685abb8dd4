#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libxl's stored copies of a disk's path, after the active image has changed:
# whoever asks libxl, and a reboot, a save and a restore, use the overlay.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
images=/var/lib/labguest/paths
# (Not with a space: QEMU's xen-block reads a path up to there.)
overlay=$images/'over,lay;1:2"q"'$'\xc3\xa4.qcow2'
probe=$WORK/path_probe
mkdir -p "$images"

check "the probe is compiled with what is installed" \
    cc -o "$probe" "$here/path_probe.c" -lxlsnapshot -lxenlight

domid() {
    labguest domid g
}

# qmp DOMID COMMAND ARGUMENTS(JSON): one command of the domain's QEMU.
qmp() {
    python3 - "$@" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/xen/qmp-libxl-" + sys.argv[1])
f = s.makefile("rw")
f.readline()
for command, arguments in ("qmp_capabilities", {}), \
        (sys.argv[2], json.loads(sys.argv[3])):
    f.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    f.flush()
    answer = json.loads(f.readline())
    while "event" in answer:
        answer = json.loads(f.readline())
    print(answer)
    if "error" in answer:
        sys.exit(1)
END
}

# has_open PATH: the domain's QEMU has it open.
has_open() {
    local pid
    pid=$(pgrep -f -- "-xen-domid $(domid) ") || return 1
    find "/proc/$pid/fd" -lname "*" -printf '%l\n' | grep -Fx -- "$1"
}

# listed VDEV: "FORMAT PATH", as "xl list -l" has it.
listed() {
    "$SYSTEM_XL" list -l g >"$WORK/listed" || return 1
    python3 - "$WORK/listed" "$1" <<'END'
import json, sys
config = json.load(open(sys.argv[1]))[0]["config"]
for disk in config["disks"]:
    if disk["vdev"] == sys.argv[2]:
        print(disk["format"], disk["pdev_path"])
END
}

backend() {
    echo "/local/domain/0/backend/qdisk/$(domid)/$1"
}

# names_overlay: all that libxl has about xvda; and xvdb is as it was.
names_overlay() {
    check_equal "qcow2 $overlay" "$(listed xvda)" "xl list -l names the overlay"
    check_equal "raw $images/g-1.raw" "$(listed xvdb)" \
        "and the other disk as before"
    check_equal "qcow2:$overlay" "$(xenstore-read -R "$(backend 51712)/params")" \
        "the backend names it"
    check_equal "qcow2:$overlay" \
        "$(xenstore-read -R "/libxl/$(domid)/device/vbd/51712/params")" \
        "libxl's own copy names it"
    check_equal "aio:$images/g-1.raw" \
        "$(xenstore-read -R "$(backend 51728)/params")" "the other disk's does not"
    check_output "^51712 .*/backend/qdisk/$(domid)/51712" \
        "xl block-list lists it" "$SYSTEM_XL" block-list g
}

guest_start g -d 2 --format raw --disk-dir "$images"
check "an overlay" qemu-img create -q -f qcow2 -F raw -b "$images/g-0.raw" \
    "$overlay"
arguments=$(python3 -c 'import json, sys
print(json.dumps({"node-name": "xvda-raw", "snapshot-node-name": "over",
    "snapshot-file": sys.argv[1], "format": "qcow2", "mode": "existing"}))' \
    "$overlay")

note "the active image changes while the guest stands still"
xenstore-ls -f "/libxl/$(domid)/device/vbd" >"$WORK/before"
xenstore-ls -f "$(backend 51712)" >>"$WORK/before"
check_exit 23 "a disk that is not there is refused" \
    "$probe" "$(domid)" xvdz "$overlay" qcow2
check_exit 6 "a relative path is refused" \
    "$probe" "$(domid)" xvda overlay qcow2
check "pause" "$SYSTEM_XL" pause g
check "QEMU takes the overlay" qmp "$(domid)" blockdev-snapshot-sync \
    "$arguments"
check "libxl's paths follow" "$probe" "$(domid)" xvda "$overlay" qcow2
check "and again" "$probe" "$(domid)" d0 "$overlay" qcow2
frozen=$(md5sum <"$images/g-0.raw")
check "unpause" "$SYSTEM_XL" unpause g
names_overlay
xenstore-ls -f "/libxl/$(domid)/device/vbd" >"$WORK/after"
xenstore-ls -f "$(backend 51712)" >>"$WORK/after"
check_equal "2" "$(diff "$WORK/before" "$WORK/after" | grep -c '^>')" \
    "nothing else in xenstore has changed"
check_not "nothing else there names the old image" \
    grep -F "g-0.raw" "$WORK/after"
check_equal "" "$(find /var/lib/xen -name 'userdata-[nl].*')" \
    "neither lock nor half a file is left"
check "the guest is healthy" labguest healthy g

note "somebody holds libxl's lock"
uuid=$("$SYSTEM_XL" domid g >/dev/null && xenstore-read "/local/domain/$(domid)/vm")
lock=/var/lib/xen/userdata-l.$(domid).${uuid#/vm/}.domain-userdata-lock
flock "$lock" sleep 4 &
holder=$!
sleep 1
before=$SECONDS
check "it is waited for" "$probe" "$(domid)" xvda "$overlay" qcow2
check "for as long as that" test $((SECONDS - before)) -ge 1
wait "$holder"
rm -f "$lock"

note "a reboot"
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "its QEMU has the overlay" has_open "$overlay"
names_overlay
check "the guest is healthy" labguest healthy g

note "save and restore"
check "save" "$SYSTEM_XL" save g "$WORK/saved"
check "restore" "$SYSTEM_XL" restore "$WORK/saved"
check "it goes on" labguest wait g --timeout 240
check "its QEMU has the overlay" has_open "$overlay"
names_overlay
check "the guest is healthy" labguest healthy g
check_equal "$frozen" "$(md5sum <"$images/g-0.raw")" \
    "the image below was never written"

check "destroy" "$SYSTEM_XL" destroy g
rm -f "$overlay"
finish

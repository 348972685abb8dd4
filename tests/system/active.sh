#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xl create of a domain whose configuration names a frozen image: refused, and
# with --active started from the active one with all else as configured.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

images=/var/lib/labguest/active
base=$images/g-0.raw
overlay=$images/'over,lay;1:2"q"'$'\xc3\xa4.qcow2'
chain=/var/lib/xen/snapshots/g
mkdir -p "$images"

# quoted TEXT: as a string of JSON.
quoted() {
    python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"
}

# disks_of FILE: VDEV FORMAT PATH of each, and then all else, without those. (The
# uuid is another one each time.)
disks_of() {
    python3 - "$1" <<'END'
import json, sys
config = json.load(open(sys.argv[1]))
del config["c_info"]["uuid"]
for disk in config["disks"]:
    print(disk["vdev"], disk.pop("format"), disk.pop("pdev_path"))
print(json.dumps(config, sort_keys=True))
END
}

guest_start g -d 2 --format raw --disk-dir "$images" --no-create
cfg=$(labguest cfg g)
check "a third disk" qemu-img create -q -f qcow2 "$images/extra,3.qcow2" 1M
python3 - "$cfg" "$images/extra,3.qcow2" <<'END'
import sys
path = sys.argv[1]
text = open(path).read()
# (Without direct-io-safe, as Debian's QEMU has no aio=native; and not read-only,
# since no QEMU brings a read-only qdisk up.)
extra = ("vdev=xvde,format=qcow2,access=rw,backendtype=qdisk,no-discard,"
         "target=" + sys.argv[2])
at = text.rindex("]")
open(path, "w").write(text[:at] + ", '" + extra + "'" + text[at:])
END
check "a chain has no say yet" xl -N create -q "$cfg"
cp "$OUTPUT" "$WORK/configured"

note "an external snapshot of xvda, as if it had been made"
check "overlay" qemu-img create -q -f qcow2 -F raw -b "$base" "$overlay"
mkdir -p "$chain"
cat >"$chain/chain.json" <<END
{"version": 1, "domain": "g", "next_serial": 2, "current": 1,
 "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001",
 "snapshots": [{"serial": 1, "parent": 0, "name": "clean", "created": 1,
   "domain_uuid": "ac2b3e4c-1d4a-4b43-8f22-1f8a3c2a0001", "state": "off",
   "disks": [{"vdev": "xvda", "path": "$base", "format": "raw",
              "treatment": "external"}]}],
 "images": [{"path": "$base", "format": "raw", "was_disk": true},
   {"path": $(quoted "$overlay"), "format": "qcow2", "backing": "$base",
    "ours": true, "was_disk": true}],
 "active": [{"vdev": "xvda", "path": $(quoted "$overlay"),
             "format": "qcow2"}]}
END
check_output "clean" "the chain is sound" xl snapshot-list g
frozen=$(md5sum <"$base")

note "refused"
check_exit 5 "the configuration's image is frozen" xl create "$cfg"
check_said "disk xvda: its image $base is frozen: the snapshot 'clean'" \
    "and it says why"
check_exit 5 "with options" xl create -q -p "$cfg" on_reboot=\"destroy\"
check_not "no domain was made" "$SYSTEM_XL" domid g

note "a dry run of --active"
check "dry run" xl -N create -q --active "$cfg"
cp "$OUTPUT" "$WORK/active"
disks_of "$WORK/configured" | sed "s|^xvda raw .*|xvda qcow2 $overlay|" \
    >"$WORK/wanted"
disks_of "$WORK/active" >"$WORK/found"
check "all but the one disk's image is as configured" \
    diff "$WORK/wanted" "$WORK/found"

note "--active"
check "create --active" xl create -q --active "$cfg"
check "it counts" labguest wait g --timeout 240
"$SYSTEM_XL" list -l g >"$WORK/listed"
check_equal "qcow2 $overlay" "$(python3 - "$WORK/listed" <<'END'
import json, sys
disk = json.load(open(sys.argv[1]))[0]["config"]["disks"][0]
print(disk["format"], disk["pdev_path"])
END
)" "libxl names the active image"
check "it is healthy" labguest healthy g
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy g
check_equal "$frozen" "$(md5sum <"$base")" "the frozen image was not written"

note "attaching and detaching"
check_exit 5 "a frozen image is not attached to be written" \
    xl block-attach g "vdev=xvdx,format=raw,backendtype=qdisk,target=$base"
check_said "its image $base is frozen" "and it says why"
check "detach a disk without snapshots" xl block-detach g xvde
said=$(cat "$OUTPUT")
check_equal "" "$said" "and nothing is said of any"
check "destroy" "$SYSTEM_XL" destroy g

note "a domain without a chain"
rm -rf "$chain"
check "is created as ever" xl create -q -p "$cfg"
check "destroy" "$SYSTEM_XL" destroy g
rm -f "$images"/over* "$images"/extra*
finish

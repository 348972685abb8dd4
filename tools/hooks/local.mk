# SPDX-License-Identifier: LGPL-2.1-or-later
# Ready hooks for disks that QEMU does not serve: docs/design/manual.md.
dist_hook_SCRIPTS = tools/hooks/lvm-thin

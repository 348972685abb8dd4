# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's real xenpv machine and qdisk, on a machine without a hypervisor.

The block backend, its ring, its IOThread and the monitor are QEMU's own. What
Xen would do is played by four small parts:

  shim.c        the Xen library calls that QEMU makes (grants, event channels)
  xenstore.py   a xenstore daemon
  blkfront.py   the guest's block frontend
  writer.py     a guest that writes in an order that can be checked afterwards

rig.py puts them together; qemu.py runs QEMU and talks to it; libxl_client.py
does to the monitor what libxl does.
"""

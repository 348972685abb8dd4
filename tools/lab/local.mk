# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += \
	tools/powercut \
	tools/xenlab \
	tools/lab/README.md \
	tools/lab/__init__.py \
	tools/lab/boot.py \
	tools/lab/build.py \
	tools/lab/cli.py \
	tools/lab/common.py \
	tools/lab/initramfs.py \
	tools/lab/machine.py \
	tools/lab/powercut.py \
	tools/lab/process.py \
	tools/lab/session.py \
	tools/lab/slot.py \
	tools/lab/stage.py \
	tools/lab/tree.py \
	tools/lab/volatile.py \
	tools/lab/dom0/boot \
	tools/lab/dom0/init \
	tools/lab/dom0/labguest.c \
	tools/lab/dom0/labguest.py \
	tools/lab/guest/agent \
	tools/lab/guest/counter.c \
	tools/lab/guest/counter.h \
	tools/lab/guest/disk.c \
	tools/lab/guest/files.c \
	tools/lab/guest/init \
	tools/lab/guest/xenstore.c

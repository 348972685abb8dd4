# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of the library that talks to QEMU and to its images. It needs no
# libxl_ctx, so that it can be tested without Xen.
QMP_SOURCES = \
	libxl/bitmap_union.c libxl/bitmap_union.h \
	libxl/block_chain.c \
	libxl/block_graph.c libxl/block_graph_find.c libxl/block_graph.h \
	libxl/child.c libxl/child.h \
	libxl/deadline.h \
	libxl/diag.c libxl/diag.h \
	libxl/domain_lock.c libxl/domain_lock.h \
	libxl/guest_agent.c libxl/guest_agent.h \
	libxl/image_info.c libxl/image_info.h \
	libxl/image_merge.c libxl/image_merge.h \
	libxl/image_users.c libxl/image_users.h \
	libxl/live_merge.c libxl/live_merge_finish.c libxl/live_merge.h \
	libxl/live_merge_internal.h \
	libxl/merge_plan.c libxl/merge_plan.h \
	libxl/pull_plan.c libxl/pull_plan.h \
	libxl/monitor.c libxl/monitor.h \
	libxl/monitor_lock.c libxl/monitor_lock.h \
	libxl/qemu_img.c libxl/qemu_img.h libxl/qemu_img_run.h \
	libxl/qemu_img_merge.c libxl/qemu_img_merge.h \
	libxl/qemu_img_overlay.c libxl/qemu_img_overlay.h \
	libxl/qapi_read.c libxl/qapi_read.h \
	libxl/qmp_block.c libxl/qmp_block.h \
	libxl/qmp_client.c libxl/qmp_client.h \
	libxl/qmp_job.c libxl/qmp_job.h \
	libxl/qmp_merge.c libxl/qmp_merge.h \
	libxl/qmp_overlay.c libxl/qmp_overlay.h \
	libxl/qmp_transaction.c libxl/qmp_transaction.h \
	libxl/qmp_transport.c libxl/qmp_transport.h \
	libxl/vdev.c libxl/vdev.h

# SPDX-License-Identifier: LGPL-2.1-or-later
include libxl/qmp.mk

JSON_SOURCES = \
	libxl/json.c libxl/json.h libxl/json_internal.h libxl/json_memory.h \
	libxl/json_read.c \
	libxl/json_text.c \
	libxl/json_write.c

# The types, their JSON, and the JSON reader and writer below them: also for
# the rooms above, which store such types in files of their own.
noinst_LTLIBRARIES += libtypes.la
libtypes_la_SOURCES = idl/runtime.c idl/runtime.h \
	$(JSON_SOURCES)
nodist_libtypes_la_SOURCES = libxl/_libxl_snapshot_types.c
libtypes_la_LIBADD = $(YAJL_LIBS) $(XEN_LIBS)

# The library's parts, for the tests that look inside.
noinst_LTLIBRARIES += libsnapshotparts.la
libsnapshotparts_la_SOURCES = $(QMP_SOURCES) \
	libxl/agent_channel.c libxl/agent_channel.h \
	libxl/disk_compare.c \
	libxl/disk_create.c \
	libxl/disk_delete.c \
	libxl/disk_image_list.c \
	libxl/disk_job.c libxl/disk_job_start.c libxl/disk_job.h \
	libxl/disk_extract.c \
	libxl/disk_merge.c \
	libxl/disk_export.c \
	libxl/disk_ops.c libxl/disk_ops.h \
	libxl/disk_params.c libxl/disk_params.h \
	libxl/disk_path.c \
	libxl/disk_overlay.c \
	libxl/disk_set.c \
	libxl/disk_snapshot.c \
	libxl/domain_clock.c \
	libxl/domain_config.c libxl/domain_config_file.c libxl/domain_config.h \
	libxl/domain_facts.c libxl/domain_facts.h \
	libxl/domain_monitor.c libxl/domain_monitor.h \
	libxl/domain_snapshot.c \
	libxl/image_server.c libxl/image_server.h \
	libxl/internal.c libxl/internal.h \
	libxl/memory.c libxl/memory.h \
	libxl/memory_image.c \
	libxl/nbd_client.c libxl/nbd_client.h \
	libxl/overlay.c libxl/overlay_close.c \
	libxl/overlay_facts.c libxl/overlay_facts.h \
	libxl/pause_clock.c libxl/pause_clock.h \
	libxl/plan.c libxl/plan_overlay.c libxl/plan.h \
	libxl/plan_quiesce.c \
	libxl/qcow2_pair.c libxl/qcow2_pair.h \
	libxl/quiesce.c libxl/quiesce.h \
	libxl/snapshot_ctx.c
libsnapshotparts_la_LIBADD = libtypes.la libmemory.la $(XEN_LIBS) $(XENSTORE_LIBS) \
	$(NBD_LIBS)

lib_LTLIBRARIES += libxlsnapshot.la
libxlsnapshot_la_SOURCES =
libxlsnapshot_la_LIBADD = libsnapshotparts.la $(XEN_LIBS) $(YAJL_LIBS)
libxlsnapshot_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/libxl/libxlsnapshot.map
EXTRA_libxlsnapshot_la_DEPENDENCIES = libxl/libxlsnapshot.map
EXTRA_DIST += libxl/libxlsnapshot.map

include_HEADERS += libxl/libxl_snapshot.h
nodist_include_HEADERS += libxl/_libxl_snapshot_types.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = libxl/xlsnapshot.pc

# SPDX-License-Identifier: LGPL-2.1-or-later
# The monitor client and the offline tools, without QEMU and without Xen.
check_LTLIBRARIES += libqmp.la
libqmp_la_SOURCES = $(QMP_SOURCES) libxl/json.c libxl/json.h
libqmp_la_LIBADD = $(XEN_LIBS) $(YAJL_LIBS)

# SPDX-License-Identifier: LGPL-2.1-or-later
# Starting domains and watching their end; a part of xl that its tests link
# on their own.
noinst_LTLIBRARIES += libxlwatch.la
libxlwatch_la_SOURCES = \
	xl/child.c xl/child.h \
	xl/death_plan.c xl/death_plan.h \
	xl/domain_create.c xl/domain_create.h \
	xl/domain_start.c xl/domain_start.h \
	xl/hook.c xl/hook.h \
	xl/monitor.c xl/monitor.h \
	xl/monitor_act.c \
	xl/monitor_lock.c xl/monitor_lock.h \
	xl/monitor_loop.c \
	xl/restore_feed.c xl/restore_feed.h \
	xl/signals.c xl/signals.h \
	xl/watch.c xl/watch.h \
	xl/watcher_scan.c xl/watcher_scan.h \
	xl/xl_conf.c xl/xl_conf.h
libxlwatch_la_LIBADD = $(XEN_LIBS)

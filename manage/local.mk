# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libmanage.la
libmanage_la_SOURCES = \
	manage/create.c \
	manage/delete.c \
	manage/disks.c \
	manage/domain.c \
	manage/dump.c \
	manage/internal.h \
	manage/look.c \
	manage/manage.c manage/manage.h \
	manage/operation.c \
	manage/plan_json.c \
	manage/recover.c \
	manage/rename.c \
	manage/resolve.c manage/resolve.h \
	manage/revert.c \
	manage/save_image.c \
	manage/sizes.c manage/sizes.h \
	manage/space.c manage/space.h
libmanage_la_LIBADD = libchain.la

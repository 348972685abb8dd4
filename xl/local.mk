# SPDX-License-Identifier: LGPL-2.1-or-later
# xl, the application. Everything but main(), which knows the paths that were
# configured, and what brings domains up and watches them, is a convenience
# library, so that the tests can put other things in their place.
noinst_LTLIBRARIES += libxlapp.la
libxlapp_la_SOURCES = \
	xl/app.c xl/app.h \
	xl/application.c xl/application.h \
	xl/cmd_block.c \
	xl/cmd_block_chain.c \
	xl/cmd_block_job.c xl/cmd_block_pull.c \
	xl/block_wait.c xl/block_wait.h \
	xl/cmd_adopt.c \
	xl/cmd_clone.c \
	xl/cmd_create.c \
	xl/cmd_current.c \
	xl/cmd_delete.c \
	xl/cmd_diff.c \
	xl/cmd_dump.c \
	xl/cmd_domain_create.c \
	xl/cmd_domain_rename.c \
	xl/cmd_export.c \
	xl/cmd_import.c \
	xl/cmd_info.c \
	xl/cmd_list.c \
	xl/cmd_recover.c \
	xl/cmd_redefine.c \
	xl/cmd_rename.c \
	xl/cmd_revert.c \
	xl/cmd_thaw.c \
	xl/cmd_verify.c \
	xl/cmdtable.c xl/cmdtable.h \
	xl/command.c xl/command.h \
	xl/configuration.c \
	xl/disk_argument.c xl/disk_argument.h \
	xl/diskspec.c xl/diskspec.h \
	xl/domains.c xl/domains.h \
	xl/guard.c xl/guard.h \
	xl/help.c xl/help.h \
	xl/image_guard.c xl/image_guard.h \
	xl/input.c xl/input.h \
	xl/log.c xl/log.h \
	xl/options.c xl/options.h \
	xl/output.c xl/output.h \
	xl/output_clock.c \
	xl/output_clone.c \
	xl/output_block.c xl/output_block.h \
	xl/output_columns.c xl/output_columns.h \
	xl/output_diff.c \
	xl/output_dot.c \
	xl/output_info.c \
	xl/output_json.c \
	xl/output_losses.c \
	xl/output_json_list.c \
	xl/output_json_write.c xl/output_json_write.h \
	xl/output_list.c xl/output_list.h \
	xl/output_table.c \
	xl/output_tree.c \
	xl/output_verify.c \
	xl/output_words.c \
	xl/progress.c xl/progress.h \
	xl/signals.c xl/signals.h \
	xl/system_disks.c xl/system_disks.h \
	xl/system_xl.c xl/system_xl.h \
	xl/test_hooks.c xl/test_hooks.h \
	xl/text.c xl/text.h

# Who brings domains up and watches them: libxlwatch.la.
include xl/watch.mk
noinst_HEADERS += xl/domain_start.h

sbin_PROGRAMS += xl/xl
xl_xl_SOURCES = xl/main.c
xl_xl_LDADD = libxlapp.la libxlwatch.la libmanage.la libchain.la \
	libxlsnapshot.la libtypes.la $(XEN_LIBS)

dist_bashcompletion_DATA = xl/completion/xl

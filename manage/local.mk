# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libmanage.la
libmanage_la_SOURCES = \
	manage/adopt.c \
	manage/block_chain.c manage/block_job.c manage/block_job.h \
	manage/block_pull.c manage/block_wait.c \
	manage/clock.c manage/clock_settle.c manage/clock.h \
	manage/clone.c \
	manage/clone_config.c manage/clone_config.h \
	manage/clone_disks.c manage/clone_disks.h \
	manage/clones.c \
	manage/config_diff.c manage/config_diff.h \
	manage/config_json.c manage/config_json.h \
	manage/create.c \
	manage/delete.c \
	manage/detached.c \
	manage/diff.c manage/diff.h \
	manage/diff_disks.c \
	manage/digest.c manage/digest.h \
	manage/disk_choice.c manage/disk_choice.h \
	manage/disk_snapshots.c \
	manage/disks.c \
	manage/domain.c \
	manage/dump.c \
	manage/dump_read.c manage/dump_read.h \
	manage/export.c \
	manage/hook.c manage/hook.h \
	manage/images.c \
	manage/import.c \
	manage/import_check.c manage/import_check.h \
	manage/import_parts.h \
	manage/import_publish.c \
	manage/import_receive.c \
	manage/internal.h \
	manage/leftovers.c \
	manage/look.c \
	manage/loss_list.c \
	manage/losses.c manage/losses.h \
	manage/manage.c manage/manage.h \
	manage/manual.c manage/manual.h \
	manage/memory.c manage/memory.h \
	manage/mend.c \
	manage/new_file.c manage/new_file.h \
	manage/note.c manage/note.h \
	manage/operation.c \
	manage/parent.c \
	manage/plan_json.c \
	manage/predict.c manage/predict.h \
	manage/predict_bytes.c \
	manage/predict_pause.c \
	manage/preflight.c manage/preflight.h \
	manage/preflight_port.c \
	manage/recover.c \
	manage/redefine.c \
	manage/redefine_check.c manage/redefine_check.h \
	manage/rename.c \
	manage/resolve.c manage/resolve.h \
	manage/revert.c \
	manage/revert_continue.c \
	manage/revert_disks.c manage/revert_disks.h \
	manage/roll_back.c \
	manage/save_image.c manage/save_image.h \
	manage/settle.c \
	manage/sizes.c manage/sizes.h \
	manage/space.c manage/space.h \
	manage/tar.h \
	manage/tar_read.c \
	manage/tar_sums.c manage/tar_sums.h \
	manage/tar_write.c \
	manage/thaw.c \
	manage/undo.c \
	manage/verify.c
libmanage_la_LIBADD = libchain.la $(ARCHIVE_LIBS) $(CRYPTO_LIBS)

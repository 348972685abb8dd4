# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libchain.la
libchain_la_SOURCES = \
	chain/durable.c chain/durable.h \
	chain/error.c chain/error.h \
	chain/file.c \
	chain/filter.c chain/filter.h \
	chain/image_graph.c chain/image_graph.h \
	chain/images.c chain/images.h \
	chain/images_clones.c \
	chain/images_edit.c \
	chain/images_freed.c \
	chain/images_next.c \
	chain/index.c chain/index.h \
	chain/journal.c \
	chain/leftovers.c \
	chain/lock.c chain/lock.h \
	chain/memories.c chain/memories.h \
	chain/model.c chain/model.h \
	chain/name.c chain/name.h \
	chain/payload.c \
	chain/store.c chain/store.h chain/store_internal.h \
	chain/tree_file.c \
	chain/utf8.c chain/utf8.h \
	chain/validate.c chain/validate.h \
	chain/validate_images.c \
	chain/walk.c
nodist_libchain_la_SOURCES = chain/_chain_types.c

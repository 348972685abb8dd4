# SPDX-License-Identifier: LGPL-2.1-or-later
# Memory images: the library's lowest room. It needs neither Xen nor QEMU.
noinst_LTLIBRARIES += libmemory.la
libmemory_la_SOURCES = \
	memory/blocks.c memory/blocks.h \
	memory/bytes.h \
	memory/chain.c memory/chain.h \
	memory/codec.c memory/codec.h \
	memory/diff.c memory/diff.h \
	memory/feed.c memory/feed.h \
	memory/file.c memory/file.h \
	memory/format.c memory/format.h \
	memory/intake.c memory/intake.h \
	memory/merge.c memory/merge.h \
	memory/pages.c memory/pages.h \
	memory/reader.c memory/reader.h \
	memory/rest.c memory/rest.h \
	memory/stream.c memory/stream.h \
	memory/work.c memory/work.h \
	memory/writer.c memory/writer.h
libmemory_la_LIBADD = $(ZSTD_LIBS) $(XXHASH_LIBS)

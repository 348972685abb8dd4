# SPDX-License-Identifier: LGPL-2.1-or-later
# The IDL compiler, and what it makes of our two schemas. The objects are
# linked where they are used (libxl/, chain/): each user of generated code
# also needs idl/runtime.c and the JSON_SOURCES.

IDLC = $(PYTHON) $(srcdir)/idl/idlc.py
idlc_files = \
	idl/idlc.py \
	idl/compiler/__init__.py \
	idl/compiler/check.py \
	idl/compiler/code.py \
	idl/compiler/emit_enum.py \
	idl/compiler/emit_json.py \
	idl/compiler/emit_life.py \
	idl/compiler/emit_source.py \
	idl/compiler/emit_stub.py \
	idl/compiler/emit_test.py \
	idl/compiler/emit_types.py \
	idl/compiler/errors.py \
	idl/compiler/keywords.py \
	idl/compiler/main.py \
	idl/compiler/model.py \
	idl/compiler/names.py \
	idl/compiler/output.py \
	idl/compiler/parse.py \
	idl/compiler/walk.py

EXTRA_DIST += $(idlc_files) idl/README.md idl/runtime.h \
	libxl/json_memory.h \
	libxl/libxl_snapshot_types.idl chain/chain_types.idl

libxl_snapshot_types_files = \
	libxl/_libxl_snapshot_types.h \
	libxl/_libxl_snapshot_types_json.h \
	libxl/_libxl_snapshot_types.c
chain_types_files = \
	chain/_chain_types.h \
	chain/_chain_types_json.h \
	chain/_chain_types.c

BUILT_SOURCES += $(libxl_snapshot_types_files) $(chain_types_files)
CLEANFILES += $(libxl_snapshot_types_files) $(chain_types_files) \
	libxl/_libxl_snapshot_types.stamp chain/_chain_types.stamp

# A file that would not change is not touched, so that nothing is rebuilt for
# it: the stamp says when the compiler last ran.
$(libxl_snapshot_types_files): libxl/_libxl_snapshot_types.stamp
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }

libxl/_libxl_snapshot_types.stamp: libxl/libxl_snapshot_types.idl $(idlc_files)
	@$(MKDIR_P) libxl
	$(AM_V_GEN)$(IDLC) $(srcdir)/libxl/libxl_snapshot_types.idl \
		--base . \
		--header libxl/_libxl_snapshot_types.h \
		--json-header libxl/_libxl_snapshot_types_json.h \
		--source libxl/_libxl_snapshot_types.c
	@touch $@

$(chain_types_files): chain/_chain_types.stamp
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }

chain/_chain_types.stamp: chain/chain_types.idl $(idlc_files)
	@$(MKDIR_P) chain
	$(AM_V_GEN)$(IDLC) $(srcdir)/chain/chain_types.idl --base . \
		--header chain/_chain_types.h \
		--json-header chain/_chain_types_json.h \
		--source chain/_chain_types.c
	@touch $@

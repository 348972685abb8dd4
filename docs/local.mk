# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual pages, with the paths that were configured.
pages = docs/man/xl-snapshot.1
pods = docs/man/xl-snapshot.1.pod.in

man_MANS += $(pages)
EXTRA_DIST += $(pods) \
	docs/design/block-jobs.md \
	docs/design/clock.md docs/design/clones.md \
	docs/design/crash-safety.md docs/design/decisions.md \
	docs/design/diff.md \
	docs/design/external.md docs/design/manual.md docs/design/memory.md docs/design/monitor.md \
	docs/design/refusals.md \
	docs/format/chain.md docs/format/dump.md docs/format/export.md \
	docs/format/memory.md
CLEANFILES += $(pages) docs/man/xl-snapshot.1.pod

docs/man/xl-snapshot.1.pod: $(srcdir)/docs/man/xl-snapshot.1.pod.in Makefile
	@$(MKDIR_P) docs/man
	$(AM_V_GEN)$(SED) -e 's|@SYSTEM_XL[@]|$(SYSTEM_XL)|g' \
		-e 's|@SNAPSHOT_DIR[@]|$(SNAPSHOT_DIR)|g' \
		-e 's|@HOOK_DIR[@]|$(hookdir)|g' \
		-e 's|@XEN_LOG_DIR[@]|$(XEN_LOG_DIR)|g' \
		-e 's|@XEN_CONFIG_DIR[@]|$(XEN_CONFIG_DIR)|g' \
		$(srcdir)/docs/man/xl-snapshot.1.pod.in > $@.tmp
	@mv $@.tmp $@

# Without a date, so that the same source makes the same page.
docs/man/xl-snapshot.1: docs/man/xl-snapshot.1.pod
	$(AM_V_GEN)$(POD2MAN) --utf8 --section=1 --name=XL-SNAPSHOT --date=' ' \
		--center='Xen' --release='$(PACKAGE_STRING)' $< $@.tmp
	@mv $@.tmp $@

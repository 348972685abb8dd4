/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our subcommands as data, as xl has its own. To add one: a line in
 * cmdtable.c, its prototype here, its function in cmd_NAME.c.
 */
#ifndef XL_CMDTABLE_H
#define XL_CMDTABLE_H

#include <stdbool.h>
#include <stddef.h>

struct xl_app;

struct cmd_spec {
    const char *name;
    /* argv[0] is the subcommand; returns the exit status. */
    int (*impl)(struct xl_app *app, int argc, char **argv);
    bool can_dryrun;
    bool modifies;
    const char *desc;       /* one line of the list of commands */
    const char *usage;      /* after the name */
    const char *option;     /* what the options mean, or NULL */
};

extern const struct cmd_spec cmd_table[];
extern const size_t cmd_table_len;

/*
 * Ours, or NULL: then it is the system's. Besides the exact names, the
 * beginnings that only one of our commands has, if they start with
 * "snapshot-": no beginning that the system's xl understands changes its
 * meaning. One that several of ours have is NULL with *ambiguous_r set.
 */
const struct cmd_spec *cmdtable_lookup(const char *typed, bool *ambiguous_r);

/*
 * A command of the system's xl that goes through our hands first, by its name
 * or a beginning that the system's takes for it; else NULL. Not in our help:
 * the system's has them.
 */
const struct cmd_spec *cmdtable_lookup_system(const char *typed);

int main_domain_create(struct xl_app *app, int argc, char **argv);
int main_domain_rename(struct xl_app *app, int argc, char **argv);
int main_block_attach(struct xl_app *app, int argc, char **argv);
int main_block_detach(struct xl_app *app, int argc, char **argv);
int main_config_update(struct xl_app *app, int argc, char **argv);

int main_snapshot_create(struct xl_app *app, int argc, char **argv);
int main_snapshot_list(struct xl_app *app, int argc, char **argv);
int main_snapshot_info(struct xl_app *app, int argc, char **argv);
int main_snapshot_dump(struct xl_app *app, int argc, char **argv);
int main_snapshot_diff(struct xl_app *app, int argc, char **argv);
int main_snapshot_revert(struct xl_app *app, int argc, char **argv);
int main_snapshot_delete(struct xl_app *app, int argc, char **argv);
int main_snapshot_rename(struct xl_app *app, int argc, char **argv);
int main_snapshot_current(struct xl_app *app, int argc, char **argv);
int main_snapshot_redefine(struct xl_app *app, int argc, char **argv);
int main_snapshot_adopt(struct xl_app *app, int argc, char **argv);
int main_snapshot_export(struct xl_app *app, int argc, char **argv);
int main_snapshot_clone(struct xl_app *app, int argc, char **argv);
int main_snapshot_import(struct xl_app *app, int argc, char **argv);
int main_snapshot_recover(struct xl_app *app, int argc, char **argv);
int main_snapshot_verify(struct xl_app *app, int argc, char **argv);
int main_block_chain(struct xl_app *app, int argc, char **argv);
int main_block_job(struct xl_app *app, int argc, char **argv);
int main_block_pull(struct xl_app *app, int argc, char **argv);
int main_snapshot_thaw(struct xl_app *app, int argc, char **argv);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of one of our subcommands: what the command line said, and the
 * connections it works with. There is one struct xl_app; it is made in main()
 * and handed to everything, so that nothing in this program is global.
 */
#ifndef XL_APP_H
#define XL_APP_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>
#include <xentoollog.h>

#include "manage/manage.h"
#include "xl/guard.h"
#include "xl/signals.h"

struct cmd_spec;
struct xl_log;
struct xl_progress;

struct xl_app {
    /* The program: set by main(), before anything else. */
    const char *system_xl;      /* path of the system's xl */
    const char *config_dir;     /* where the system's xl keeps DOMAIN.cfg */
    const char *run_dir;        /* Xen's, for locks that a reboot ends */
    int argc;                   /* the whole command line, for handing on */
    char **argv;
    const char *snapshot_dir;   /* where the chains are */
    const struct cmd_spec *cmd; /* the subcommand that runs */

    /* xl's global options, those before the subcommand. */
    int verbose;                /* -v, as often as it was given */
    bool force;                 /* -f */
    bool progress_cr;           /* -t: progress with CR, terminal or not */
    bool timestamps;            /* -T: time and pid before each log line */

    /* Options that all of our subcommands share. */
    bool dry_run;               /* -N, before or after the subcommand */
    bool json;                  /* --json */
    bool help;                  /* -h */
    char usage_error[256];      /* the first thing wrong with the arguments */

    /* snapshot-create --config, and whether anybody asked for it. */
    const char *config_file;
    bool config_file_used;

    unsigned int hook_timeout_s;        /* --hook-timeout; 0: the default */

    /*
     * By app_open(), undone by app_close(). ctx is NULL when there is no
     * hypervisor, or no way to talk to it, which app_open() allows to
     * commands that only read.
     */
    struct xl_log *log;
    xentoollog_logger *lg;      /* the same, as libxl wants it */
    libxl_ctx *ctx;
    struct xl_progress *progress;
    struct manage *manage;
    struct signals signals;
    bool can_stop;              /* what is done now can be left for later */
    bool stop_asked;            /* a signal asked us to */
    struct guard guard;         /* once there is something to recover */
};

enum app_access {
    APP_READ,       /* goes on without a hypervisor: nothing then runs */
    APP_ATTEND,     /* must see which domains run; ends when it is told to */
    APP_CHANGE,     /* must see which domains run; holds signals back */
};

/*
 * Open the logger, libxl and manage. From an APP_CHANGE until app_close()
 * signals that would end or stop the program wait (xl/signals.h): a guest may
 * stand still in between.
 *
 * 0, or a libxl error with err filled in; app_close() is due either way.
 */
int app_open(struct xl_app *app, enum app_access access,
             struct manage_error *err);
void app_close(struct xl_app *app);


#endif

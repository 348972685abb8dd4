/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The arguments of a subcommand. Options may stand anywhere; "--" ends them.
 *
 *     while ((opt = options_next(app, argc, argv, longopts)) != -1) {
 *         switch (opt) { ... }
 *     }
 *     if (options_done(app, argc, argv, 1, 2, &status)) return status;
 *
 * leaves the operands in argv[optind] and after. What is wrong is remembered
 * and reported at the end, so that --json is known by then.
 */
#ifndef XL_OPTIONS_H
#define XL_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

struct xl_app;

enum {
    OPT_HELP = 'h',
    OPT_DRY_RUN = 'N',
    OPT_JSON = 1000,
    OPT_OWN                 /* a command's own options count from here */
};

/* The last entry of every command's table. */
#define OPTIONS_COMMON \
    { "help", no_argument, NULL, OPT_HELP }, \
    { "dry-run", no_argument, NULL, OPT_DRY_RUN }, \
    { "json", no_argument, NULL, OPT_JSON }, \
    { NULL, 0, NULL, 0 }

/* The next of the command's own options, its argument in optarg; -1: none. */
int options_next(struct xl_app *app, int argc, char **argv,
                 const struct option *longopts);
/* The same for a command that has letters of its own: "o:H". */
int options_next_of(struct xl_app *app, int argc, char **argv,
                    const char *shortopts, const struct option *longopts);

/* For what a command finds wrong with its arguments: the first one counts. */
void options_wrong(struct xl_app *app, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An option's argument, bytes with a K, M, G or T behind the number; 1 MiB at least. */
uint64_t options_size(struct xl_app *app, const char *text);

/* A speed, in bytes in a second: MiB without a unit, or K, M, G, or with bytes
 * just that. 0 is one. */
uint64_t options_speed(struct xl_app *app, const char *text, bool bytes);

/* From 0 to most. */
unsigned int options_number(struct xl_app *app, const char *text,
                            unsigned int most);

/* An option's argument, whole seconds from 1 to 3600, in milliseconds. */
unsigned int options_seconds(struct xl_app *app, const char *text);

/* --hook-timeout SECONDS, which several commands have. */
void options_hook_timeout(struct xl_app *app);

/* True when there is nothing to do, because help was asked for, or the
 * arguments are wrong: then *status_r is the exit status. */
bool options_done(struct xl_app *app, int argc, char **argv, int min_operands,
                  int max_operands, int *status_r);

#endif

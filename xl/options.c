/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/app.h"
#include "xl/cmdtable.h"
#include "xl/options.h"
#include "xl/output.h"

void options_wrong(struct xl_app *app, const char *format, ...)
{
    va_list ap;

    if (app->usage_error[0]) return;
    va_start(ap, format);
    vsnprintf(app->usage_error, sizeof(app->usage_error), format, ap);
    va_end(ap);
}

/*
 * The word that getopt_long refuses now: the one it would look at next, if it
 * has not stepped over it yet.
 */
static void wrong_word(struct xl_app *app, int opt, int before, char **argv)
{
    const char *word = argv[optind > before ? optind - 1 : optind];

    if (opt == ':')
        options_wrong(app, "option '%s' needs an argument", word);
    else if (strncmp(word, "--", 2))
        options_wrong(app, "unknown option '-%c'", optopt);
    else if (optopt)
        options_wrong(app, "option '%s' takes no argument", word);
    else
        options_wrong(app, "unknown or ambiguous option '%s'", word);
}

int options_next(struct xl_app *app, int argc, char **argv,
                 const struct option *longopts)
{
    return options_next_of(app, argc, argv, "", longopts);
}

int options_next_of(struct xl_app *app, int argc, char **argv,
                    const char *shortopts, const struct option *longopts)
{
    char all[32];
    int opt, before;

    snprintf(all, sizeof(all), ":hN%s", shortopts);
    opterr = 0;
    for (;;) {
        before = optind;
        optopt = 0;
        opt = getopt_long(argc, argv, all, longopts, NULL);
        switch (opt) {
        case OPT_HELP:
            app->help = true;
            break;
        case OPT_DRY_RUN:
            app->dry_run = true;
            break;
        case OPT_JSON:
            app->json = true;
            break;
        case '?':
        case ':':
            wrong_word(app, opt, before, argv);
            break;
        default:
            return opt;
        }
    }
}

unsigned int options_seconds(struct xl_app *app, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long n = digits && digits < 5 ? strtoul(text, NULL, 10) : 0;

    if (!text[digits] && n >= 1 && n <= 3600) return n * 1000;
    options_wrong(app, "'%s' is no time: seconds, from 1 to 3600", text);
    return 0;
}

uint64_t options_size(struct xl_app *app, const char *text)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(text, "0123456789");
    uint64_t n = digits && digits < 7 ? strtoul(text, NULL, 10) : 0;
    const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;

    if (unit && !text[digits + 1]) {
        n <<= 10 * (unit - units + 1);
        if (n >= 1u << 20) return n;
    }
    options_wrong(app, "'%s' is no size: a number with K, M, G or T behind it,"
                  " and not less than 1M", text);
    return 0;
}

uint64_t options_speed(struct xl_app *app, const char *text, bool bytes)
{
    static const char units[] = "KMG";
    size_t digits = strspn(text, "0123456789");
    uint64_t n = digits && digits < 13 ? strtoull(text, NULL, 10) : 0;
    const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
    unsigned int shift = bytes ? 0 : 20;

    if (unit && !bytes && !text[digits + 1])
        shift = 10 * (unsigned int)(unit - units + 1);
    if (digits && digits < 13 && (!text[digits] || (unit && !bytes &&
        !text[digits + 1])) && n <= (uint64_t)INT64_MAX >> shift)
        return n << shift;
    options_wrong(app, "'%s' is no speed: a number of MiB in a second, or with"
                  " K, M or G behind it, or with --bytes of bytes", text);
    return 0;
}

unsigned int options_number(struct xl_app *app, const char *text,
                            unsigned int most)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long n = digits && digits < 9 ? strtoul(text, NULL, 10) : most + 1;

    if (!text[digits] && n <= most) return (unsigned int)n;
    options_wrong(app, "'%s' is no number from 0 to %u", text, most);
    return 0;
}

void options_hook_timeout(struct xl_app *app)
{
    app->hook_timeout_s = options_seconds(app, optarg) / 1000;
}

bool options_done(struct xl_app *app, int argc, char **argv, int min_operands,
                  int max_operands, int *status_r)
{
    int operands = argc - optind;

    if (app->help) {
        output_help(app->cmd);
        *status_r = output_finish(app, MANAGE_OK);
        return true;
    }
    if (app->dry_run && !app->cmd->can_dryrun)
        options_wrong(app, "changes nothing and has no dry run (-N)");
    if (operands < min_operands)
        options_wrong(app, "an argument is missing");
    if (operands > max_operands)
        options_wrong(app, "unexpected argument '%s'",
                      argv[optind + max_operands]);
    if (!app->usage_error[0]) return false;

    output_usage_error(app, app->usage_error);
    *status_r = output_finish(app, MANAGE_USAGE);
    return true;
}

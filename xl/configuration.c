/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxl/json.h"
#include "xl/app.h"
#include "xl/application.h"
#include "xl/system_xl.h"

static char *fail(struct manage_error *err, enum manage_outcome outcome,
                  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static char *fail(struct manage_error *err, enum manage_outcome outcome,
                  const char *format, ...)
{
    va_list ap;

    err->outcome = outcome;
    va_start(ap, format);
    vsnprintf(err->text, sizeof(err->text), format, ap);
    va_end(ap);
    return NULL;
}

/* The file to read, malloc'd, after making sure that it can be. */
static char *find_file(const struct xl_app *app, const char *domain,
                       struct manage_error *err)
{
    char *path;

    if (app->config_file) {
        path = strdup(app->config_file);
        if (!path) return fail(err, MANAGE_FAILED, "out of memory");
    } else if (strchr(domain, '/') || domain[0] == '.') {
        return fail(err, MANAGE_NOT_FOUND, "no domain '%s' is running, and "
                    "no file is called so: give --config FILE", domain);
    } else if (asprintf(&path, "%s/%s.cfg", app->config_dir, domain) < 0) {
        return fail(err, MANAGE_FAILED, "out of memory");
    }
    if (!access(path, R_OK)) return path;

    if (app->config_file)
        fail(err, MANAGE_NOT_FOUND, "cannot read the configuration '%s': %s",
             path, strerror(errno));
    else
        fail(err, MANAGE_NOT_FOUND, "domain '%s' is not running, no "
             "current snapshot tells of it, and '%s' cannot be read (%s): "
             "start it, or give its configuration with --config FILE", domain, path,
             strerror(errno));
    free(path);
    return NULL;
}

/* A snapshot of another domain's disks would be a bad surprise. */
static bool check(const char *text, size_t len, const char *path,
                  const char *domain, struct manage_error *err)
{
    struct xjson_error json_err;
    const char *name;
    xjson *config = NULL;
    bool ok = false;

    if (xjson_parse(text, len, &config, &json_err)) {
        /* Or xl.conf asks for output_format="sxp". */
        fail(err, MANAGE_FAILED, "cannot understand what the system's xl says "
             "of '%s': %s (is output_format in xl.conf \"json\"?)", path,
             json_err.text);
        return false;
    }
    name = xjson_member_string(xjson_member(config, "c_info"), "name");
    if (!name)
        fail(err, MANAGE_REFUSED, "'%s' gives the domain no name", path);
    else if (strcmp(name, domain))
        fail(err, MANAGE_REFUSED, "'%s' describes the domain '%s', not '%s': "
             "name the right domain, or the right file with --config", path,
             name, domain);
    else
        ok = true;
    xjson_free(config);
    return ok;
}

char *configuration_read(struct xl_app *app, const char *domain,
                         struct manage_error *err)
{
    struct system_xl_result result;
    char *path, *reason, *text = NULL;

    system_xl_result_init(&result);
    path = find_file(app, domain, err);
    if (!path) goto out;
    app->config_file_used = true;

    /* -N: print, do not create. -q: print that alone. */
    const char *const args[] = { "-N", "create", "-q", path, NULL };

    if (system_xl_run(app, args, SYSTEM_XL_STDERR_KEEP, &result, err))
        goto out;
    if (!system_xl_succeeded(&result)) {
        reason = system_xl_explain(&result);
        fail(err, MANAGE_FAILED, "the system's xl does not accept '%s': %s",
             path, reason ? reason : "out of memory");
        free(reason);
        goto out;
    }
    if (!check(result.out, result.out_len, path, domain, err)) goto out;
    text = result.out;
    result.out = NULL;
out:
    system_xl_result_dispose(&result);
    free(path);
    return text;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxlutil.h>

#include "xl/xl_conf.h"

/* The system's xl's own settings, which hold for us as well. */
const char xl_conf_path[] = XEN_CONFIG_DIR "/xl.conf";

bool xl_conf_dom0_mem_given(const char *commandline)
{
    static const char option[] = "dom0_mem=";
    const char *at = commandline;

    while ((at = strstr(at, option))) {
        const char *value = at + sizeof(option) - 1;

        if ((at == commandline || at[-1] == ' ') &&
            *value && !isspace((unsigned char)*value))
            return true;
        at = value;
    }
    return false;
}

static bool autoballoon_auto(libxl_ctx *ctx)
{
    const libxl_version_info *info = ctx ? libxl_get_version_info(ctx) : NULL;

    return !info || !info->commandline ||
           !xl_conf_dom0_mem_given(info->commandline);
}

static int read_settings(libxl_ctx *ctx, XLU_Config *cfg, struct xl_conf *conf)
{
    const char *value;

    if (!xlu_cfg_get_string(cfg, "autoballoon", &value, 0)) {
        if (!strcmp(value, "on") || !strcmp(value, "1"))
            conf->autoballoon = true;
        else if (!strcmp(value, "off") || !strcmp(value, "0"))
            conf->autoballoon = false;
        /* xl complains about anything else and goes on with auto. */
    }

    if (!xlu_cfg_get_string(cfg, "domid_policy", &value, 0) &&
        !strcmp(value, "random"))
        conf->domid_policy = RANDOM_DOMID;

    if (!xlu_cfg_get_string(cfg, "lockfile", &value, 0)) {
        char *copy = strdup(value);

        if (!copy) return ERROR_NOMEM;
        free(conf->lockfile);
        conf->lockfile = copy;
    }
    return 0;
}

int xl_conf_read(libxl_ctx *ctx, const char *path, struct xl_conf *conf_r)
{
    struct xl_conf conf = { .domid_policy = INVALID_DOMID };
    XLU_Config *cfg = NULL;
    int rc;

    conf.autoballoon = autoballoon_auto(ctx);
    conf.lockfile = strdup(XEN_LOCK_DIR "/xl");
    if (!conf.lockfile) {
        rc = ERROR_NOMEM;
        goto out;
    }

    if (access(path, F_OK) && errno == ENOENT) goto done;

    cfg = xlu_cfg_init(stderr, path);
    if (!cfg) {
        rc = ERROR_NOMEM;
        goto out;
    }
    if (xlu_cfg_readfile(cfg, path)) {
        rc = ERROR_INVAL;
        goto out;
    }
    rc = read_settings(ctx, cfg, &conf);
    if (rc) goto out;

 done:
    *conf_r = conf;
    conf.lockfile = NULL;
    rc = 0;

 out:
    if (cfg) xlu_cfg_destroy(cfg);
    free(conf.lockfile);
    return rc;
}

void xl_conf_dispose(struct xl_conf *conf)
{
    free(conf->lockfile);
    conf->lockfile = NULL;
}

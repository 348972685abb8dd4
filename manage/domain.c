/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "manage/internal.h"

static int from_json(struct operation *op, libxl_domain_config *config,
                     const char *text, const char *whose)
{
    /* Runs _init itself, over one that is initialised already. */
    libxl_domain_config_dispose(config);
    if (!libxl_domain_config_from_json(op->m->ctx, config, text)) return 0;
    return manage_fail(op->err, MANAGE_FAILED, "the configuration of '%s' %s"
                       " cannot be understood", op->domain, whose);
}

static int of_snapshot(struct operation *op, const chain_snapshot *snapshot,
                       libxl_domain_config *config)
{
    struct chain_error why;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_store_payload_read(op->store, snapshot->serial,
                                  CHAIN_PAYLOAD_CONFIG, &text, &len, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    rc = from_json(op, config, text, "in its current snapshot");
    free(text);
    return rc;
}

/* A chain without a current snapshot leaves it open which machine this is. */
static int of_application(struct operation *op, libxl_domain_config *config)
{
    const struct manage_application *app = &op->m->app;
    int rc;

    if (!op->configuration && app->configuration)
        op->configuration = app->configuration(app->user, op->domain, op->err);
    if (!op->configuration)
        return manage_fail(op->err, MANAGE_NOT_FOUND, "the domain '%s' is off,"
                           " and there is no configuration of it", op->domain);
    rc = from_json(op, config, op->configuration, "in its file");
    if (!rc && (!config->c_info.name ||
                strcmp(config->c_info.name, op->domain)))
        rc = manage_fail(op->err, MANAGE_REFUSED, "the configuration is that"
                         " of a domain '%s', not '%s'",
                         config->c_info.name ? config->c_info.name : "",
                         op->domain);
    return rc;
}

int domain_configuration(struct operation *op, libxl_domain_config *config)
{
    const chain_snapshot *current = chain_model_current(&op->chain);
    int rc;

    if (!op->running)
        return current ? of_snapshot(op, current, config)
                       : of_application(op, config);
    rc = libxl_retrieve_domain_configuration(op->m->ctx, op->domid, config,
                                             NULL);
    if (rc)
        return manage_fail(op->err, MANAGE_FAILED, "cannot read the"
                           " configuration of the domain '%s'", op->domain);
    return 0;
}

int domain_destroy(struct operation *op)
{
    const struct timespec nap = { .tv_nsec = 20000000 };
    int waited_ms, rc;

    rc = libxl_domain_destroy(op->m->ctx, op->domid, NULL);
    if (rc && rc != ERROR_DOMAIN_NOTFOUND)
        return manage_fail(op->err, MANAGE_FAILED,
                           "cannot destroy the domain '%s'", op->domain);
    for (waited_ms = 0; waited_ms < MANAGE_GONE_TIMEOUT_MS; waited_ms += 20) {
        rc = libxl_domain_info(op->m->ctx, NULL, op->domid);
        if (rc == ERROR_DOMAIN_NOTFOUND) return 0;
        nanosleep(&nap, NULL);
    }
    return manage_fail(op->err, MANAGE_FAILED, "the domain '%s' was destroyed"
                       " but does not go away", op->domain);
}

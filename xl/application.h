/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What manage/ asks of an application, answered by this one. */
#ifndef XL_APPLICATION_H
#define XL_APPLICATION_H

#include "manage/manage.h"

struct xl_app;

/* app must outlive whatever is opened with this. */
void application_fill(struct xl_app *app,
                      struct manage_application *application);

/*
 * The configuration of a domain that is off: the system's xl is asked what it
 * would create from app->config_file, or else from DOMAIN.cfg in
 * app->config_dir. malloc'd JSON of a libxl_domain_config, or NULL with err
 * filled in. In configuration.c.
 */
char *configuration_read(struct xl_app *app, const char *domain,
                         struct manage_error *err);

#endif

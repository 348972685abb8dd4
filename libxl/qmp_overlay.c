/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "libxl/qmp_overlay.h"

static void write_cache(xjson_writer *w, const struct qmp_overlay *overlay)
{
    xjson_write_name(w, "cache");
    xjson_write_object(w);
    xjson_write_member_bool(w, "direct", overlay->direct);
    xjson_write_member_bool(w, "no-flush", overlay->no_flush);
    xjson_write_object_end(w);
}

static void write_layer(xjson_writer *w, const struct qmp_overlay *overlay)
{
    write_cache(w, overlay);
    xjson_write_member_string(w, "discard",
                              overlay->discard ? "unmap" : "ignore");
}

static void write_attach(xjson_writer *w, const void *user)
{
    const struct qmp_overlay *overlay = user;

    xjson_write_member_string(w, "driver", overlay->format);
    xjson_write_member_string(w, "node-name", overlay->node);
    xjson_write_name(w, "backing");
    xjson_write_null(w);
    write_layer(w, overlay);
    if (overlay->detect_zeroes)
        xjson_write_member_string(w, "detect-zeroes", overlay->detect_zeroes);
    xjson_write_name(w, "file");
    xjson_write_object(w);
    xjson_write_member_string(w, "driver", overlay->block_device
                              ? "host_device" : "file");
    xjson_write_member_string(w, "filename", overlay->path);
    xjson_write_member_string(w, "locking", "off");
    /* Only direct-io-safe makes a qdisk direct, and it makes it so. */
    if (overlay->direct) xjson_write_member_string(w, "aio", "native");
    write_layer(w, overlay);
    xjson_write_object_end(w);
}

int qmp_overlay_attach(struct qmp_client *client,
                       const struct qmp_overlay *overlay, deadline by,
                       struct diag *diag)
{
    return qmp_client_execute(client, "blockdev-add", write_attach, overlay,
                              by, NULL, diag);
}

static void write_detach(xjson_writer *w, const void *user)
{
    xjson_write_member_string(w, "node-name", user);
}

int qmp_overlay_detach(struct qmp_client *client, const char *node,
                       deadline by, struct diag *diag)
{
    return qmp_client_execute(client, "blockdev-del", write_detach, node, by,
                              NULL, diag);
}

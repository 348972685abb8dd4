/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "memory/file.h"
#include "memory/rest.h"

#define PIECE_BYTES (1u << 20)

void memory_rest_init(struct memory_rest *rest)
{
    memset(rest, 0, sizeof(*rest));
    rest->fd = -1;
}

void memory_rest_dispose(struct memory_rest *rest)
{
    free(rest->data);
    memory_rest_init(rest);
}

static int no_memory(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

static int make_room(struct memory_rest *rest, size_t len, struct diag *diag)
{
    size_t wanted = rest->room ? rest->room : PIECE_BYTES;
    uint8_t *p;

    while (wanted - rest->used < len) wanted *= 2;
    if (wanted == rest->room) return 0;
    p = realloc(rest->data, wanted);
    if (!p) return no_memory(diag);
    rest->data = p;
    rest->room = wanted;
    return 0;
}

static int put_aside(struct memory_rest *rest, const void *data, size_t len,
                     struct diag *diag)
{
    int r = file_put(rest->fd, data, len, rest->file_offset + rest->in_file);

    if (r) {
        diag_set(diag, "cannot put aside what does not fit into memory: %s",
                 file_error(r));
        return ERROR_FAIL;
    }
    rest->in_file += len;
    return 0;
}

int memory_rest_add(struct memory_rest *rest, const void *data, size_t len,
                    struct diag *diag)
{
    int rc;

    if (rest->in_file || len > MEMORY_REST_LIMIT - rest->used)
        return put_aside(rest, data, len, diag);
    rc = make_room(rest, len, diag);
    if (rc) return rc;
    memcpy(rest->data + rest->used, data, len);
    rest->used += len;
    return 0;
}

int memory_rest_each(const struct memory_rest *rest,
                     int (*piece)(void *user, const void *data, size_t len,
                                  struct diag *diag),
                     void *user, struct diag *diag)
{
    uint64_t done = 0;
    uint8_t *data;
    size_t part;
    int r, rc = 0;

    if (rest->used) rc = piece(user, rest->data, rest->used, diag);
    if (rc || !rest->in_file) return rc;
    data = malloc(PIECE_BYTES);
    if (!data) return no_memory(diag);
    for (; !rc && done < rest->in_file; done += part) {
        part = rest->in_file - done < PIECE_BYTES ? rest->in_file - done
                                                  : PIECE_BYTES;
        r = file_get(rest->fd, data, part, rest->file_offset + done);
        if (r) {
            diag_set(diag, "cannot read what was put aside: %s", file_error(r));
            rc = ERROR_FAIL;
        } else {
            rc = piece(user, data, part, diag);
        }
    }
    free(data);
    return rc;
}

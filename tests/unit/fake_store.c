/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "tests/unit/fake_store.h"

#define NODES 8
#define VALUE 8192

struct table {
    struct {
        char path[128];
        char value[VALUE];
    } node[NODES];
    int num;
};

struct fake_store fake_store;
static struct table committed, pending;
static int handle;

void fake_store_reset(void)
{
    memset(&fake_store, 0, sizeof(fake_store));
    memset(&committed, 0, sizeof(committed));
}

static int find(const struct table *t, const char *path)
{
    int i;

    for (i = 0; i < t->num && strcmp(t->node[i].path, path); i++)
        ;
    return i;
}

static void put(struct table *t, const char *path, const char *value,
                size_t len)
{
    int i = find(t, path);

    assert(i < NODES && len < VALUE && strlen(path) < sizeof(t->node[i].path));
    if (i == t->num) t->num++;
    strcpy(t->node[i].path, path);
    memcpy(t->node[i].value, value, len);
    t->node[i].value[len] = 0;
}

void fake_store_put(const char *path, const char *value)
{
    put(&committed, path, value, strlen(value));
}

const char *fake_store_get(const char *path)
{
    int i = find(&committed, path);

    return i < committed.num ? committed.node[i].value : NULL;
}

/* Does this call fail? */
static bool fails(void)
{
    int n = ++fake_store.calls;

    if (fake_store.before) fake_store.before(fake_store.user);
    if (!fake_store.fail_at || n < fake_store.fail_at ||
        n > fake_store.fail_at + fake_store.fail_for)
        return false;
    errno = fake_store.fail_errno;
    return true;
}

struct xs_handle *xs_open(unsigned long flags)
{
    if (fails()) return NULL;
    fake_store.open++;
    return (struct xs_handle *)&handle;
}

void xs_close(struct xs_handle *xsh)
{
    fake_store.open--;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    if (fails()) return XBT_NULL;
    fake_store.open++;
    pending = committed;
    return 7;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    assert(t == 7);
    fake_store.open--;
    if (fails()) return false;
    if (abort) return true;
    if (fake_store.conflicts) {
        fake_store.conflicts--;
        errno = EAGAIN;
        return false;
    }
    committed = pending;
    return true;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    int i = find(&pending, path);

    assert(t == 7);
    if (fails()) return NULL;
    if (i < pending.num) return strdup(pending.node[i].value);
    errno = ENOENT;
    return NULL;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    assert(t == 7);
    if (fails()) return false;
    put(&pending, path, data, len);
    return true;
}

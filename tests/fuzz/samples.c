/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/samples.h"

char *sample_copy(const char *text)
{
    char *copy = strdup(text);

    if (!copy) abort();
    return copy;
}

char *sample_text(xjson_writer *w, size_t *len_r)
{
    char *text;

    if (xjson_writer_finish(w, &text, len_r)) abort();
    xjson_writer_free(w);
    return text;
}

static void begin(chain_snapshot *s, uint64_t serial, uint64_t parent, int disks)
{
    char name[32];
    int i;

    chain_snapshot_init(s);
    snprintf(name, sizeof(name), "s%llu", (unsigned long long)serial);
    s->serial = serial;
    s->parent = parent;
    s->name = sample_copy(name);
    s->description = sample_copy("before\nthe upgrade");
    s->created = 1790000000 + serial;
    s->domain_uuid = sample_copy("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    s->state = CHAIN_DOMAIN_STATE_OFF;
    s->disks = calloc((size_t)disks, sizeof(*s->disks));
    if (!s->disks) abort();
    for (i = 0; i < disks; i++) {
        chain_disk *d = &s->disks[i];

        chain_disk_init(d);
        s->num_disks = i + 1;
        snprintf(name, sizeof(name), "xvd%c", 'a' + i);
        d->vdev = sample_copy(name);
        d->format = LIBXL_DISK_FORMAT_EMPTY;
        d->treatment = CHAIN_DISK_TREATMENT_SKIPPED_EMPTY;
    }
}

static void add_memory(chain_snapshot *s)
{
    s->state = CHAIN_DOMAIN_STATE_RUNNING;
    s->memory = s->live = true;
    s->memory_bytes = 4096;
    s->ram_bytes = 1u << 20;
    s->pause_us = 1234;
    s->pause_memory_us = 1000;
}

void sample_snapshot(chain_snapshot *s, uint64_t serial, uint64_t parent,
                     unsigned *seed)
{
    chain_disk *d;

    begin(s, serial, parent, 1 + rand_r(seed) % 3);
    if (rand_r(seed) % 2) add_memory(s);
    d = &s->disks[0];
    d->path = sample_copy("/srv/guest.qcow2");
    d->format = LIBXL_DISK_FORMAT_QCOW2;
    d->treatment = CHAIN_DISK_TREATMENT_INTERNAL;
    libxl_snapshot_handle_init_format(&d->handle, LIBXL_DISK_FORMAT_QCOW2);
    d->handle.u.qcow2.name = sample_copy(s->name);
    d->id = sample_copy("1");
    d->date_sec = s->created;
    d->date_nsec = 999999999;
    if (s->num_disks < 2) return;
    d = &s->disks[1];
    d->path = sample_copy("/dev/vg/guest");
    d->format = LIBXL_DISK_FORMAT_RAW;
    d->treatment = CHAIN_DISK_TREATMENT_MANUAL;
    d->id = sample_copy("snap 1");
    d->hook = sample_copy("/usr/libexec/hook");
}

void sample_external(chain_snapshot *s, uint64_t serial, uint64_t parent,
                     const char *path)
{
    begin(s, serial, parent, 1);
    s->disks[0].path = sample_copy(path);
    s->disks[0].format = LIBXL_DISK_FORMAT_QCOW2;
    s->disks[0].treatment = CHAIN_DISK_TREATMENT_EXTERNAL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our side of the comparison with tools/chain-verify.
 *   chain-tool write STATEDIR   writes a chain of three for the domain "guest"
 *   chain-tool check STATEDIR   loads it; says what is wrong and exits with 1 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "tests/chain/util.h"

static void must(int rc, const struct chain_error *err)
{
    if (!rc) return;
    fprintf(stderr, "%s\n", err->text);
    exit(3);
}

static void write_payload(chain_store *store, uint64_t serial, bool memory)
{
    struct chain_error err;

    must(chain_store_payload_create(store, serial, &err), &err);
    must(chain_store_payload_write(store, serial, CHAIN_PAYLOAD_CONFIG, "{}\n",
                                   3, &err), &err);
    if (memory)
        must(chain_store_payload_write(store, serial, CHAIN_PAYLOAD_MEMORY,
                                       "pages", 5, &err), &err);
    must(chain_store_payload_seal(store, serial, &err), &err);
}

/* One disk of every treatment, the second frozen under an overlay, and below
 * it an image that is not ours. What the hook did to the third is there twice:
 * an earlier snapshot's is still to be deleted. */
static void every_treatment(struct chain_model *m, chain_snapshot *s)
{
    struct chain_error err;
    chain_disk *d;

    util_external(s, 1, "/srv/data.qcow2", LIBXL_DISK_FORMAT_QCOW2);
    d = util_more_disk(s, "xvdc");
    d->treatment = CHAIN_DISK_TREATMENT_MANUAL;
    d->hook = strdup("/usr/local/bin/hook");
    free(d->path);
    d->path = strdup("/dev/vg/data");
    free(d->id);
    d->id = strdup("1-0a1b2c3d");
    must(chain_model_add_leftover(m, d, &err), &err);
    util_more_disk(s, "xvdd")->treatment = CHAIN_DISK_TREATMENT_EXCLUDED;
    util_more_disk(s, "xvde")->treatment = CHAIN_DISK_TREATMENT_SKIPPED_CDROM;
    util_more_disk(s, "xvdf")->treatment =
        CHAIN_DISK_TREATMENT_SKIPPED_READONLY;
    must(chain_images_add(m, "/srv/data.qcow2", LIBXL_DISK_FORMAT_QCOW2, false,
                          "/srv/template.raw", LIBXL_DISK_FORMAT_RAW, &err),
         &err);
    must(chain_images_add(m, "/srv/data.third", LIBXL_DISK_FORMAT_QCOW2, true,
                          "/srv/data.qcow2", LIBXL_DISK_FORMAT_QCOW2, &err),
         &err);
    must(chain_images_set_active(m, "xvdb", "/srv/data.third",
                                 LIBXL_DISK_FORMAT_QCOW2, &err), &err);
}

static void write_chain(chain_store *store)
{
    static const char *const names[] = { "first", "second", "third" };
    struct chain_error err;
    struct chain_model m;
    chain_snapshot s;
    int i;

    chain_model_init(&m);
    must(chain_store_lock(store, "test", 0, &err), &err);
    must(chain_store_load(store, &m, &err), &err);
    for (i = 0; i < 3; i++) {
        util_snapshot(&s, 0, 0, names[i]);
        s.quiesced = i == 1;
        if (i == 2) {
            s.memory = false;
            s.memory_bytes = 0;
            s.state = CHAIN_DOMAIN_STATE_OFF;
            every_treatment(&m, &s);
        }
        must(chain_model_place(&m, &s, &err), &err);
        if (i == 2) s.parent = 1;
        write_payload(store, s.serial, s.memory);
        must(chain_model_add(&m, &s, &err), &err);
        must(chain_model_set_current(&m, s.serial, &err), &err);
        must(chain_store_save(store, &m, &err), &err);
        chain_snapshot_dispose(&s);
    }
    must(chain_model_set_description(&m, 2, "two\nlines \"\\/\xc3\xa4", &err),
         &err);
    must(chain_model_set_domain_uuid(
        &m, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &err), &err);
    must(chain_store_save(store, &m, &err), &err);
    chain_model_dispose(&m);
}

static int check_chain(chain_store *store)
{
    struct chain_error err;
    struct chain_model m;
    chain_journal j;
    bool present, sound;

    chain_model_init(&m);
    chain_journal_init(&j);
    if (chain_store_load(store, &m, &err) ||
        chain_store_journal_read(store, &j, &present, &err)) {
        printf("%s\n", err.text);
        sound = false;
    } else {
        sound = !m.damaged;
        if (!sound) printf("%s\n", m.damaged);
    }
    chain_journal_dispose(&j);
    chain_model_dispose(&m);
    return sound ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct chain_error err;
    chain_store *store;
    int status = 0;

    if (argc != 3) return 2;
    must(chain_store_open(argv[2], "guest", &store, &err), &err);
    if (!strcmp(argv[1], "write"))
        write_chain(store);
    else
        status = check_chain(store);
    chain_store_close(store);
    return status;
}

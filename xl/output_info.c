/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sheet of one snapshot, as text. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "chain/images.h"
#include "xl/output.h"
#include "xl/text.h"

static void print_field(const char *name, const char *value)
{
    char *safe = text_escape(value, text_locale_is_utf8());

    printf("%-13s %s\n", name, safe ? safe : "?");
    free(safe);
}

static void print_disk(const chain_disk *disk)
{
    const char *skipped = output_skipped(disk->treatment);
    bool utf8 = text_locale_is_utf8();
    char *vdev = text_escape(disk->vdev, utf8);
    char *path = text_escape(disk->path, utf8);
    char *hook = disk->hook ? text_escape(disk->hook, utf8) : NULL;

    printf("%-13s %s  %s  %s", "disk:", vdev ? vdev : "?",
           libxl_disk_format_to_string(disk->format), path ? path : "?");
    if (skipped)
        printf("  (left out: %s)", skipped);
    else if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
             output_treatment(disk->treatment))
        printf("  (%s%s%s)", output_treatment(disk->treatment),
               hook ? ", " : "", hook ? hook : "");
    printf("\n");
    free(vdev);
    free(path);
    free(hook);
}

static void print_children(const chain_tree *tree,
                           const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < tree->num_snapshots; i++) {
        if (tree->snapshots[i].parent == snapshot->serial)
            print_field("child:", tree->snapshots[i].name);
    }
}

int output_text_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err)
{
    const chain_snapshot *parent = chain_model_parent(&view->chain, snapshot);
    char buf[TEXT_PAUSE_LEN];
    const char *clone;
    int i, at = 0;

    (void)err;              /* there is nothing here that may fail */
    print_field("name:", snapshot->name);
    print_field("domain:", view->domain);
    if (snapshot->description && snapshot->description[0])
        print_field("description:", snapshot->description);
    print_field("created:", text_time(snapshot->created, buf));
    print_field("state:", output_state(snapshot->state));
    print_field("memory:", snapshot->memory
                ? text_size(output_ram(snapshot), buf) : "none");
    if (snapshot->ram_bytes)
        print_field("stored:", text_size(snapshot->memory_bytes, buf));
    if (snapshot->memory_sha256) print_field("sha256:", snapshot->memory_sha256);
    if (snapshot->state != CHAIN_DOMAIN_STATE_OFF)
        print_field("pause:", text_pause(snapshot->pause_us, buf));
    if (snapshot->quiesced) print_field("quiesced:", "yes");
    for (i = 0; i < snapshot->num_disks; i++)
        print_disk(&snapshot->disks[i]);
    print_field("parent:", parent ? parent->name : "none");
    print_children(&view->chain.tree, snapshot);
    while ((clone = chain_images_next_clone(&view->chain, snapshot, &at)))
        print_field("clone:", clone);
    print_field("current:", snapshot->serial == view->chain.tree.current
                ? "yes" : "no");
    return 0;
}

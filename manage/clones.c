/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clones live on without us: nobody tells when one of their images goes. It is
 * looked for when something could be freed. See docs/design/clones.md.
 */
#include "config.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "chain/images.h"
#include "manage/internal.h"
#include "manage/note.h"

/* The head of a qcow2 image, up to where it says what it is an overlay on. */
#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_MAX_BACKING 1023u
struct qcow2_head {
    uint32_t magic, version;
    uint64_t backing_offset;
    uint32_t backing_length;
} __attribute__((packed));

/* False: it cannot be told. */
static bool read_backing(int fd, char name[QCOW2_MAX_BACKING + 1])
{
    struct qcow2_head head;
    uint32_t length;

    if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
        be32toh(head.magic) != QCOW2_MAGIC)
        return false;
    length = be32toh(head.backing_length);
    if (!head.backing_offset) length = 0;
    if (length > QCOW2_MAX_BACKING) return false;
    if (length && pread(fd, name, length, be64toh(head.backing_offset)) !=
        (ssize_t)length)
        return false;
    name[length] = '\0';
    return true;
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    if (!strcmp(a, b)) return true;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The image is there. A name that is not absolute was not given by us, and may
 * mean anything. */
static bool reads_no_more(const chain_image *image)
{
    char name[QCOW2_MAX_BACKING + 1];
    bool told;
    int fd;

    fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return false;
    told = read_backing(fd, name);
    close(fd);
    if (!told) return false;
    if (!name[0]) return true;
    return name[0] == '/' && !access(name, F_OK) &&
           !same_file(name, image->backing);
}

/* One that is there and empty may be where a volume is not mounted now. */
static bool folder_has_something(const char *path)
{
    char *folder = strdup(path);
    struct dirent *entry;
    bool has = false;
    DIR *dir;

    if (!folder) return false;
    *strrchr(folder, '/') = '\0';
    dir = opendir(*folder ? folder : "/");
    free(folder);
    if (!dir) return false;
    while (!has && (entry = readdir(dir)))
        has = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return has;
}

static bool is_running(struct operation *op, const char *domain)
{
    uint32_t domid;

    return !op->m->ctx || !libxl_name_to_domid(op->m->ctx, domain, &domid);
}

static bool is_done_with(struct operation *op, const chain_image *image,
                         char **note)
{
    struct stat st;

    /* It may have open what has no name any more. */
    if (is_running(op, image->clone)) return false;
    if (!lstat(image->path, &st)) return reads_no_more(image);
    if (errno != ENOENT) return false;
    if (folder_has_something(image->path)) return true;
    note_add(note, "%s, of the clone '%s', is not there, and neither is"
             " anything else in its folder, which may be on a volume that is"
             " not mounted: what it is an overlay on is kept; put any file"
             " there if the clone is gone for good", image->path,
             image->clone);
    return false;
}

int clones_forget(struct operation *op, char **note, bool *changed_r)
{
    const chain_tree *tree = &op->chain.tree;
    struct chain_error why;
    int i, rc;

    *changed_r = false;
    if (op->chain.damaged) return 0;
    for (i = 0; i < tree->num_images; ) {
        const chain_image *image = &tree->images[i];

        if (!image->clone || !is_done_with(op, image, note)) {
            i++;
            continue;
        }
        rc = chain_images_drop_clone(&op->chain, image->path, &why);
        if (rc) return manage_fail_chain(op->err, &why);
        *changed_r = true;
    }
    return 0;
}

int clones_tidy(struct operation *op, char **note)
{
    bool changed;
    int rc;

    rc = clones_forget(op, note, &changed);
    if (rc || !changed) return rc;
    manage_reached(op->m, "clones:publish");
    return operation_save(op);
}

void clones_note(const struct operation *op, char **note)
{
    const chain_tree *tree = &op->chain.tree;
    const char *clone;
    int i;

    for (i = 0; i < tree->num_images; i++) {
        const chain_image *image = &tree->images[i];

        if (image->clone || !chain_images_hidden(&op->chain, image) ||
            !chain_images_cloned(&op->chain, image->path, &clone))
            continue;
        note_add(note, "%s is kept as long as the clone '%s' has images that"
                 " read it", image->path, clone);
    }
}

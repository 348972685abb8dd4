/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file system in memory that knows what of it is durable.
 *
 * Nodes are files and directories, and never go away. The log has one entry
 * per successful call. To rebuild a moment, the log is played up to it; then
 * each directory has the entries that are certain and a list of changes that
 * are not, and each file the contents that are certain and those that are not.
 *
 * Paths are given relative to the root while the calls are made; the log
 * speaks of nodes.
 */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chain/disk.h"
#include "tests/chain/disk_record.h"
#include "tests/chain/util.h"

#define MAX_NODES 512
#define MAX_LOG 4096
#define MAX_ENTRIES 48          /* of one directory, over time */
#define MAX_UNCERTAIN 10        /* changes to one directory at one moment */
#define MAX_FDS 256
#define NAME_SIZE 64
#define CONTENTS 4              /* ways to find unsynced contents */
#define NOTHING (-1)            /* instead of a node */

/* A name gets a node, or loses it; a rename is two of these that stand or
 * fall together. */
struct change {
    char name[2][NAME_SIZE];
    int node[2];
    int num;
};

struct event {
    enum { WRITE, SYNC, CHANGE, MARK } type;
    int node;                   /* the file, or the directory */
    char *data;
    size_t len;
    struct change change;
    char text[128];
};

struct entry {
    char name[NAME_SIZE];
    int node;
};

struct node {
    bool is_dir;
    /* a directory */
    struct entry certain[MAX_ENTRIES];
    int num_certain;
    struct change uncertain[MAX_UNCERTAIN];
    int num_uncertain;
    /* a file; what it has, and how much of that is on the disk */
    char *data;
    size_t len;
    char *certain_data;
    size_t certain_len;
};

static struct {
    bool on;
    char *root;
    struct event *log;
    size_t num_log;
    struct node *nodes;         /* while recording: as the processes see it */
    int num_nodes;
    int fd_node[MAX_FDS];
} rec;

/* ---- the tree, as it is while it is being recorded ---- */

static int add_node(bool is_dir)
{
    struct node *n;

    assert_true(rec.num_nodes < MAX_NODES);
    n = &rec.nodes[rec.num_nodes];
    memset(n, 0, sizeof(*n));
    n->is_dir = is_dir;
    return rec.num_nodes++;
}

static int find_entry(const struct node *dir, const char *name)
{
    int i;

    for (i = 0; i < dir->num_certain; i++)
        if (!strcmp(dir->certain[i].name, name)) return i;
    return -1;
}

static void set_entry(struct node *dir, const char *name, int node)
{
    int i = find_entry(dir, name);

    assert_true(dir->is_dir);
    if (node == NOTHING) {
        if (i >= 0) dir->certain[i] = dir->certain[--dir->num_certain];
        return;
    }
    if (i < 0) {
        i = dir->num_certain++;
        assert_true(i < MAX_ENTRIES);
        assert_true(strlen(name) < NAME_SIZE);
        strcpy(dir->certain[i].name, name);
    }
    dir->certain[i].node = node;
}

static void apply(struct node *dir, const struct change *c)
{
    int i;

    for (i = 0; i < c->num; i++) set_entry(dir, c->name[i], c->node[i]);
}

/* The path below the root, or NULL when it is elsewhere. */
static const char *below(const char *path)
{
    size_t len;

    if (!rec.on) return NULL;
    len = strlen(rec.root);
    if (strncmp(path, rec.root, len)) return NULL;
    return path[len] == '/' ? path + len + 1 : path[len] ? NULL : path + len;
}

/* The directory that a path's last part is in, and that part. The node of
 * the root itself is 0. */
static int find_dir(const char *path, char *name)
{
    int dir = 0, i;
    size_t len;

    for (;;) {
        len = strcspn(path, "/");
        assert_true(len && len < NAME_SIZE);
        memcpy(name, path, len);
        name[len] = 0;
        if (!path[len]) return dir;
        i = find_entry(&rec.nodes[dir], name);
        assert_true(i >= 0);
        dir = rec.nodes[dir].certain[i].node;
        path += len + 1;
    }
}

static int find_node(const char *path)
{
    char name[NAME_SIZE];
    int dir, i;

    if (!path[0]) return 0;
    dir = find_dir(path, name);
    i = find_entry(&rec.nodes[dir], name);
    return i < 0 ? NOTHING : rec.nodes[dir].certain[i].node;
}

/* ---- the log ---- */

static struct event *note(int type, int node, const char *what,
                          const char *path)
{
    struct event *e;

    assert_true(rec.num_log < MAX_LOG);
    e = &rec.log[rec.num_log++];
    memset(e, 0, sizeof(*e));
    e->type = type;
    e->node = node;
    snprintf(e->text, sizeof(e->text), "%s %s", what, path);
    return e;
}

static void note_change(const char *what, int dir, const char *name, int node,
                        const char *also, int also_node)
{
    struct event *e = note(CHANGE, dir, what, name);

    strcpy(e->change.name[0], name);
    e->change.node[0] = node;
    e->change.num = 1;
    if (also) {
        strcpy(e->change.name[1], also);
        e->change.node[1] = also_node;
        e->change.num = 2;
    }
    apply(&rec.nodes[dir], &e->change);
}

void record_open(const char *path, int fd, bool created)
{
    char name[NAME_SIZE];
    int dir;

    assert_true(fd < MAX_FDS);
    rec.fd_node[fd] = NOTHING;
    path = below(path);
    if (!path) return;
    if (created) {
        dir = find_dir(path, name);
        note_change("create", dir, name, add_node(false), NULL, 0);
    }
    rec.fd_node[fd] = find_node(path);
    assert_true(rec.fd_node[fd] != NOTHING);
}

/* Only directories are opened in this way. */
void record_openat(int dirfd, const char *name, int fd)
{
    int dir, i;

    assert_true(fd < MAX_FDS && dirfd >= 0);
    rec.fd_node[fd] = NOTHING;
    if (!rec.on || rec.fd_node[dirfd] == NOTHING) return;
    dir = rec.fd_node[dirfd];
    i = find_entry(&rec.nodes[dir], name);
    assert_true(i >= 0);
    rec.fd_node[fd] = rec.nodes[dir].certain[i].node;
}

void record_write(int fd, const void *data, size_t len)
{
    struct event *e;

    if (!rec.on || rec.fd_node[fd] == NOTHING) return;
    e = note(WRITE, rec.fd_node[fd], "write", "");
    e->data = malloc(len);
    assert_non_null(e->data);
    memcpy(e->data, data, len);
    e->len = len;
}

void record_fsync(int fd)
{
    if (!rec.on || rec.fd_node[fd] == NOTHING) return;
    note(SYNC, rec.fd_node[fd], "fsync", "");
}

void record_rename(const char *from, const char *to)
{
    char old[NAME_SIZE], new[NAME_SIZE];
    int dir, node;

    from = below(from);
    to = below(to);
    if (!from || !to) return;
    node = find_node(from);
    dir = find_dir(from, old);
    assert_int_equal(dir, find_dir(to, new));
    if (find_node(to) == node) return;  /* two names of one: nothing happens */
    note_change("rename to", dir, new, node, old, NOTHING);
}

void record_link(const char *from, const char *to)
{
    char name[NAME_SIZE];
    int dir;

    from = below(from);
    to = below(to);
    if (!from || !to) return;
    dir = find_dir(to, name);
    note_change("link", dir, name, find_node(from), NULL, 0);
}

void record_unlink(const char *path)
{
    char name[NAME_SIZE];
    int dir;

    path = below(path);
    if (!path) return;
    dir = find_dir(path, name);
    note_change("remove", dir, name, NOTHING, NULL, 0);
}

void record_unlinkat(int dirfd, const char *name)
{
    if (!rec.on || rec.fd_node[dirfd] == NOTHING) return;
    note_change("remove", rec.fd_node[dirfd], name, NOTHING, NULL, 0);
}

void record_mkdir(const char *path)
{
    char name[NAME_SIZE];
    int dir;

    path = below(path);
    if (!path) return;
    dir = find_dir(path, name);
    note_change("mkdir", dir, name, add_node(true), NULL, 0);
}

/* ---- the recording ---- */

void disk_record_begin(const char *root)
{
    int i;

    assert_null(rec.log);
    rec.log = calloc(MAX_LOG, sizeof(*rec.log));
    rec.nodes = calloc(MAX_NODES, sizeof(*rec.nodes));
    rec.root = strdup(root);
    assert_true(rec.log && rec.nodes && rec.root);
    for (i = 0; i < MAX_FDS; i++) rec.fd_node[i] = NOTHING;
    add_node(true);
    rec.on = true;
}

void disk_record_mark(const char *what)
{
    if (rec.on) note(MARK, NOTHING, "mark", what);
}

void disk_record_end(void)
{
    rec.on = false;
}

static void forget_contents(struct node *nodes, int num)
{
    int i;

    for (i = 0; i < num; i++) {
        free(nodes[i].data);
        free(nodes[i].certain_data);
    }
}

void disk_record_free(void)
{
    size_t i;

    for (i = 0; i < rec.num_log; i++) free(rec.log[i].data);
    free(rec.log);
    free(rec.nodes);
    free(rec.root);
    memset(&rec, 0, sizeof(rec));
}

size_t disk_moments(void)
{
    return rec.num_log;
}

size_t disk_moment_after(size_t moment, const char *what)
{
    size_t i;

    for (i = moment; i < rec.num_log; i++)
        if (rec.log[i].type == MARK &&
            !strcmp(rec.log[i].text + strlen("mark "), what))
            return i + 1;
    return 0;
}

bool disk_is_before_sync(size_t moment)
{
    return moment == rec.num_log || rec.log[moment].type == SYNC;
}

const char *disk_describe(size_t moment)
{
    return moment ? rec.log[moment - 1].text : "the beginning";
}

/* ---- a moment ---- */

static char *copy_bytes(const char *data, size_t len)
{
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    if (len) memcpy(copy, data, len);
    return copy;
}

static void play_event(struct node *n, const struct event *e)
{
    int i;

    switch (e->type) {
    case WRITE:
        n->data = realloc(n->data, n->len + e->len);
        assert_non_null(n->data);
        memcpy(n->data + n->len, e->data, e->len);
        n->len += e->len;
        break;
    case SYNC:
        for (i = 0; i < n->num_uncertain; i++) apply(n, &n->uncertain[i]);
        n->num_uncertain = 0;
        free(n->certain_data);
        n->certain_data = copy_bytes(n->data, n->len);
        n->certain_len = n->len;
        break;
    case CHANGE:
        assert_true(n->num_uncertain < MAX_UNCERTAIN);
        n->uncertain[n->num_uncertain++] = e->change;
        break;
    case MARK:
        break;
    }
}

/* All nodes as they were at a moment. */
static struct node *play(size_t moment)
{
    struct node *nodes = calloc((size_t)rec.num_nodes, sizeof(*nodes));
    size_t m;
    int i;

    assert_non_null(nodes);
    assert_true(moment <= rec.num_log);
    for (i = 0; i < rec.num_nodes; i++) nodes[i].is_dir = rec.nodes[i].is_dir;
    for (m = 0; m < moment; m++)
        if (rec.log[m].type != MARK)
            play_event(&nodes[rec.log[m].node], &rec.log[m]);
    return nodes;
}

/* A variant is a number: which of the uncertain changes are there, a bit for
 * each, and above them what has become of the contents. */
static unsigned int count_bits(const struct node *nodes)
{
    unsigned int bits = 0;
    int i;

    for (i = 0; i < rec.num_nodes; i++)
        bits += (unsigned int)nodes[i].num_uncertain;
    assert_true(bits <= MAX_UNCERTAIN);
    return bits;
}

static bool has_uncertain_contents(const struct node *nodes)
{
    int i;

    for (i = 0; i < rec.num_nodes; i++)
        if (nodes[i].len != nodes[i].certain_len) return true;
    return false;
}

size_t disk_variants(size_t moment)
{
    struct node *nodes = play(moment);
    size_t num = (size_t)1 << count_bits(nodes);

    if (has_uncertain_contents(nodes)) num *= CONTENTS;
    forget_contents(nodes, rec.num_nodes);
    free(nodes);
    return num;
}

static void rebuild_file(const struct node *n, size_t contents,
                         const char *path)
{
    char *zeros;

    switch (contents) {
    case 0:
        util_write_file(path, n->data, n->len);
        break;
    case 1:
        util_write_file(path, n->certain_data, n->certain_len);
        break;
    case 2:
        util_write_file(path, n->data,
                        n->certain_len + (n->len - n->certain_len) / 2);
        break;
    case 3:
        zeros = calloc(1, n->len + 1);
        assert_non_null(zeros);
        if (n->certain_len) memcpy(zeros, n->certain_data, n->certain_len);
        util_write_file(path, zeros, n->len);
        free(zeros);
        break;
    default:
        fail();
    }
}

static void rebuild_dir(const struct node *nodes, int node, size_t contents,
                        const char *path)
{
    const struct node *dir = &nodes[node];
    char *inner;
    int i;

    for (i = 0; i < dir->num_certain; i++) {
        const struct node *n = &nodes[dir->certain[i].node];
        inner = util_path(path, dir->certain[i].name);
        if (n->is_dir) {
            assert_int_equal(0, mkdir(inner, 0700));
            rebuild_dir(nodes, dir->certain[i].node, contents, inner);
        } else {
            rebuild_file(n, contents, inner);
        }
        free(inner);
    }
}

void disk_rebuild(size_t moment, size_t variant, const char *dir)
{
    struct node *nodes = play(moment);
    unsigned int bits = count_bits(nodes), bit = 0;
    int i, j;

    for (i = 0; i < rec.num_nodes; i++)
        for (j = 0; j < nodes[i].num_uncertain; j++)
            if (variant >> bit++ & 1) apply(&nodes[i], &nodes[i].uncertain[j]);
    rebuild_dir(nodes, 0, variant >> bits, dir);
    forget_contents(nodes, rec.num_nodes);
    free(nodes);
}

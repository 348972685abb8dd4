/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Export and import: real images there and back, and archives made to harm. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "manage/config_json.h"
#include "manage/tar.h"
#include "tests/manage/host.h"

#define MEMORY_BYTES 70000

struct fixture {
    struct host host;
    char *base, *image;         /* xvda: an overlay with internal snapshots */
    char *raw;                  /* xvdb: frozen */
    char *tar;                  /* what is exported */
    char *to;                   /* where the disks go */
};

static char *date_of(const char *image, const char *part)
{
    return host_ask("qemu-img info --output=json %s |"
                    " sed -n 's/.*\"date-%s\": \\([0-9]*\\).*/\\1/p'", image,
                    part);
}

static char *config(struct fixture *f)
{
    char *text;

    if (asprintf(&text, "{\"c_info\": {\"type\": \"pvh\", \"name\": \"g\","
                 " \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"%s\", \"vdev\": \"xvdb\","
                 " \"format\": \"raw\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"/isos/cd.iso\", \"vdev\": \"xvdc\","
                 " \"is_cdrom\": 1}]}", f->image, f->raw) < 0)
        abort();
    return text;
}

/* The chain of "g": one snapshot, A, of two disks and memory. */
static void make_chain(struct fixture *f)
{
    char *sec = date_of(f->image, "sec"), *nsec = date_of(f->image, "nsec");
    char *conf = config(f), *text, *memory = host_path(&f->host, "memory");
    struct manage_redefine args = { .domain = "g", .current = true };
    struct manage_redefined done;

    host_save_image(memory, conf, MEMORY_BYTES);
    if (asprintf(&text, "{\"version\": 1, \"domain\": \"g\", \"snapshot\":"
                 " {\"serial\": 4, \"name\": \"A\", \"created\": 100,"
                 " \"description\": \"the \\u00e4ltest\","
                 " \"domain_uuid\": \"11111111-2222-3333-4444-555555555555\","
                 " \"state\": \"running\", \"memory\": true,"
                 " \"memory_bytes\": %d, \"disks\": ["
                 "{\"vdev\": \"xvda\", \"path\": \"%s\","
                 " \"format\": \"qcow2\", \"treatment\": \"internal\","
                 " \"handle\": {\"format.qcow2\": {\"name\": \"one\"}},"
                 " \"id\": \"1\", \"date_sec\": %s, \"date_nsec\": %s},"
                 "{\"vdev\": \"xvdb\", \"path\": \"%s\", \"format\": \"raw\","
                 " \"treatment\": \"external\"},"
                 "{\"vdev\": \"xvdc\", \"path\": \"/isos/cd.iso\","
                 " \"treatment\": \"skipped_cdrom\"}]}, \"config\": %s}",
                 MEMORY_BYTES, f->image, sec, nsec, f->raw, conf) < 0)
        abort();
    args.text = text;
    args.len = strlen(text);
    args.memory = memory;
    manage_redefined_init(&done);
    if (manage_redefine(f->host.manage, &args, &done, NULL,
                        host_err(&f->host)))
        fail_msg("%s", f->host.err.text);
    manage_redefined_dispose(&done);
    free(memory);
    free(conf);
    free(text);
    free(sec);
    free(nsec);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->base = host_path(&f->host, "images/base,x.raw");
    f->image = host_path(&f->host, "images/a.qcow2");
    f->raw = host_path(&f->host, "images/b.raw");
    f->tar = host_path(&f->host, "A.tar");
    f->to = host_path(&f->host, "to");
    assert_int_equal(mkdir(f->to, 0700), 0);
    host_sh("yes base | head -c 1000000 > '%s'; truncate -s 4M '%s'", f->base,
            f->base);
    host_sh("yes raw | head -c 300000 > '%s'", f->raw);
    host_sh("qemu-img create -q -f qcow2 -b '%s' -F raw %s", f->base,
            f->image);
    host_sh("qemu-io -f qcow2 -c 'write -P 7 128k 64k' %s > /dev/null",
            f->image);
    host_sh("qemu-img snapshot -c one %s", f->image);
    host_sh("qemu-io -f qcow2 -c 'write -P 9 0 256k' %s > /dev/null",
            f->image);
    make_chain(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    host_dispose(&f->host);
    free(f->base);
    free(f->image);
    free(f->raw);
    free(f->tar);
    free(f->to);
    free(f);
    return 0;
}

static enum manage_outcome export_to(struct fixture *f, const char *path,
                                     const char *compress)
{
    struct manage_export args = { .domain = "g", .name = "A", .path = path,
                                  .fd = -1, .compress = compress };
    int rc = manage_export(f->host.manage, &args, NULL, host_err(&f->host));

    assert_int_equal(!rc, f->host.err.outcome == MANAGE_OK);
    return f->host.err.outcome;
}

static enum manage_outcome import_as(struct fixture *f, const char *path,
                                     const char *domain, const char *name)
{
    struct manage_import args = { .domain = domain, .name = name,
                                  .dir = f->to };
    struct manage_imported imported;
    int rc;

    args.fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(args.fd >= 0);
    manage_imported_init(&imported);
    rc = manage_import(f->host.manage, &args, &imported, NULL,
                       host_err(&f->host));
    assert_int_equal(!rc, f->host.err.outcome == MANAGE_OK);
    if (!rc) assert_string_equal(imported.domain, domain ? domain : "g");
    manage_imported_dispose(&imported);
    close(args.fd);
    return f->host.err.outcome;
}

/* Nothing is left of it: no image, no chain, no payload. */
static void expect_nothing(struct fixture *f, const char *domain)
{
    char *found = host_ask("find %s -mindepth 1; find %s/%s -name snap-* -o"
                           " -name '*.json' 2> /dev/null; true", f->to,
                           f->host.state, domain);

    assert_string_equal(found, "");
    free(found);
}

static void there_and_back(struct fixture *f, const char *ending)
{
    char *path, *memory, *config, *image;
    const chain_snapshot *s;
    struct manage_view view;
    size_t len;
    char *a;

    path = host_path(&f->host, "A.tar%s", ending);
    if (export_to(f, path, NULL)) fail_msg("%s", f->host.err.text);
    assert_int_equal(export_to(f, path, NULL), MANAGE_REFUSED);
    if (import_as(f, path, "h", "B")) fail_msg("%s", f->host.err.text);

    manage_view_init(&view);
    assert_int_equal(manage_look(f->host.manage, "h", &view,
                                 host_err(&f->host)), 0);
    assert_null(view.chain.damaged);
    assert_false(view.in_flight);
    s = chain_model_current(&view.chain);
    assert_non_null(s);
    assert_string_equal(s->name, "B");
    assert_string_equal(s->description, "the \xc3\xa4ltest");
    assert_int_equal(s->created, 100);
    assert_true(s->memory);
    assert_true(s->memory_bytes > 0);
    assert_int_equal(s->num_disks, 3);
    assert_int_equal(s->disks[0].treatment, CHAIN_DISK_TREATMENT_INTERNAL);
    assert_int_equal(s->disks[1].treatment, CHAIN_DISK_TREATMENT_INTERNAL);
    assert_int_equal(s->disks[2].treatment,
                     CHAIN_DISK_TREATMENT_SKIPPED_CDROM);
    assert_string_not_equal(s->domain_uuid,
                            "11111111-2222-3333-4444-555555555555");
    manage_view_dispose(&view);

    /* The disks hold what they held at the time, and so do their snapshots. */
    image = host_path(&f->host, "to/h-xvda.qcow2");
    host_sh("qemu-img convert -l one -O raw %s %s/then.raw", f->image,
            f->host.dir);
    host_sh("qemu-img convert -l B -O raw %s %s/xvda.raw", image,
            f->host.dir);
    host_sh("cmp %s/then.raw %s/xvda.raw", f->host.dir, f->host.dir);
    host_sh("qemu-img compare -q -f raw -F qcow2 %s/then.raw %s", f->host.dir,
            image);
    host_sh("qemu-img compare -q -f raw -F qcow2 %s %s/h-xvdb.qcow2", f->raw,
            f->to);
    host_sh("test $(stat -c %%a %s) = 600", image);
    host_sh("! qemu-img info %s | grep -q backing", image);
    free(image);

    memory = host_path(&f->host, "state/h/snap-1/memory");
    assert_true(host_memory_is(memory, MEMORY_BYTES));
    /* The configuration, under the new name and with the new paths. */
    config = host_path(&f->host, "state/h/snap-1/config.json");
    a = host_read(config, &len);
    assert_non_null(memmem(a, len, "\"h\"", 3));
    assert_non_null(memmem(a, len, "to/h-xvdb.qcow2", 15));
    assert_null(memmem(a, len, "b.raw", 5));
    assert_non_null(memmem(a, len, "/isos/cd.iso", 12));
    free(a);
    free(config);
    free(memory);

    assert_int_equal(import_as(f, path, "h", NULL), MANAGE_REFUSED);
    assert_int_equal(import_as(f, path, NULL, NULL), MANAGE_REFUSED);
    free(path);
}

static void test_plain(void **state)
{
    struct fixture *f = *state;
    char *listed;

    there_and_back(f, "");
    listed = host_ask("tar tf %s | tr '\\n' ' '", f->tar);
    assert_string_equal(listed, "manifest.json config.json memory "
                        "disks/xvda.qcow2 disks/xvdb.qcow2 checksums.json ");
    free(listed);
    /* The checksums are what sha256sum says. */
    listed = host_ask("tar xf %s -O memory | sha256sum | cut -c 1-64 |"
                      " xargs -I{} sh -c 'tar xf %s -O checksums.json |"
                      " grep -c {}'", f->tar, f->tar);
    assert_string_equal(listed, "1");
    free(listed);
}

/* ---- the memory image's SHA-256 ---- */

/* What sha256sum says of a snapshot's. */
static char *sha256_of(struct fixture *f, const char *domain)
{
    return host_ask("cat %s/%s/snap-*/memory | sha256sum | cut -c 1-64 | tr -d '\\n'",
                    f->host.state, domain);
}

static void note_sha256(struct fixture *f, const char *sha256)
{
    host_sh("sed -i '/memory_sha256/d; s/\"memory_bytes\"/\"memory_sha256\": \"%s\",\\n"
            "\"memory_bytes\"/' %s/g/chain.json", sha256, f->host.state);
}

static void expect_verified(struct fixture *f, const char *problem)
{
    struct manage_verified *list;
    int num;

    assert_int_equal(manage_verify(f->host.manage, "g", "A", &list, &num,
                                   host_err(&f->host)), 0);
    assert_int_equal(num, 1);
    if (problem) assert_non_null(strstr(list[0].problem, problem));
    else assert_null(list[0].problem);
    manage_verified_free(list, num);
}

/* It goes along, and what is not what it says goes nowhere. */
static void test_sha256(void **state)
{
    struct fixture *f = *state;
    char *sha256 = sha256_of(f, "g"), *there, *changed = strdup(sha256);
    struct manage_view view;

    note_sha256(f, sha256);
    expect_verified(f, NULL);
    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    if (import_as(f, f->tar, "h", "B")) fail_msg("%s", f->host.err.text);
    there = sha256_of(f, "h");
    manage_view_init(&view);
    assert_int_equal(manage_look(f->host.manage, "h", &view,
                                 host_err(&f->host)), 0);
    assert_string_equal(view.chain.tree.snapshots[0].memory_sha256, sha256);
    assert_string_equal(there, sha256);
    manage_view_dispose(&view);

    assert_non_null(changed);
    changed[5] = changed[5] == '0' ? '1' : '0';
    note_sha256(f, changed);
    expect_verified(f, sha256);
    host_sh("rm %s", f->tar);
    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_DAMAGED);
    assert_non_null(strstr(f->host.err.text, changed));
    free(changed);
    free(there);
    free(sha256);
}

static void test_zstd(void **state)
{
    there_and_back(*state, ".zst");
}

static void test_xz(void **state)
{
    there_and_back(*state, ".xz");
}

static void test_bad_compression(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(export_to(f, f->tar, "rot13"), MANAGE_USAGE);
    assert_false(host_has(f->tar));
}

static void test_xl_image(void **state)
{
    struct fixture *f = *state;
    struct manage_export args = { .domain = "g", .name = "A", .fd = -1,
                                  .path = f->tar, .xl_image = true };
    char *a, *expected;
    size_t len;

    if (manage_export(f->host.manage, &args, NULL, host_err(&f->host)))
        fail_msg("%s", f->host.err.text);
    a = host_read(f->tar, &len);
    assert_memory_equal(a, "Xen saved domain, xl format\n \0 \r", 32);
    assert_non_null(memmem(a, len, "a.qcow2", 7));
    expected = host_path(&f->host, "expected");
    host_save_image(expected, "", MEMORY_BYTES);
    host_sh("tail -c %d %s > %s/x; tail -c %d %s | cmp - %s/x", MEMORY_BYTES,
            f->tar, f->host.dir, MEMORY_BYTES, expected, f->host.dir);
    free(a);
    free(expected);
}

/* ---- what is not right ---- */

static void test_cut(void **state)
{
    struct fixture *f = *state;
    char *cut = host_path(&f->host, "cut"), *all;
    size_t len, at, i;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    all = host_read(f->tar, &len);
    /* The last blocks of a tar stream are empty. */
    for (i = 0; i < 40; i++) {
        at = (len - 2048) * i / 40;
        host_write(cut, all, at);
        assert_int_not_equal(import_as(f, cut, "h", NULL), MANAGE_OK);
        expect_nothing(f, "h");
    }
    free(all);
    free(cut);
}

/* One byte of each block, at a different place. */
static void test_flipped(void **state)
{
    struct fixture *f = *state;
    char *bad = host_path(&f->host, "bad"), *all;
    size_t len, at, i;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    all = host_read(f->tar, &len);
    for (i = 0; i < 60; i++) {
        at = (len - 4096) * i / 60 + i;
        all[at] ^= 0x20;
        host_write(bad, all, len);
        all[at] ^= 0x20;
        if (import_as(f, bad, "h", NULL) == MANAGE_OK) {
            /* Padding and times of the container are in no checksum; what
             * was imported is then what was exported. */
            host_sh("qemu-img compare -q -f raw -F qcow2 %s %s/h-xvdb.qcow2",
                    f->raw, f->to);
            host_sh("rm -rf %s/* %s/h", f->to, f->host.state);
        }
        expect_nothing(f, "h");
    }
    free(all);
    free(bad);
}

/* A hostile archive: the members of a good one, changed on the way. */
struct change {
    const char *member;         /* which; NULL: none */
    const char *rename;
    unsigned int type;          /* AE_IF...; 0: as it is */
    bool twice, leave_out;
    const char *instead;        /* its contents */
    const char *then;           /* another member after it */
};

static void put_entry(struct archive *out, const char *name, unsigned int type,
                      const char *data, size_t len)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, type == AE_IFREG ? len : 0);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, "/etc/passwd");
    assert_int_equal(archive_write_header(out, entry), ARCHIVE_OK);
    if (type == AE_IFREG && len)
        assert_int_equal(archive_write_data(out, data, len), len);
    archive_entry_free(entry);
}

static void rewrite(const char *from, const char *to, struct change c)
{
    struct archive *in = archive_read_new(), *out = archive_write_new();
    struct archive_entry *entry;

    archive_read_support_format_tar(in);
    archive_read_support_filter_none(in);
    assert_int_equal(archive_read_open_filename(in, from, 4096), ARCHIVE_OK);
    archive_write_set_format_pax_restricted(out);
    assert_int_equal(archive_write_open_filename(out, to), ARCHIVE_OK);
    while (archive_read_next_header(in, &entry) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        size_t len = archive_entry_size(entry);
        bool this = c.member && !strcmp(name, c.member);
        char *data = malloc(len + 1);

        assert_int_equal(archive_read_data(in, data, len), len);
        if (this && c.instead) {
            free(data);
            data = strdup(c.instead);
            len = strlen(data);
        }
        if (!this || !c.leave_out)
            put_entry(out, this && c.rename ? c.rename : name,
                      this && c.type ? c.type : AE_IFREG, data, len);
        if (this && c.twice) put_entry(out, name, AE_IFREG, data, len);
        if (this && c.then) put_entry(out, c.then, AE_IFREG, data, len);
        free(data);
    }
    archive_read_free(in);
    assert_int_equal(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
}

static void expect_refused(struct fixture *f, struct change c)
{
    char *bad = host_path(&f->host, "bad.tar");

    rewrite(f->tar, bad, c);
    assert_int_not_equal(import_as(f, bad, "h", NULL), MANAGE_OK);
    assert_true(f->host.err.text[0]);
    expect_nothing(f, "h");
    unlink(bad);
    free(bad);
}

static void test_hostile(void **state)
{
    static const char *const members[] = {
        "manifest.json", "config.json", "memory", "disks/xvda.qcow2",
        "disks/xvdb.qcow2", "checksums.json",
    };
    struct fixture *f = *state;
    struct change c;
    char *bad = host_path(&f->host, "bad.tar");
    size_t i;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        expect_refused(f, (struct change){ members[i], .rename = "/etc/x" });
        expect_refused(f, (struct change){ members[i], .rename = "../x" });
        expect_refused(f, (struct change){ members[i], .type = AE_IFLNK });
        expect_refused(f, (struct change){ members[i], .type = AE_IFDIR });
        expect_refused(f, (struct change){ members[i], .type = AE_IFIFO });
        expect_refused(f, (struct change){ members[i], .twice = true });
        expect_refused(f, (struct change){ members[i], .leave_out = true });
        expect_refused(f, (struct change){ members[i], .instead = "" });
        expect_refused(f, (struct change){ members[i], .instead = "{}" });
        expect_refused(f, (struct change){ members[i], .then = "more" });
    }
    /* And it is the archive, not the way we write it: unchanged, it is good. */
    c = (struct change){ NULL };
    rewrite(f->tar, bad, c);
    if (import_as(f, bad, "h", NULL)) fail_msg("%s", f->host.err.text);
    free(bad);
}

static char *manifest_of(struct fixture *f)
{
    return host_ask("tar xf %s -O manifest.json | tr -d '\\n'", f->tar);
}

static void expect_manifest(struct fixture *f, const char *what,
                            const char *with)
{
    char *text = manifest_of(f), *at = strstr(text, what), *changed;

    if (!at) fail_msg("no %s in %s", what, text);
    if (asprintf(&changed, "%.*s%s%s", (int)(at - text), text, with,
                 at + strlen(what)) < 0)
        abort();
    expect_refused(f, (struct change){ "manifest.json", .instead = changed });
    free(text);
    free(changed);
}

static void test_manifest(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    expect_manifest(f, "\"version\": 1", "\"version\": 2");
    expect_manifest(f, "\"version\": 1", "\"version\": 0");
    expect_manifest(f, "\"version\": 1", "\"x\": 1, \"version\": 1");
    expect_manifest(f, "xl-snapshot-export", "something");
    expect_manifest(f, "\"g\"", "\"../g\"");
    expect_manifest(f, "\"g\"", "\"\"");
    expect_manifest(f, "\"A\"", "\"../../A\"");
    expect_manifest(f, "\"xvda\"", "\"../a\"");
    expect_manifest(f, "\"xvda\"", "\"xvdb\"");
    expect_manifest(f, "\"xvda\"", "\"\"");
    expect_manifest(f, "\"running\"", "\"off\"");
    expect_manifest(f, "\"internal\"", "\"wrong\"");
}

/* Images that would show a guest what is not its own. */
static void expect_image(struct fixture *f, const char *make)
{
    char *bad = host_path(&f->host, "bad.tar"), *dir;

    dir = host_path(&f->host, "unpacked");
    host_sh("rm -rf %s %s; mkdir %s; tar xf %s -C %s", bad, dir, dir, f->tar,
            dir);
    host_sh("cd %s && { %s; } > /dev/null", dir, make);
    host_sh("cd %s && sum=$(sha256sum < disks/xvdb.qcow2 | cut -c 1-64) &&"
            " size=$(stat -c %%s disks/xvdb.qcow2) && python3 -c \""
            "import json, sys\n"
            "d = json.load(open('checksums.json'))\n"
            "d['members'][4].update(size=int(sys.argv[1]), sha256=sys.argv[2])\n"
            "json.dump(d, open('checksums.json', 'w'))\" $size $sum &&"
            " tar cf %s --format=pax manifest.json config.json memory"
            " disks/xvda.qcow2 disks/xvdb.qcow2 checksums.json", dir, bad);
    assert_int_equal(import_as(f, bad, "h", NULL), MANAGE_ROLLED_BACK);
    if (!strstr(f->host.err.text, "xvdb")) fail_msg("%s", f->host.err.text);
    expect_nothing(f, "h");
    free(dir);
    free(bad);
}

static void test_images(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    expect_image(f, "qemu-img rebase -u -f qcow2 -b /etc/passwd -F raw"
                 " disks/xvdb.qcow2");
    expect_image(f, "rm disks/xvdb.qcow2; qemu-img create -f qcow2 -o"
                 " data_file=d,data_file_raw=on disks/xvdb.qcow2 1M");
    expect_image(f, "qemu-img snapshot -c x disks/xvdb.qcow2");
    expect_image(f, "echo hello > disks/xvdb.qcow2");
    expect_image(f, "rm disks/xvdb.qcow2; touch disks/xvdb.qcow2");
}

static void test_nothing_overwritten(void **state)
{
    struct fixture *f = *state;
    char *path = host_path(&f->host, "to/h-xvdb.qcow2"), *text;

    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    host_write(path, "mine", 4);
    assert_int_equal(import_as(f, f->tar, "h", NULL), MANAGE_REFUSED);
    text = host_read(path, NULL);
    assert_string_equal(text, "mine");
    free(text);
    unlink(path);
    expect_nothing(f, "h");
    free(path);
}

static void killed_at(struct fixture *f, const char *point)
{
    char *report = NULL;
    int status;
    pid_t pid;

    if (!host_has(f->tar))
        assert_int_equal(export_to(f, f->tar, NULL), MANAGE_OK);
    pid = fork();
    if (!pid) {
        f->host.stop_at = point;
        import_as(f, f->tar, "h", NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 77);
    /* At first there is nothing to recover. */
    if (manage_recover(f->host.manage, "h", &report, host_err(&f->host)) &&
        f->host.err.outcome != MANAGE_NOT_FOUND)
        fail_msg("%s", f->host.err.text);
    free(report);
    expect_nothing(f, "h");
}

static void test_killed(void **state)
{
    struct fixture *f = *state;

    killed_at(f, "import:begin");
    killed_at(f, "import:memory");
    killed_at(f, "import:disk");
    killed_at(f, "import:received");
    killed_at(f, "import:named");
    killed_at(f, "import:publish");
    if (import_as(f, f->tar, "h", NULL)) fail_msg("%s", f->host.err.text);
}

static void test_export_refusals(void **state)
{
    struct fixture *f = *state;

    unlink(f->raw);
    assert_int_equal(export_to(f, f->tar, NULL), MANAGE_REFUSED);
    assert_non_null(strstr(f->host.err.text, "xvdb"));
    assert_false(host_has(f->tar));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_plain), T(test_sha256), T(test_zstd), T(test_xz), T(test_bad_compression),
        T(test_xl_image), T(test_cut), T(test_flipped), T(test_hostile),
        T(test_manifest), T(test_images), T(test_nothing_overwritten),
        T(test_killed), T(test_export_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl.h>

#include "xl/watcher_scan.h"

/* A log this long holds ten thousand reboots. */
#define LOG_TAIL_MAX (4 << 20)
/* The fixed words, two numbers, and a name, which xl does not bound. */
#define LOG_LINE_MAX 4096

/*
 * ---- one line ----
 */

/*
 * The number between before and after at the end of text[0..*len); *len then
 * ends before them. Digits only: no sign, no space.
 */
static bool take_number(const char *text, size_t *len, const char *before,
                        const char *after, uint64_t max, uint64_t *n_r)
{
    size_t end = *len, start, blen = strlen(before), alen = strlen(after);
    uint64_t n = 0;
    size_t i;

    if (end < alen || memcmp(text + end - alen, after, alen)) return false;
    end -= alen;

    for (start = end; start && isdigit((unsigned char)text[start - 1]); start--)
        ;
    if (start == end || end - start > 19) return false;
    for (i = start; i < end; i++)
        n = n * 10 + (text[i] - '0');
    if (n > max) return false;

    if (start < blen || memcmp(text + start - blen, before, blen)) return false;
    *len = start - blen;
    *n_r = n;
    return true;
}

bool watcher_parse_line(const char *line, pid_t *pid_r, uint32_t *domid_r)
{
    static const char start[] = "Waiting for domain ";
    size_t len = strlen(line);
    uint64_t pid, domid;

    if (strncmp(line, start, sizeof(start) - 1)) return false;
    if (!take_number(line, &len, " to die [pid ", "]", INT_MAX, &pid))
        return false;
    if (!take_number(line, &len, " (domid ", ")", UINT32_MAX, &domid))
        return false;
    if (len < sizeof(start) - 1 || !pid) return false;

    *pid_r = pid;
    *domid_r = domid;
    return true;
}

/*
 * ---- one log ----
 */

struct log_search {
    char line[LOG_LINE_MAX];
    size_t len;         /* beyond the buffer: too long, skip it */
    pid_t pid;
    bool found;
    uint32_t domid;
};

static void search_add(struct log_search *search, const char *data, size_t len)
{
    uint32_t domid;
    pid_t pid;
    size_t i;

    for (i = 0; i < len; i++) {
        if (data[i] != '\n') {
            if (search->len < sizeof(search->line) - 1)
                search->line[search->len] = data[i];
            search->len++;
            continue;
        }
        if (search->len < sizeof(search->line)) {
            search->line[search->len] = '\0';
            if (watcher_parse_line(search->line, &pid, &domid) &&
                pid == search->pid) {
                search->found = true;
                search->domid = domid;
            }
        }
        search->len = 0;
    }
}

int watcher_log_domid(int fd, pid_t pid, uint32_t *domid_r)
{
    struct log_search search;
    char buf[8192];
    struct stat st;
    off_t pos;
    ssize_t n;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) return ERROR_FAIL;

    search.len = 0;
    search.pid = pid;
    search.found = false;
    pos = st.st_size > LOG_TAIL_MAX ? st.st_size - LOG_TAIL_MAX : 0;
    /* Starting inside a line must not make its rest look like one. */
    if (pos) search.len = sizeof(search.line);

    for (;;) {
        n = pread(fd, buf, sizeof(buf), pos);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ERROR_FAIL;
        if (!n) break;
        search_add(&search, buf, n);
        pos += n;
        if (pos > st.st_size + LOG_TAIL_MAX) break;     /* it outruns us */
    }

    if (!search.found) return ERROR_NOTFOUND;
    *domid_r = search.domid;
    return 0;
}

/*
 * ---- one process ----
 */

/* readlink of PID/what, terminated; false when it does not fit either. */
static bool process_link(int proc, pid_t pid, const char *what, char *target,
                         size_t size)
{
    char path[64];
    ssize_t n;

    snprintf(path, sizeof(path), "%ld/%s", (long)pid, what);
    n = readlinkat(proc, path, target, size);
    if (n < 0 || (size_t)n >= size) return false;
    target[n] = '\0';
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The kernel's mark on the link of a file that has no name any more. */
static void strip_deleted(char *target)
{
    static const char mark[] = " (deleted)";
    size_t len = strlen(target), mlen = sizeof(mark) - 1;

    if (len > mlen && !strcmp(target + len - mlen, mark))
        target[len - mlen] = '\0';
}

static bool process_is_xl(int proc, pid_t pid)
{
    char target[PATH_MAX], path[32];
    struct stat st;

    snprintf(path, sizeof(path), "%ld", (long)pid);
    if (fstatat(proc, path, &st, 0) || st.st_uid != geteuid()) return false;
    if (!process_link(proc, pid, "exe", target, sizeof(target))) return false;
    strip_deleted(target);      /* xl was upgraded under it */
    return !strcmp(base_name(target), "xl");
}

/* False: who it is cannot be told. One that is just being started (exec) has no
 * arguments yet, and watches nobody. */
static bool process_is_ours(int proc, pid_t pid, bool *ours_r)
{
    char path[64], args[1024];
    size_t first;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "%ld/cmdline", (long)pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    do
        n = read(fd, args, sizeof(args) - 1);
    while (n < 0 && errno == EINTR);
    close(fd);
    if (n <= 0) return false;

    args[n] = '\0';
    first = strlen(args) + 1;
    *ours_r = first < (size_t)n && !strcmp(args + first, WATCHER_SUBCOMMAND);
    return true;
}

static int open_log(int proc, pid_t pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "%ld/fd/2", (long)pid);
    /* Opening somebody else's pipe or terminal would be felt there. */
    if (fstatat(proc, path, &st, 0) || !S_ISREG(st.st_mode)) return -1;
    return openat(proc, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Does it log to a file called PREFIX NAME.log, or what rotation made of it? */
static bool log_named_after(int proc, pid_t pid, const char *prefix,
                            const char *name)
{
    char target[PATH_MAX];
    const char *rest;
    size_t len = strlen(name), plen = strlen(prefix);

    if (!process_link(proc, pid, "fd/2", target, sizeof(target))) return false;
    strip_deleted(target);
    rest = base_name(target);
    if (strncmp(rest, prefix, plen)) return false;
    rest += plen;
    if (strncmp(rest, name, len)) return false;
    rest += len;
    if (strncmp(rest, ".log", 4)) return false;
    rest += 4;
    return !*rest || (*rest == '.' && strspn(rest + 1, "0123456789") ==
                                      strlen(rest + 1));
}

static bool process_watches(int proc, pid_t pid, uint32_t domid,
                            const char *name, bool *ours_r)
{
    uint32_t watched;
    bool yes = false, ours;
    int fd, rc;

    if (!process_is_xl(proc, pid)) return false;
    if (!process_is_ours(proc, pid, &ours)) return false;
    fd = open_log(proc, pid);
    if (fd < 0) return false;

    rc = watcher_log_domid(fd, pid, &watched);
    if (!rc)
        yes = watched == domid;
    else if (rc == ERROR_NOTFOUND && name)
        yes = log_named_after(proc, pid, ours ? WATCHER_LOG_PREFIX : "xl-",
                              name);
    close(fd);
    if (yes) *ours_r = ours;
    return yes;
}

bool watcher_alive(const char *proc_dir, pid_t pid)
{
    bool yes;
    int proc;

    proc = open(proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return false;
    yes = process_is_xl(proc, pid);
    close(proc);
    return yes;
}

int watcher_open_log(const char *proc_dir, pid_t pid)
{
    int proc, fd;

    proc = open(proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return -1;
    fd = open_log(proc, pid);
    close(proc);
    return fd;
}

/*
 * ---- all of them ----
 */

static bool parse_pid(const char *text, pid_t *pid_r)
{
    char *end;
    long n;

    if (!isdigit((unsigned char)*text)) return false;
    errno = 0;
    n = strtol(text, &end, 10);
    if (errno || *end || n <= 0 || n > INT_MAX) return false;
    *pid_r = n;
    return true;
}

int watcher_find(const char *proc_dir, uint32_t domid, const char *name,
                 struct watcher **list_r, size_t *num_r)
{
    struct watcher *list = NULL, *more;
    struct dirent *entry;
    DIR *dir;
    size_t num = 0;
    bool ours;
    pid_t pid;
    int rc, e;

    dir = opendir(proc_dir);
    if (!dir) return ERROR_FAIL;

    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        if (!parse_pid(entry->d_name, &pid) ||
            !process_watches(dirfd(dir), pid, domid, name, &ours))
            continue;

        more = realloc(list, (num + 1) * sizeof(*list));
        if (!more) {
            rc = ERROR_NOMEM;
            goto out;
        }
        list = more;
        list[num].pid = pid;
        list[num].ours = ours;
        num++;
    }
    if (errno) {
        rc = ERROR_FAIL;
        goto out;
    }

    *list_r = list;
    *num_r = num;
    list = NULL;
    rc = 0;

 out:
    e = errno;
    free(list);
    closedir(dir);
    errno = e;
    return rc;
}

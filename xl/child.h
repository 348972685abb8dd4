/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run a program to its end and keep the one line of its output that explains
 * a failure best.
 */
#ifndef XL_CHILD_H
#define XL_CHILD_H

#include <stdbool.h>
#include <stddef.h>

struct child_spec {
    const char *path;
    char *const *argv;
    int stdin_fd;           /* -1: /dev/null */
    /*
     * Killed when the calling thread ends. What the program forks is not:
     * the kernel clears this for every new process.
     */
    bool die_with_us;
    unsigned int timeout_s;
    char *const *environment;   /* NULL: ours */
    /* After the time-out, SIGTERM comes so long before SIGKILL, or until the
     * program has ended; 0: none. */
    unsigned int grace_s;
};

struct child_result {
    int status;             /* as waitpid() gives it */
    bool timed_out;         /* and killed for it, with its process group */
    /*
     * The first line that speaks of an error, because later ones tend to be
     * its consequences; or else the last line. Printable, may be empty.
     */
    char line[512];
};

/*
 * The program gets a process group of its own, so that a terminal's Ctrl-C
 * does not reach it, default signals, an empty signal mask, and no descriptor
 * but its standard three: none of our locks can outlive us in it. Its output
 * is read until it ends, however much it prints; daemons it leaves behind are
 * not waited for.
 *
 * 0 when it ran, whatever it came to; ERROR_NOTFOUND when it cannot be
 * executed (errno says why), ERROR_FAIL when not even that could be tried.
 */
int child_run(const struct child_spec *spec, struct child_result *result_r);

/* It ran to its end and returned 0. */
bool child_succeeded(const struct child_result *result);

/*
 * How it ended, for people: "exit status 1: libxl: error: ..." or "killed
 * after 600 s". Cut to fit.
 */
void child_describe(const struct child_result *result, char *text, size_t size);

/* Exposed for tests: how a stream of output becomes that line. */
struct child_output {
    char current[512];      /* the line being assembled */
    size_t len;
    char error[512];        /* the first one with an error; empty: none yet */
    char last[512];         /* the last one that is not blank */
};

void child_output_init(struct child_output *out);
void child_output_add(struct child_output *out, const char *data, size_t len);
/* Ends the line being assembled; the result lives as long as out. */
const char *child_output_line(struct child_output *out);

#endif

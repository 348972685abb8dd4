/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chain/error.h"
#include "chain/utf8.h"

/* What went into the text may be hostile; what comes out is one line of
 * UTF-8 that leaves a terminal as it was. */
static void make_harmless(char *text)
{
    uint32_t point;
    size_t len;

    while (*text) {
        len = chain_utf8_next(text, &point);
        if (!len || point < 0x20 || (point >= 0x7f && point < 0xa0)) {
            *text++ = '?';
            continue;
        }
        text += len;
    }
}

int chain_error_set(struct chain_error *err, int rc, const char *fmt, ...)
{
    va_list ap;

    if (!err) return rc;
    err->rc = rc;
    err->errnum = 0;
    err->visible = false;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    make_harmless(err->text);
    return rc;
}

int chain_error_set_errno(struct chain_error *err, int errnum,
                          const char *fmt, ...)
{
    int rc = errnum == ENOMEM ? ERROR_NOMEM : ERROR_FAIL;
    char what[CHAIN_ERROR_SIZE - 64], why[64];
    va_list ap;

    if (!err) return rc;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    chain_error_set(err, rc, "%s: %s", what,
                    strerror_r(errnum, why, sizeof(why)));
    err->errnum = errnum;
    return rc;
}

int chain_error_set_nomem(struct chain_error *err)
{
    return chain_error_set(err, ERROR_NOMEM, "out of memory");
}

int chain_error_within(struct chain_error *err, int rc, const char *fmt, ...)
{
    char place[CHAIN_ERROR_SIZE];
    va_list ap;
    int errnum;

    if (!err) return rc;
    va_start(ap, fmt);
    vsnprintf(place, sizeof(place), fmt, ap);
    va_end(ap);
    errnum = err->errnum;
    /* the place is short, what follows may lose its end */
    strncat(place, err->text, sizeof(place) - strlen(place) - 1);
    chain_error_set(err, rc, "%s", place);
    err->errnum = errnum;
    return rc;
}

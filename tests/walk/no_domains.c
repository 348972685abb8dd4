/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host on which only dom0 runs: what libxl asks of the hypervisor and of
 * xenstore, answered from here. Linked into a program beside the real libxl,
 * these come before the libraries' own. All that is above them is real, so
 * domains that are off can be worked on where there is no Xen.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <xenctrl.h>
#include <xenstore.h>

static char somewhere;

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int open_flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)open_flags;
    return (xc_interface *)&somewhere;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain,
                          unsigned int max_domains, xc_domaininfo_t *info)
{
    (void)xch;
    if (first_domain > 0 || !max_domains) return 0;
    memset(info, 0, sizeof(*info));
    return 1;
}

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return (struct xs_handle *)&somewhere;
}

void xs_close(struct xs_handle *xsh)
{
    (void)xsh;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    (void)h;
    return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    (void)h;
    (void)t;
    (void)abort;
    return true;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    (void)h;
    (void)t;
    (void)path;
    (void)len;
    errno = ENOENT;
    return NULL;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path,
                    unsigned int *num)
{
    (void)h;
    (void)t;
    (void)path;
    (void)num;
    errno = ENOENT;
    return NULL;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
    (void)h;
    (void)domid;
    errno = ENOENT;
    return NULL;
}

int xc_flask_sid_to_context(xc_interface *xc_handle, int sid, char *buf,
                            uint32_t size)
{
    (void)xc_handle;
    (void)sid;
    (void)buf;
    (void)size;
    errno = ENOSYS;
    return -1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls into Xen's libraries that "xen-qemu-system-i386 -machine xenpv"
 * makes while it serves qdisks, answered without a hypervisor. To be loaded
 * with LD_PRELOAD; $XEN_RIG_DIR is the folder shared with the fake guest:
 *
 *   grants             a file of pages; grant reference N is page N
 *   evtchn.P.backend   a FIFO; a byte in it is an event for QEMU on port P
 *   evtchn.P.frontend  the same for the guest
 *
 * libxenstore is not replaced: it finds the rig's daemon by XENSTORED_PATH.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xentoolcore.h>

#define PAGE 4096u

static void *new_handle(size_t size)
{
    return calloc(1, size);
}

static int rig_open(const char *name)
{
    const char *dir = getenv("XEN_RIG_DIR");
    char path[4096];

    if (!dir) {
        errno = ENOENT;
        return -1;
    }
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

/* ---- handles that nothing is done with ---- */

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned open_flags)
{
    return new_handle(1);
}

int xc_interface_close(xc_interface *xch)
{
    free(xch);
    return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(xentoollog_logger *logger,
                                               unsigned open_flags)
{
    return new_handle(1);
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    free(fmem);
    return 0;
}

xendevicemodel_handle *xendevicemodel_open(xentoollog_logger *logger,
                                           unsigned open_flags)
{
    return new_handle(1);
}

int xentoolcore_restrict_all(domid_t domid)
{
    return 0;
}

/* ---- grants ---- */

struct xengntdev_handle {
    int fd;
    char *pages;
    uint32_t num_pages;
};

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger,
                                 unsigned open_flags)
{
    struct xengntdev_handle *grants;
    struct stat st;

    grants = new_handle(sizeof(*grants));
    if (!grants) return NULL;
    grants->fd = rig_open("grants");
    if (grants->fd < 0 || fstat(grants->fd, &st)) goto fail;
    grants->num_pages = (uint32_t)(st.st_size / PAGE);
    grants->pages = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                         MAP_SHARED, grants->fd, 0);
    if (grants->pages == MAP_FAILED) goto fail;
    return grants;
 fail:
    if (grants->fd >= 0) close(grants->fd);
    free(grants);
    return NULL;
}

int xengnttab_close(xengnttab_handle *grants)
{
    if (!grants) return 0;
    munmap(grants->pages, (size_t)grants->num_pages * PAGE);
    close(grants->fd);
    free(grants);
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *grants, uint32_t nr_grants)
{
    return 0;
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *grants, uint32_t count,
                                      uint32_t domid, uint32_t *refs, int prot)
{
    char *area, *page;
    uint32_t i;

    area = mmap(NULL, (size_t)count * PAGE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return NULL;
    for (i = 0; i < count; i++) {
        page = refs[i] >= grants->num_pages ? MAP_FAILED :
               mmap(area + (size_t)i * PAGE, PAGE, prot,
                    MAP_SHARED | MAP_FIXED, grants->fd, (off_t)refs[i] * PAGE);
        if (page == MAP_FAILED) {
            munmap(area, (size_t)count * PAGE);
            errno = EINVAL;
            return NULL;
        }
    }
    return area;
}

int xengnttab_unmap(xengnttab_handle *grants, void *start, uint32_t count)
{
    return munmap(start, (size_t)count * PAGE);
}

/* Where one end of a copy is, or NULL if that is outside of the guest. */
static char *copy_end(xengnttab_handle *grants, int foreign,
                      const union xengnttab_copy_ptr *ptr, uint16_t len)
{
    if (!foreign) return ptr->virt;
    if (ptr->foreign.ref >= grants->num_pages ||
        ptr->foreign.offset + len > PAGE)
        return NULL;
    return grants->pages + (size_t)ptr->foreign.ref * PAGE +
           ptr->foreign.offset;
}

int xengnttab_grant_copy(xengnttab_handle *grants, uint32_t count,
                         xengnttab_grant_copy_segment_t *segs)
{
    xengnttab_grant_copy_segment_t *seg;
    char *from, *to;

    for (seg = segs; seg < segs + count; seg++) {
        from = copy_end(grants, seg->flags & GNTCOPY_source_gref, &seg->source,
                        seg->len);
        to = copy_end(grants, seg->flags & GNTCOPY_dest_gref, &seg->dest,
                      seg->len);
        seg->status = from && to ? GNTST_okay : GNTST_bad_gntref;
        if (from && to) memcpy(to, from, seg->len);
    }
    return 0;
}

/* ---- event channels: one port per handle, as QEMU uses them ---- */

struct xenevtchn_handle {
    int fd;                     /* QEMU polls this number from the start */
    int peer;
    evtchn_port_t port;
};

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger,
                                 unsigned int flags)
{
    struct xenevtchn_handle *events;

    events = new_handle(sizeof(*events));
    if (!events) return NULL;
    events->peer = -1;
    events->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (events->fd < 0) {
        free(events);
        return NULL;
    }
    return events;
}

int xenevtchn_close(xenevtchn_handle *events)
{
    if (!events) return 0;
    close(events->fd);
    if (events->peer >= 0) close(events->peer);
    free(events);
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *events)
{
    return events->fd;
}

xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *events, uint32_t domid,
                           evtchn_port_t remote_port)
{
    char name[64];
    int fd;

    snprintf(name, sizeof(name), "evtchn.%u.backend", remote_port);
    fd = rig_open(name);
    if (fd < 0) return -1;
    if (dup3(fd, events->fd, O_CLOEXEC) < 0) {
        close(fd);
        return -1;
    }
    close(fd);
    snprintf(name, sizeof(name), "evtchn.%u.frontend", remote_port);
    events->peer = rig_open(name);
    if (events->peer < 0) return -1;
    events->port = remote_port;
    return (xenevtchn_port_or_error_t)remote_port;
}

int xenevtchn_unbind(xenevtchn_handle *events, evtchn_port_t port)
{
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *events, evtchn_port_t port)
{
    /* A full FIFO has an event in it already. */
    return write(events->peer, "", 1) == 1 || errno == EAGAIN ? 0 : -1;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *events)
{
    char drained[256];
    int any = 0;

    while (read(events->fd, drained, sizeof(drained)) > 0)
        any = 1;
    if (any) return (xenevtchn_port_or_error_t)events->port;
    errno = EAGAIN;
    return -1;
}

int xenevtchn_unmask(xenevtchn_handle *events, evtchn_port_t port)
{
    return 0;
}

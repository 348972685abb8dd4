/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>

#include "manage/clone_config.h"
#include "manage/internal.h"
#include "manage/note.h"

/* More would mean that who tells of them tells of all. */
#define MOST_TRIES 1000

/* ---- what cannot be had twice ---- */

static int refuse(struct manage_error *err, const char *what)
{
    return manage_fail(err, MANAGE_REFUSED, "the snapshot's configuration has"
                       " %s, which two domains cannot have at the same time;"
                       " clone a snapshot that was taken without it", what);
}

/* Of the kinds of QEMU's -serial, those that are nobody else's. */
static bool serial_is_private(const char *serial)
{
    static const char *const kinds[] = { "pty", "none", "null", "vc" };
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strncmp(serial, kinds[i], strlen(kinds[i]))) return true;
    return false;
}

static int check_hvm(const libxl_domain_config *config,
                     struct manage_error *err)
{
    libxl_string_list list = config->b_info.u.hvm.serial_list;
    const char *serial = config->b_info.u.hvm.serial;
    const libxl_defbool spice = config->b_info.u.hvm.spice.enable;

    if (!libxl_defbool_is_default(spice) && libxl_defbool_val(spice))
        return refuse(err, "a SPICE display at a fixed port");
    if (serial && !serial_is_private(serial))
        return refuse(err, "a serial port that is a file, a device or a"
                      " socket");
    for (; list && *list; list++)
        if (!serial_is_private(*list))
            return refuse(err, "a serial port that is a file, a device or a"
                          " socket");
    return 0;
}

static int check_channel(const libxl_device_channel *channel,
                         const char *clone, struct manage_error *err)
{
    const struct sockaddr_un *address = NULL;

    if (channel->connection != LIBXL_CHANNEL_CONNECTION_SOCKET ||
        !channel->u.socket.path)
        return 0;
    if (strlen(channel->u.socket.path) + 1 + strlen(clone) <
        sizeof(address->sun_path))
        return 0;
    return manage_fail(err, MANAGE_REFUSED, "the socket of the channel '%s'"
                       " would be %s.%s, which is too long for the path of a"
                       " socket: give the clone a shorter name",
                       channel->name ? channel->name : "",
                       channel->u.socket.path, clone);
}

int clone_config_check(const libxl_domain_config *config, const char *clone,
                       struct manage_error *err)
{
    int i, rc = 0;

    if (config->num_pcidevs) return refuse(err, "PCI devices of the host");
    if (config->num_usbdevs) return refuse(err, "USB devices of the host");
    if (config->num_dtdevs) return refuse(err, "devices of the host");
    if (config->num_vtpms) return refuse(err, "a virtual TPM");
    if (config->c_info.type == LIBXL_DOMAIN_TYPE_HVM)
        rc = check_hvm(config, err);
    for (i = 0; i < config->num_channels && !rc; i++)
        rc = check_channel(&config->channels[i], clone, err);
    return rc;
}

/* ---- what is new ---- */

static bool has_mac(const libxl_domain_config *config, int num,
                    const libxl_mac mac)
{
    int i;

    for (i = 0; i < num; i++)
        if (!memcmp(config->nics[i].mac, mac, sizeof(libxl_mac))) return true;
    return false;
}

/* Xen's own range; its second half is left to those who assign by hand, as xl
 * does. */
static int choose_mac(libxl_mac mac, struct manage_error *err)
{
    unsigned char random[3];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return manage_fail(err, MANAGE_FAILED, "the system gives no random"
                           " bytes for a MAC address");
    mac[0] = 0x00;
    mac[1] = 0x16;
    mac[2] = 0x3e;
    mac[3] = random[0] & 0x7f;
    mac[4] = random[1];
    mac[5] = random[2];
    return 0;
}

static int renew_nic(libxl_domain_config *config, int at,
                     clone_mac_taken *taken, void *user, char **note,
                     struct manage_error *err)
{
    libxl_device_nic *nic = &config->nics[at];
    libxl_mac mac = { 0 };
    int tries, rc;

    free(nic->ifname);
    nic->ifname = NULL;
    if (nic->ip)
        note_add(note, "vif %d still has the IP address %s, as the original"
                 " has", at, nic->ip);
    for (tries = 0; tries < MOST_TRIES; tries++) {
        rc = choose_mac(mac, err);
        if (rc) return rc;
        if (has_mac(config, config->num_nics, mac) || taken(user, mac))
            continue;
        memcpy(nic->mac, mac, sizeof(mac));
        return 0;
    }
    return manage_fail(err, MANAGE_FAILED, "no free MAC address was found");
}

/* Where it is told to look for one that is free, it is as good as before. */
static void renew_vnc(libxl_vnc_info *vnc, char **note)
{
    if (libxl_defbool_is_default(vnc->enable) ||
        !libxl_defbool_val(vnc->enable))
        return;
    if (vnc->display)
        note_add(note, "its VNC display is the first that is free, not %d;"
                 " 'xl vncviewer' finds it", vnc->display);
    vnc->display = 0;
    libxl_defbool_set(&vnc->findunused, true);
}

static int renew_channel(libxl_device_channel *channel, const char *clone,
                         char **note, struct manage_error *err)
{
    char *path;

    if (channel->connection != LIBXL_CHANNEL_CONNECTION_SOCKET ||
        !channel->u.socket.path)
        return 0;
    if (asprintf(&path, "%s.%s", channel->u.socket.path, clone) < 0)
        return manage_fail_nomem(err);
    free(channel->u.socket.path);
    channel->u.socket.path = path;
    note_add(note, "the socket of its channel '%s' is %s", channel->name
             ? channel->name : "", path);
    return 0;
}

static int renew_names(libxl_domain_config *config, const char *clone,
                       const libxl_uuid *uuid, struct manage_error *err)
{
    char *name = strdup(clone);

    if (!name) return manage_fail_nomem(err);
    free(config->c_info.name);
    config->c_info.name = name;
    config->c_info.uuid = *uuid;
    return 0;
}

int clone_config_renew(libxl_domain_config *config, const char *clone,
                       const libxl_uuid *uuid, clone_mac_taken *taken,
                       void *user, char **note, struct manage_error *err)
{
    int i, rc;

    rc = renew_names(config, clone, uuid, err);
    for (i = 0; i < config->num_nics && !rc; i++)
        rc = renew_nic(config, i, taken, user, note, err);
    for (i = 0; i < config->num_channels && !rc; i++)
        rc = renew_channel(&config->channels[i], clone, note, err);
    if (rc) return rc;
    if (config->c_info.type == LIBXL_DOMAIN_TYPE_HVM)
        renew_vnc(&config->b_info.u.hvm.vnc, note);
    for (i = 0; i < config->num_vfbs; i++)
        renew_vnc(&config->vfbs[i].vnc, note);
    for (i = 0; i < config->num_p9s; i++)
        note_add(note, "it shares the folder %s with the original",
                 config->p9s[i].path ? config->p9s[i].path : "");
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a configuration a clone gets anew, and what it cannot have. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/clone_config.h"
#include "tests/qmp/cmocka_all.h"

static const libxl_mac old_mac = { 0x00, 0x16, 0x3e, 1, 2, 3 };

static int setup(void **state)
{
    libxl_domain_config *config = calloc(1, sizeof(*config));

    libxl_domain_config_init(config);
    config->c_info.name = strdup("g");
    libxl_uuid_generate(&config->c_info.uuid);
    *state = config;
    return 0;
}

static int teardown(void **state)
{
    libxl_domain_config_dispose(*state);
    free(*state);
    return 0;
}

static void hvm(libxl_domain_config *config)
{
    config->c_info.type = LIBXL_DOMAIN_TYPE_HVM;
    libxl_domain_build_info_init_type(&config->b_info, LIBXL_DOMAIN_TYPE_HVM);
}

static libxl_device_channel *add_channel(libxl_domain_config *config,
                                         const char *path)
{
    libxl_device_channel *channel = calloc(1, sizeof(*channel));

    config->channels = channel;
    config->num_channels = 1;
    libxl_device_channel_init(channel);
    libxl_device_channel_init_connection(channel,
                                         LIBXL_CHANNEL_CONNECTION_SOCKET);
    channel->name = strdup("org.qemu.guest_agent.0");
    channel->u.socket.path = strdup(path);
    return channel;
}

static void allowed(const libxl_domain_config *config)
{
    struct manage_error err = { MANAGE_OK, "" };

    if (clone_config_check(config, "twin", &err)) fail_msg("%s", err.text);
}

static void refused(const libxl_domain_config *config, const char *words)
{
    struct manage_error err = { MANAGE_OK, "" };

    assert_int_not_equal(0, clone_config_check(config, "twin", &err));
    assert_int_equal(MANAGE_REFUSED, err.outcome);
    if (!strstr(err.text, words) || strchr(err.text, '\n'))
        fail_msg("not \"%s\": %s", words, err.text);
}

/* ---- */

static void passed_through(void **state)
{
    libxl_domain_config *config = *state;

    allowed(config);
    config->num_pcidevs = 1;
    refused(config, "PCI devices");
    config->num_pcidevs = 0;
    config->num_usbdevs = 1;
    refused(config, "USB devices");
    config->num_usbdevs = 0;
    config->num_dtdevs = 1;
    refused(config, "devices of the host");
    config->num_dtdevs = 0;
    config->num_vtpms = 1;
    refused(config, "a virtual TPM");
    config->num_vtpms = 0;
}

static void fixed_places(void **state)
{
    libxl_domain_config *config = *state;
    char *serial;

    hvm(config);
    allowed(config);
    libxl_defbool_set(&config->b_info.u.hvm.spice.enable, true);
    refused(config, "SPICE");
    libxl_defbool_set(&config->b_info.u.hvm.spice.enable, false);
    serial = config->b_info.u.hvm.serial = strdup("pty");
    allowed(config);
    strcpy(serial, "tcp");
    refused(config, "a serial port");
    strcpy(serial, "vc");
    config->b_info.u.hvm.serial_list = calloc(3, sizeof(char *));
    config->b_info.u.hvm.serial_list[0] = strdup("null");
    allowed(config);
    config->b_info.u.hvm.serial_list[1] = strdup("unix:/run/s,server");
    refused(config, "a serial port");
}

static void long_socket(void **state)
{
    libxl_domain_config *config = *state;
    char path[108];

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[103] = '\0';           /* with ".twin" 108 */
    add_channel(config, path);
    refused(config, "too long");
    config->channels->u.socket.path[102] = '\0';
    allowed(config);
}

/* The first that is asked for is somebody's. */
static bool first_is_taken(void *user, const libxl_mac mac)
{
    int *asked = user;

    assert_int_equal(0, memcmp(mac, "\x00\x16\x3e", 3));
    assert_true(mac[3] < 0x80);
    return !(*asked)++;
}

static void names(void **state)
{
    libxl_domain_config *config = *state;
    struct manage_error err = { MANAGE_OK, "" };
    libxl_uuid uuid;
    char *note = NULL;
    int asked = 0, i;

    libxl_uuid_generate(&uuid);
    config->nics = calloc(2, sizeof(*config->nics));
    config->num_nics = 2;
    for (i = 0; i < 2; i++) {
        libxl_device_nic_init(&config->nics[i]);
        memcpy(config->nics[i].mac, old_mac, sizeof(old_mac));
        config->nics[i].ifname = strdup("web1");
    }
    config->nics[1].ip = strdup("10.0.0.1");
    add_channel(config, "/run/agent");
    assert_int_equal(0, clone_config_renew(config, "twin", &uuid,
                                           first_is_taken, &asked, &note,
                                           &err));
    assert_string_equal("twin", config->c_info.name);
    assert_int_equal(0, libxl_uuid_compare(&uuid, &config->c_info.uuid));
    assert_int_equal(3, asked);
    for (i = 0; i < 2; i++) {
        assert_null(config->nics[i].ifname);
        assert_memory_not_equal(config->nics[i].mac, old_mac, sizeof(old_mac));
    }
    assert_memory_not_equal(config->nics[0].mac, config->nics[1].mac,
                            sizeof(old_mac));
    assert_string_equal("/run/agent.twin", config->channels->u.socket.path);
    assert_non_null(strstr(note, "vif 1 still has the IP address 10.0.0.1"));
    assert_non_null(strstr(note, "/run/agent.twin"));
    free(note);
}

static bool all_are_taken(void *user, const libxl_mac mac)
{
    return true;
}

static void no_mac(void **state)
{
    libxl_domain_config *config = *state;
    struct manage_error err = { MANAGE_OK, "" };
    libxl_uuid uuid;
    char *note = NULL;

    libxl_uuid_generate(&uuid);
    config->nics = calloc(1, sizeof(*config->nics));
    config->num_nics = 1;
    libxl_device_nic_init(config->nics);
    assert_int_not_equal(0, clone_config_renew(config, "twin", &uuid,
                                               all_are_taken, NULL, &note,
                                               &err));
    assert_non_null(strstr(err.text, "MAC address"));
    free(note);
}

static void vnc(void **state)
{
    libxl_domain_config *config = *state;
    struct manage_error err = { MANAGE_OK, "" };
    libxl_vnc_info *display;
    libxl_uuid uuid;
    char *note = NULL;

    libxl_uuid_generate(&uuid);
    hvm(config);
    display = &config->b_info.u.hvm.vnc;
    libxl_defbool_set(&display->enable, true);
    libxl_defbool_set(&display->findunused, false);
    display->display = 5;
    assert_int_equal(0, clone_config_renew(config, "twin", &uuid,
                                           all_are_taken, NULL, &note, &err));
    assert_int_equal(0, display->display);
    assert_true(libxl_defbool_val(display->findunused));
    assert_non_null(strstr(note, "not 5"));
    free(note);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(passed_through), T(fixed_places), T(long_socket), T(names),
        T(no_mac), T(vnc),
    };

    return cmocka_run_group_tests_name("clone-config", tests, NULL, NULL);
}

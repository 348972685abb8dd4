/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's side of xenstore: it publishes its state and takes orders. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"

#define PUBLISH_MS  100

struct message {
    uint32_t type, request, transaction, length;
};

enum { XS_READ = 2, XS_WRITE = 11, XS_ERROR = 16, XS_RM = 13 };

static bool transfer(int fd, void *buffer, size_t size)
{
    unsigned char *p = buffer;

    while (size) {
        ssize_t n = read(fd, p, size);

        if (n <= 0)
            return false;
        p += n;
        size -= n;
    }
    return true;
}

/* One request; the reply's text goes to reply (at least 256 bytes). Returns
 * false on an error reply or a broken device. */
static bool xenstore(int fd, uint32_t type, const char *payload, size_t length,
                     char *reply)
{
    char buffer[sizeof(struct message) + 1024];
    struct message m = { .type = type, .length = length };

    memcpy(buffer, &m, sizeof(m));
    memcpy(buffer + sizeof(m), payload, length);
    if (write(fd, buffer, sizeof(m) + length) != (ssize_t)(sizeof(m) + length))
        return false;
    if (!transfer(fd, &m, sizeof(m)) || m.length > 255 ||
        !transfer(fd, reply, m.length))
        return false;
    reply[m.length] = 0;
    return m.type != XS_ERROR;
}

static unsigned long long clock_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void publish(int fd)
{
    static const char key[] = "data/lab/state";
    char payload[1024], reply[256], why[128];
    size_t n = sizeof(key);
    unsigned bad;

    memcpy(payload, key, n);
    bad = complaints(why, sizeof(why));
    n += snprintf(payload + n, sizeof(payload) - n,
                  "boot=%016llx count=%llu bad=%u why=%s verified=%llu "
                  "churned=%llu maxgap=%u files=%llu realtime=%llu "
                  "monotonic=%llu boottime=%llu found=", boot_id,
                  (unsigned long long)count, bad, why,
                  (unsigned long long)verified, (unsigned long long)churned,
                  max_gap_ms, (unsigned long long)files,
                  clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_MONOTONIC),
                  clock_ms(CLOCK_BOOTTIME));
    for (unsigned i = 0; i < opt.disks; i++)
        n += snprintf(payload + n, sizeof(payload) - n, "%s%llu",
                      i ? "," : "", found_on(i));
    xenstore(fd, XS_WRITE, payload, n, reply);
}

/* Not by system(): main waits for every child. */
static void agent(const char *action)
{
    if (!vfork()) {
        execl("/bin/agent", "agent", action, (char *)NULL);
        _exit(127);
    }
}

/* "SECONDS": the wall clock forwards, or with a "-" backwards. */
static void move_clock(const char *text)
{
    struct timespec t;
    long long seconds;

    if (sscanf(text, "%lld", &seconds) != 1 ||
        clock_gettime(CLOCK_REALTIME, &t)) {
        complain("command:clock");
        return;
    }
    t.tv_sec += seconds;
    if (clock_settime(CLOCK_REALTIME, &t))
        complain("command:clock-not-set");
}

static void obey(int fd)
{
    static const char key[] = "data/lab/command";
    char command[256], reply[256];

    if (!xenstore(fd, XS_READ, key, sizeof(key), command))
        return;
    xenstore(fd, XS_RM, key, sizeof(key), reply);
    printf("lab: command: %s\n", command);
    if (!strcmp(command, "poweroff")) {
        reboot(RB_POWER_OFF);
    } else if (!strcmp(command, "reboot")) {
        reboot(RB_AUTOBOOT);
    } else if (!strcmp(command, "crash")) {
        int trigger = open("/proc/sysrq-trigger", O_WRONLY);

        if (trigger < 0 || write(trigger, "c", 1) != 1)
            complain("command:crash");
    } else if (!strcmp(command, "resetgap")) {
        max_gap_ms = 0;
        gaps_wanted = true;
    } else if (!strncmp(command, "clock:", 6)) {
        move_clock(command + 6);
    } else if (!strncmp(command, "agent-", 6)) {
        agent(command + 6);
    } else {
        complain("command:unknown");
    }
}

void *publishing(void *unused)
{
    int fd = open("/dev/xen/xenbus", O_RDWR);

    if (fd < 0) {
        perror("lab: /dev/xen/xenbus");
        return unused;
    }
    for (unsigned n = 0; ; n++) {
        publish(fd);
        if (n % 2)
            obey(fd);
        sleep_ms(opt.idle ? 500 : PUBLISH_MS);
    }
    return unused;
}

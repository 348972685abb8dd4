/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * labguest, as scenarios call it: hands its arguments, folder, environment and
 * standard descriptors to the server (labguest.py), which does what they ask, and
 * ends with the status that it is told. An interpreter that starts for each call
 * takes half a second of an emulated processor, and there are a thousand calls.
 *
 * One message each way, on a sequenced-packet socket: the folder, the number of
 * arguments, these, and the environment, all of them strings with their NULs;
 * back, one byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVER "/run/labguest"

extern char **environ;

static char message[128 * 1024];
static size_t length;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void add(const char *string)
{
    size_t size = strlen(string) + 1;

    if (size > sizeof(message) - length) {
        fprintf(stderr, "labguest: too many or too long arguments\n");
        exit(1);
    }
    memcpy(message + length, string, size);
    length += size;
}

static void compose(int argc, char **argv)
{
    char number[16], *folder = getcwd(NULL, 0);

    if (!folder)
        fail("labguest: the current folder");
    add(folder);
    snprintf(number, sizeof(number), "%d", argc - 1);
    add(number);
    for (int i = 1; i < argc; i++)
        add(argv[i]);
    for (char **e = environ; *e; e++)
        add(*e);
    free(folder);
}

static int connect_server(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = SERVER };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)))
        fail("labguest: " SERVER);
    return fd;
}

static void ask(int fd)
{
    static const int standard[] = { 0, 1, 2 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(standard))];
    } control = { 0 };
    struct iovec data = { message, length };
    struct msghdr m = {
        .msg_iov = &data, .msg_iovlen = 1,
        .msg_control = control.space, .msg_controllen = sizeof(control.space),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(standard));
    memcpy(CMSG_DATA(c), standard, sizeof(standard));
    if (sendmsg(fd, &m, 0) < 0)
        fail("labguest: handing over");
}

int main(int argc, char **argv)
{
    unsigned char status;
    int fd;

    compose(argc, argv);
    fd = connect_server();
    ask(fd);
    if (read(fd, &status, 1) != 1) {
        fprintf(stderr, "labguest: the server gave no answer\n");
        return 1;
    }
    return status;
}

#include "common/io/net_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int bind_to(const struct addrinfo *a, int backlog, int *ret_fd)
{
    int one = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = 0;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Connections inherit it: an answer goes out in one piece and waits for nothing. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, backlog) != 0)
        r = -errno;
    if (r != 0)
        (void)close(fd);
    else
        *ret_fd = fd;
    return r;
}

int net_listen(const char *host, uint16_t port, int backlog, int *ret_fd)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found;
    char service[8];
    int r;

    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EINVAL;
    r = bind_to(found, backlog, ret_fd);
    freeaddrinfo(found);
    return r;
}

uint16_t net_port(int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    char service[8];

    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0 ||
        getnameinfo((struct sockaddr *)&a, n, NULL, 0, service, sizeof service, NI_NUMERICSERV) != 0)
        return 0;
    return (uint16_t)strtoul(service, NULL, 10);
}

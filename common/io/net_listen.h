/* A listening TCP socket. */
#pragma once

#include <stdint.h>

/* @host: an address or a name; "" or "::" and the like as getaddrinfo() takes them. Port 0 asks the kernel for
 * a free one. Returns 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (host). */
int net_listen(const char *host, uint16_t port, int backlog, int *ret_fd);
/* The port of a socket; 0: it has none. */
uint16_t net_port(int fd);

/*
 * URLs and addresses: taken apart, checked, shown. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* Addresses of nng, with commas between them: tcp:// or tls+tcp:// with a host and a port, or ipc:// or abstract:// and
 * something. */
bool url_is_bus(const char *s);
#define URL_BUS_MAX 512
/* The addresses of such a list, one after the other; *at begins as the list. False: there is no more. A longer one is cut. */
bool url_bus_next(const char **at, char ret[URL_BUS_MAX]);

/* "http://host:8000/path?x#y" -> parts; absent parts are STR_NULL, port 0 when not given. -EINVAL unless
 * the scheme is http or https and a host is there. Parts point into @url. */
struct url {
    bool https;
    struct str user, password, host, path, query; /* path includes the leading '/', or is STR_NULL */
    uint16_t port;
};
int url_parse(const char *url, struct url *ret);

/* "127.0.0.1:8000", "[::1]:8000", ":8000" (all addresses), "8000" (loopback) -> host (n bytes at least 64)
 * and port. Port 0 asks the kernel for a free one. */
int url_parse_listen(const char *s, char *ret_host, size_t n, uint16_t *ret_port);

/*
 * The parts of a URL that may be shown: scheme, host and port; a path of more than one byte as "/…", because
 * services such as Slack keep their secret there. Never user, password, query or fragment. "" of a text that
 * is no URL. Writes at most @n bytes with a NUL and returns @ret.
 */
char *url_display(const char *url, char *ret, size_t n);

/*
 * The shares of an HTTP server's memory: bytes by their use, over all peers and for each address, and
 * the connections of each address. An address is an IPv4 address or an IPv6 network of 64 bits (one host has
 * all of it). One peer alone never gets everything.
 */
#pragma once

#include <stdint.h>

struct sockaddr;
struct http_quota;
struct http_peer; /* one address with at least one connection */

enum http_use {
    HTTP_USE_HEADERS,    /* headers that are not complete, and requests that wait behind another */
    HTTP_USE_UNVERIFIED, /* bodies whose signature can only be checked when they are complete */
    HTTP_USE_BODIES,     /* bodies of requests whose sender is known */
    HTTP_USES
};

struct http_quota_limits {
    int connections_peer_max; /* 0: no limit, also below */
    struct {
        int64_t all_max, peer_max; /* bytes */
    } use[HTTP_USES];
};

enum http_quota_answer {
    HTTP_QUOTA_PEER = 1, /* this address has its part */
    HTTP_QUOTA_ALL = 2,  /* there is no more for anybody */
};

/* Returns 0 or -ENOMEM. */
int http_quota_open(const struct http_quota_limits *limits, struct http_quota **ret);
void http_quota_close(struct http_quota *q); /* all peers have left; NULL is nothing */

/* A connection from @a, which may be of any family. Returns 0, HTTP_QUOTA_PEER (it has too many), -ENOMEM. */
int http_quota_join(struct http_quota *q, const struct sockaddr *a, struct http_peer **ret);
/* The connection is over; its bytes were given back. */
void http_quota_leave(struct http_quota *q, struct http_peer *p);

/* Returns 0, HTTP_QUOTA_PEER or HTTP_QUOTA_ALL; nothing is taken then. */
int http_quota_take(struct http_quota *q, struct http_peer *p, enum http_use use, int64_t bytes);
void http_quota_give(struct http_quota *q, struct http_peer *p, enum http_use use, int64_t bytes);
int64_t http_quota_used(const struct http_quota *q, enum http_use use);

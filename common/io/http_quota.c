#include "common/io/http_quota.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/list.h"
#include "common/base/mem.h"

/* Most servers have a handful of peers; with 16,384 connections of as many addresses a chain has 16. */
#define CHAINS 1024

struct http_peer {
    struct list in_chain;
    uint8_t address[16];
    int connections;
    int64_t used[HTTP_USES];
};

struct http_quota {
    struct http_quota_limits limits;
    uint64_t seed; /* so that nobody can choose addresses of one chain */
    int64_t used[HTTP_USES];
    struct list chains[CHAINS];
};

int http_quota_open(const struct http_quota_limits *limits, struct http_quota **ret)
{
    struct http_quota *q = mem_zalloc(sizeof *q);

    if (!q)
        return -ENOMEM;
    q->limits = *limits;
    if (getrandom(&q->seed, sizeof q->seed, GRND_NONBLOCK) < 0)
        q->seed = (uintptr_t)q;
    for (int i = 0; i < CHAINS; i++)
        list_init(&q->chains[i]);
    *ret = q;
    return 0;
}

void http_quota_close(struct http_quota *q)
{
    mem_free(q);
}

/* Sixteen bytes by which an address is known; all zero for other families. */
static void read_address(const struct sockaddr *a, uint8_t ret[16])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    memset(ret, 0, 16);
    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        ret[10] = ret[11] = 0xff;
        memcpy(ret + 12, &v4.sin_addr, 4);
    } else if (a->sa_family == AF_INET6) {
        memcpy(&v6, a, sizeof v6);
        memcpy(ret, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
    }
}

static struct list *chain_of(struct http_quota *q, const uint8_t address[16])
{
    uint64_t word[2];

    memcpy(word, address, sizeof word);
    word[0] = (word[0] ^ q->seed) * UINT64_C(0x9e3779b97f4a7c15);
    word[0] = (word[0] ^ (word[0] >> 29) ^ word[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    return &q->chains[(word[0] >> 32) % CHAINS];
}

int http_quota_join(struct http_quota *q, const struct sockaddr *a, struct http_peer **ret)
{
    struct http_peer *p = NULL;
    struct list *chain;
    uint8_t address[16];

    read_address(a, address);
    chain = chain_of(q, address);
    LIST_FOR(it, chain)
    {
        struct http_peer *known = container_of(it, struct http_peer, in_chain);

        if (memcmp(known->address, address, sizeof address) == 0)
            p = known;
    }
    if (p && q->limits.connections_peer_max > 0 && p->connections >= q->limits.connections_peer_max)
        return HTTP_QUOTA_PEER;
    if (!p) {
        p = mem_zalloc(sizeof *p);
        if (!p)
            return -ENOMEM;
        memcpy(p->address, address, sizeof address);
        list_append(chain, &p->in_chain);
    }
    p->connections++;
    *ret = p;
    return 0;
}

void http_quota_leave(struct http_quota *q, struct http_peer *p)
{
    if (--p->connections > 0)
        return;
    list_remove(&p->in_chain);
    mem_free(p);
}

int http_quota_take(struct http_quota *q, struct http_peer *p, enum http_use use, int64_t bytes)
{
    int64_t all_max = q->limits.use[use].all_max;
    int64_t peer_max = q->limits.use[use].peer_max;

    if (peer_max > 0 && p->used[use] + bytes > peer_max)
        return HTTP_QUOTA_PEER;
    if (all_max > 0 && q->used[use] + bytes > all_max)
        return HTTP_QUOTA_ALL;
    p->used[use] += bytes;
    q->used[use] += bytes;
    return 0;
}

void http_quota_give(struct http_quota *q, struct http_peer *p, enum http_use use, int64_t bytes)
{
    p->used[use] -= bytes;
    q->used[use] -= bytes;
}

int64_t http_quota_used(const struct http_quota *q, enum http_use use)
{
    return q->used[use];
}

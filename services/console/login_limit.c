#include "services/console/login_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static bool is_over(const struct login_limit_peer *p, int64_t now_ms)
{
    return now_ms - p->since_ms >= LOGIN_LIMIT_WINDOW_MS;
}

/* The part of an address by which it is counted. */
static void key_of(const char *address, char ret[LOGIN_LIMIT_ADDRESS_MAX])
{
    struct in6_addr v6;

    str_copy(str_from(address), ret, LOGIN_LIMIT_ADDRESS_MAX);
    if (inet_pton(AF_INET6, address, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6))
        return;
    memset(&v6.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &v6, ret, LOGIN_LIMIT_ADDRESS_MAX);
}

static const struct login_limit_peer *find(const struct login_limit *l, const char *address)
{
    char key[LOGIN_LIMIT_ADDRESS_MAX];

    key_of(address, key);
    for (int i = 0; i < l->n; i++) {
        if (strcmp(l->peer[i].address, key) == 0)
            return &l->peer[i];
    }
    return NULL;
}

static int64_t wait_of(const struct login_limit_peer *p, int max, int64_t now_ms)
{
    return p && p->failures >= max && !is_over(p, now_ms) ? p->since_ms + LOGIN_LIMIT_WINDOW_MS - now_ms : 0;
}

int64_t login_limit_wait_ms(const struct login_limit *l, const char *address, int64_t now_ms)
{
    const struct login_limit_peer *p = find(l, address);
    int64_t own = wait_of(p, LOGIN_LIMIT_PEER, now_ms);
    int64_t all = p && p->known ? 0 : wait_of(&l->all, LOGIN_LIMIT_ALL, now_ms);

    return own > all ? own : all;
}

static struct login_limit_peer *place_for(struct login_limit *l, const char *address)
{
    struct login_limit_peer *p = (struct login_limit_peer *)find(l, address);

    if (p)
        return p;
    p = &l->peer[0];
    if (l->n < LOGIN_LIMIT_PEERS)
        p = &l->peer[l->n++];
    else
        for (int i = 1; i < l->n; i++) /* those who are known stay */
            p = l->peer[i].known < p->known ||
                        (l->peer[i].known == p->known && l->peer[i].since_ms < p->since_ms)
                    ? &l->peer[i]
                    : p;
    *p = (struct login_limit_peer){ 0 };
    key_of(address, p->address);
    return p;
}

static void count(struct login_limit_peer *p, int64_t now_ms)
{
    if (p->failures == 0 || is_over(p, now_ms)) {
        p->failures = 0;
        p->since_ms = now_ms;
    }
    p->failures++;
}

void login_limit_failed(struct login_limit *l, const char *address, int64_t now_ms)
{
    count(place_for(l, address), now_ms);
    count(&l->all, now_ms);
}

void login_limit_succeeded(struct login_limit *l, const char *address, int64_t now_ms)
{
    struct login_limit_peer *p = place_for(l, address);

    p->failures = 0;
    p->since_ms = now_ms;
    p->known = true;
}

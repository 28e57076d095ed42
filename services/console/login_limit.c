#include "services/console/login_limit.h"

#include <stddef.h>
#include <string.h>

static bool is_over(const struct login_limit_peer *p, int64_t now_ms)
{
    return now_ms - p->since_ms >= LOGIN_LIMIT_WINDOW_MS;
}

static const struct login_limit_peer *find(const struct login_limit *l, const char *address)
{
    for (int i = 0; i < l->n; i++) {
        if (strcmp(l->peer[i].address, address) == 0)
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
    int64_t own = wait_of(find(l, address), LOGIN_LIMIT_PEER, now_ms);
    int64_t all = wait_of(&l->all, LOGIN_LIMIT_ALL, now_ms);

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
        for (int i = 1; i < l->n; i++)
            p = l->peer[i].since_ms < p->since_ms ? &l->peer[i] : p;
    *p = (struct login_limit_peer){ 0 };
    str_copy(str_from(address), p->address, sizeof p->address);
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

void login_limit_succeeded(struct login_limit *l, const char *address)
{
    struct login_limit_peer *p = (struct login_limit_peer *)find(l, address);

    if (p)
        p->failures = 0;
}

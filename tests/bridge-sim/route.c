/*
 * One call, when all goes well:
 *   route_came     notes a call that asks for a reconnection, before a fault can happen to it
 *   route_serve    finds the route and the session, checks the key; begin() says how long it takes
 *   serve_late     after that time: the session is looked for again, it may be gone
 */
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

/* "%41" becomes "A"; anything else stays. */
static void decode(struct str part, char *ret, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < part.n && at + 1 < n; i++) {
        const char *high = NULL, *low = NULL;

        if (part.p[i] == '%' && i + 2 < part.n) {
            high = strchr(digits, part.p[i + 1] | 0x20);
            low = strchr(digits, part.p[i + 2] | 0x20);
        }
        ret[at++] = high && low ? (char)((high - digits) * 16 + (low - digits)) : part.p[i];
        i += high && low ? 2 : 0;
    }
    ret[at] = '\0';
}

/* Does the path match? @ret_id: the part at the '*', "" without one. */
static bool matches(const char *pattern, struct str path, char *ret_id, size_t n)
{
    const char *p = path.p;

    ret_id[0] = '\0';
    for (; *pattern; pattern++) {
        size_t part = strcspn(p, "/");

        if (*pattern != '*' && *pattern != '+') {
            if (*p++ != *pattern)
                return false;
            continue;
        }
        if (part == 0)
            return false;
        if (*pattern == '*')
            decode((struct str){ p, part }, ret_id, n);
        p += part;
    }
    return *p == '\0';
}

static const struct sim_route *find_route(const struct sim *s, struct http_req *r, char *ret_id, size_t n)
{
    for (int i = 0; i < s->dialect->n_routes; i++) {
        const struct sim_route *route = &s->dialect->routes[i];

        if (str_eq(http_req_method(r), route->method) && matches(route->path, http_req_path(r), ret_id, n))
            return route;
    }
    ret_id[0] = '\0';
    return NULL;
}

static struct sim_session *find_session(struct sim *s, const char *id)
{
    struct sim_session *x = NULL;

    if (id[0])
        x = s->dialect->find ? s->dialect->find(s, str_from(id)) : session_find(s, str_from(id));
    return x && !x->unlisted ? x : NULL;
}

void route_came(struct sim *s, struct http_req *r)
{
    char id[128];
    const struct sim_route *route = find_route(s, r, id, sizeof id);
    const struct sim_session *x = find_session(s, id);

    if (route && route->reconnects)
        call_came(s, r, str_from(x ? x->id : id));
}

static void serve_late(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;
    char id[128];
    const struct sim_route *route = find_route(s, r, id, sizeof id);
    struct sim_session *x = find_session(s, id);

    if (!x && id[0] && !route->any_session)
        s->dialect->no_session(s, r, str_from(id));
    else
        route->serve(s, r, x);
}

void route_serve(struct sim *s, struct http_req *r)
{
    const struct sim_dialect *d = s->dialect;
    char id[128];
    const struct sim_route *route = find_route(s, r, id, sizeof id);
    struct sim_session *x = find_session(s, id);
    bool is_unknown = route && !x && id[0] && !route->any_session;
    int64_t ms;

    if ((!is_unknown || !d->no_session_first) && !d->allows(s, r, route, x))
        return;
    if (!route || is_unknown) {
        if (route)
            d->no_session(s, r, str_from(id));
        else
            d->no_route(s, r);
        return;
    }
    ms = route->begin ? route->begin(s, r, x) : route->takes_ms;
    ms = ms * s->settings.pace / 100;
    if (ms <= 0 || !fault_holds(s->fault, r, ms, serve_late, s))
        serve_late(s, r);
}

#include "services/console/guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/url.h"

static int copy(struct str s, char *ret, size_t n)
{
    if (s.n >= n)
        return -EINVAL;
    str_copy(s, ret, n);
    return 0;
}

int guard_read_url(const char *url, struct guard_url *ret)
{
    struct guard_url g = { 0 };
    struct url u;
    int r = 0;

    if (*url) {
        r = url_parse(url, &u);
        if (r == 0 && (u.user.p || u.query.p))
            r = -EINVAL;
        if (r == 0)
            r = copy(u.host, g.host, sizeof g.host);
        while (r == 0 && u.path.n > 0 && u.path.p[u.path.n - 1] == '/')
            u.path.n--;
        if (r == 0)
            r = copy(u.path, g.base, sizeof g.base);
        if (r != 0)
            return r;
        g.https = u.https;
        (void)snprintf(g.origin, sizeof g.origin, u.port ? "%s://%s:%u" : "%s://%s",
                       u.https ? "https" : "http", g.host, (unsigned)u.port);
    }
    *ret = g;
    return 0;
}

const char *guard_message(enum guard_verdict v)
{
    switch (v) {
    case GUARD_ORIGIN:
        return "the Origin of the request is not this console; behind a proxy set ZAPKEEP_CONSOLE_URL to the "
               "address in the "
               "browser";
    case GUARD_SITE:
        return "another site asks for this";
    case GUARD_CSRF:
        return "X-CSRF-Token is absent or wrong; GET /api/v1/me gives it";
    case GUARD_TYPE:
        return "the body must be application/json";
    default:
        return "";
    }
}

bool guard_is_same(struct str a, const char *b)
{
    size_t n = strlen(b);
    unsigned char differs = a.n != n;

    for (size_t i = 0; i < a.n && i < n; i++)
        differs |= (unsigned char)(a.p[i] ^ b[i]);
    return differs == 0;
}

/* "http://" and the Host that the browser used: nobody else can make it send that pair. */
static bool is_own_origin(struct str origin, struct str host)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);

        if (host.n > 0 && origin.n == n + host.n && strncasecmp(origin.p, schemes[i], n) == 0 &&
            strncasecmp(origin.p + n, host.p, host.n) == 0)
            return true;
    }
    return false;
}

static bool is_origin(const struct guard_url *url, const struct guard_request *r)
{
    if (!r->origin.p)
        return false;
    if (url->origin[0] && r->origin.n == strlen(url->origin) &&
        strncasecmp(r->origin.p, url->origin, r->origin.n) == 0)
        return true;
    return is_own_origin(r->origin, r->host);
}

enum guard_verdict guard_check(const struct guard_url *url, const char *csrf, const struct guard_request *r)
{
    if (r->sec_fetch_site.p && !str_eq(r->sec_fetch_site, "same-origin"))
        return GUARD_SITE;
    if (!is_origin(url, r))
        return GUARD_ORIGIN;
    if (r->has_body && !str_starts(r->content_type, "application/json"))
        return GUARD_TYPE;
    if (csrf && !guard_is_same(r->csrf, csrf))
        return GUARD_CSRF;
    return GUARD_FINE;
}

#include "common/io/http_host.h"

#include <string.h>
#include <strings.h>

static struct str without_port(struct str host)
{
    const char *colon = memrchr(host.p, ':', host.n);

    if (host.n && host.p[0] == '[') { /* [::1]:8000 */
        const char *end = memchr(host.p, ']', host.n);

        return end ? (struct str){ host.p, (size_t)(end - host.p) + 1 } : host;
    }
    return colon ? (struct str){ host.p, (size_t)(colon - host.p) } : host;
}

/* A final dot, which says that the name is whole, is the same name. */
static struct str without_dot(struct str host)
{
    return (struct str){ host.p, host.n && host.p[host.n - 1] == '.' ? host.n - 1 : host.n };
}

static bool is_v4(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
            return false;
    }
    return true;
}

static bool equals(struct str a, const char *p, size_t n)
{
    return a.n == n && n > 0 && strncasecmp(a.p, p, n) == 0;
}

static bool is_listed(struct str host, const char *list)
{
    while (list && *list) {
        size_t n = strcspn(list, ", \t");

        if (equals(host, list, n))
            return true;
        list += n + (list[n] != '\0');
    }
    return false;
}

bool http_host_is_ours(struct str host, const char *own, const char *more)
{
    static const char local[] = ".localhost";
    const size_t n = sizeof local - 1;

    if (!host.p)
        return true;
    host = without_dot(without_port(host));
    if (host.n && host.p[0] == '[')
        return host.p[host.n - 1] == ']';
    if (!memchr(host.p, '.', host.n) || is_v4(host))
        return true;
    if (host.n > n && strncasecmp(host.p + host.n - n, local, n) == 0)
        return true;
    return equals(host, own, strlen(own)) || is_listed(host, more);
}

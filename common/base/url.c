#include "common/base/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

static int parse_port(const char *p, size_t n, uint16_t *ret)
{
    char text[8];
    int64_t v;

    if (n == 0 || n >= sizeof text)
        return -EINVAL;
    memcpy(text, p, n);
    text[n] = '\0';
    if (text_to_i64(text, &v) != 0 || v < 0 || v > 65535)
        return -EINVAL;
    *ret = (uint16_t)v;
    return 0;
}

/* "host:port" or "[v6]:port" or a host alone. */
static int parse_host_port(const char *p, size_t n, struct str *ret_host, uint16_t *ret_port)
{
    const char *colon = memrchr(p, ':', n);
    const char *close = memchr(p, ']', n);

    if (close && colon && colon < close)
        colon = NULL;
    *ret_port = 0;
    *ret_host = (struct str){ p, colon ? (size_t)(colon - p) : n };
    if (ret_host->n >= 2 && p[0] == '[' && p[ret_host->n - 1] == ']')
        *ret_host = (struct str){ p + 1, ret_host->n - 2 };
    return colon ? parse_port(colon + 1, (size_t)(p + n - colon - 1), ret_port) : 0;
}

static bool is_one_bus(const char *s)
{
    static const char *const schemes[] = { "tcp://",  "tls+tcp://", "tcp4://",
                                           "tcp6://", "ipc://",     "abstract://" };
    const char *rest = NULL;
    struct str host;
    uint16_t port;

    for (size_t i = 0; i < ARRAY_LEN(schemes) && !rest; i++)
        rest = strncmp(s, schemes[i], strlen(schemes[i])) == 0 ? s + strlen(schemes[i]) : NULL;
    if (!rest || !*rest)
        return false;
    if (!memmem(s, (size_t)(rest - s), "tcp", 3))
        return true;
    return strchr(rest, ':') && parse_host_port(rest, strlen(rest), &host, &port) == 0 && host.n > 0;
}

bool url_bus_next(const char **at, char ret[URL_BUS_MAX])
{
    size_t n = strcspn(*at, ",");

    if (**at == '\0')
        return false;
    str_copy((struct str){ *at, n }, ret, URL_BUS_MAX);
    *at += n + ((*at)[n] == ',');
    return true;
}

bool url_is_bus(const char *s)
{
    char one[URL_BUS_MAX];
    size_t n = strlen(s);

    if (n == 0 || s[n - 1] == ',')
        return false;
    while (url_bus_next(&s, one)) {
        if (strlen(one) + 1 == sizeof one || !is_one_bus(one))
            return false;
    }
    return true;
}

int url_parse(const char *url, struct url *ret)
{
    struct url u = { 0 };
    const char *p = url;
    const char *at;
    size_t n;

    for (const char *c = url; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return -EINVAL;
    }
    if (strncasecmp(p, "https://", 8) == 0)
        u.https = true;
    else if (strncasecmp(p, "http://", 7) != 0)
        return -EINVAL;
    p += u.https ? 8 : 7;
    n = strcspn(p, "/?#");
    at = memrchr(p, '@', n);
    if (at) {
        const char *colon = memchr(p, ':', (size_t)(at - p));

        u.user = (struct str){ p, (size_t)((colon ? colon : at) - p) };
        if (colon)
            u.password = (struct str){ colon + 1, (size_t)(at - colon - 1) };
        n -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    if (parse_host_port(p, n, &u.host, &u.port) != 0 || u.host.n == 0)
        return -EINVAL;
    if (u.port == 0 && memchr(u.host.p + u.host.n, ':', (size_t)(p + n - u.host.p) - u.host.n))
        return -EINVAL; /* port 0 was written */
    p += n;
    if (*p == '/') {
        u.path = (struct str){ p, strcspn(p, "?#") };
        p += u.path.n;
    }
    if (*p == '?')
        u.query = (struct str){ p + 1, strcspn(p + 1, "#") };
    *ret = u;
    return 0;
}

int url_parse_listen(const char *s, char *ret_host, size_t n, uint16_t *ret_port)
{
    struct str host;
    uint16_t port;
    const char *name;

    if (s[0] != '\0' && s[strspn(s, "0123456789")] == '\0') {
        if (parse_port(s, strlen(s), &port) != 0)
            return -EINVAL;
        host = STR_LIT("127.0.0.1");
    } else if (!strchr(s, ':') || parse_host_port(s, strlen(s), &host, &port) != 0) {
        return -EINVAL;
    }
    name = host.n == 0 ? "0.0.0.0" : host.p;
    if ((host.n == 0 ? strlen(name) : host.n) >= n)
        return -EINVAL;
    (void)snprintf(ret_host, n, "%.*s", (int)(host.n == 0 ? strlen(name) : host.n), name);
    *ret_port = port;
    return 0;
}

char *url_display(const char *url, char *ret, size_t n)
{
    struct url u;
    char port[8] = "";
    bool v6;

    ret[0] = '\0';
    if (url_parse(url, &u) != 0)
        return ret;
    v6 = memchr(u.host.p, ':', u.host.n) != NULL;
    if (u.port != 0)
        (void)snprintf(port, sizeof port, ":%u", (unsigned)u.port);
    (void)snprintf(ret, n, "%s://%s%.*s%s%s%s", u.https ? "https" : "http", v6 ? "[" : "", (int)u.host.n,
                   u.host.p, v6 ? "]" : "", port, u.path.n > 1 ? "/…" : "");
    return ret;
}

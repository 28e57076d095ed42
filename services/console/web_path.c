#include "services/console/web_path.h"

#include <errno.h>
#include <string.h>

struct str web_path_below(struct str path, struct str base)
{
    if (path.n < base.n || (base.n > 0 && memcmp(path.p, base.p, base.n) != 0))
        return STR_NULL;
    path.p += base.n;
    path.n -= base.n;
    return path.n == 0 || path.p[0] == '/' ? path : STR_NULL;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int web_path_decode(struct str s, bool plus, char *ret, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];

        if (c == '%') {
            int high = i + 2 < s.n ? digit_of(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? digit_of(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -EINVAL;
            c = high << 4 | low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f || len + 1 >= n)
            return -EINVAL;
        ret[len++] = (char)c;
    }
    ret[len] = '\0';
    return (int)len;
}

/* The segment at the beginning of @io, which moves behind it. */
static struct str take_segment(struct str *io)
{
    const char *slash = memchr(io->p, '/', io->n);
    struct str s = { io->p, slash ? (size_t)(slash - io->p) : io->n };

    io->p += s.n;
    io->n -= s.n;
    return s;
}

bool web_path_matches(struct str path, const char *pattern, char ret[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX])
{
    struct str rest = str_from(pattern);
    int params = 0;

    while (path.n > 0 && rest.n > 0 && path.p[0] == '/') {
        struct str is, want;

        path.p++, path.n--, rest.p++, rest.n--;
        is = take_segment(&path);
        want = take_segment(&rest);
        if (str_eq(want, "{}")) {
            if (web_path_decode(is, false, ret[params++], WEB_PATH_PARAM_MAX) <= 0)
                return false;
        } else if (is.n != want.n || memcmp(is.p, want.p, is.n) != 0) {
            return false;
        }
    }
    return path.n == 0 && rest.n == 0;
}

bool web_path_query(struct str query, const char *key, char *ret, size_t n)
{
    size_t key_n = strlen(key);

    ret[0] = '\0';
    while (query.n > 0) {
        const char *and = memchr(query.p, '&', query.n);
        size_t part_n = and? (size_t)(and-query.p) : query.n;

        if (part_n > key_n && memcmp(query.p, key, key_n) == 0 && query.p[key_n] == '=') {
            struct str value = { query.p + key_n + 1, part_n - key_n - 1 };
            bool good = web_path_decode(value, true, ret, n) >= 0;

            if (!good)
                ret[0] = '\0';
            return good;
        }
        query.p += part_n + (and != NULL);
        query.n -= part_n + (and != NULL);
    }
    return false;
}

struct str web_path_cookie(struct str header, const char *name)
{
    size_t name_n = strlen(name);

    while (header.n > 0) {
        const char *end = memchr(header.p, ';', header.n);
        size_t part_n = end ? (size_t)(end - header.p) : header.n;

        if (part_n > name_n && memcmp(header.p, name, name_n) == 0 && header.p[name_n] == '=')
            return (struct str){ header.p + name_n + 1, part_n - name_n - 1 };
        header.p += part_n + (end != NULL);
        header.n -= part_n + (end != NULL);
        while (header.n > 0 && header.p[0] == ' ')
            header.p++, header.n--;
    }
    return STR_NULL;
}

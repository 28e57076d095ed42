#include "services/console/web_path.h"

#include <errno.h>
#include <string.h>

#include "common/base/percent.h"

struct str web_path_below(struct str path, struct str base)
{
    if (path.n < base.n || (base.n > 0 && memcmp(path.p, base.p, base.n) != 0))
        return STR_NULL;
    path.p += base.n;
    path.n -= base.n;
    return path.n == 0 || path.p[0] == '/' ? path : STR_NULL;
}

/* With a NUL after it. Returns the length, or -EINVAL: a broken escape, a NUL or a control character, or longer than @n with its NUL. */
static int decode(struct str s, enum percent_plus plus, char *ret, size_t n)
{
    size_t len;

    if (percent_decode(s, plus, ret, n - 1, &len))
        return -EINVAL;
    ret[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)ret[i] < 0x20 || ret[i] == 0x7f)
            return -EINVAL;
    }
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
            if (decode(is, PERCENT_PLUS_IS_ITSELF, ret[params++], WEB_PATH_PARAM_MAX) <= 0)
                return false;
        } else if (is.n != want.n || memcmp(is.p, want.p, is.n) != 0) {
            return false;
        }
    }
    return path.n == 0 && rest.n == 0;
}

bool web_path_query(struct str query, const char *key, char *ret, size_t n)
{
    struct str value = percent_field(query, key);

    if (value.p && decode(value, PERCENT_PLUS_IS_SPACE, ret, n) >= 0)
        return true;
    ret[0] = '\0';
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

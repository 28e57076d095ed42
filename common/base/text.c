#include "common/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/mem.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A unit and its size in the base unit. Longer names stand before those they begin with. */
struct unit {
    const char *name;
    int64_t factor;
};

struct str str_from(const char *s)
{
    return s ? (struct str){ s, strlen(s) } : STR_NULL;
}

bool str_eq(struct str a, const char *b)
{
    size_t n = strlen(b);

    return a.p && a.n == n && memcmp(a.p, b, n) == 0;
}

bool str_same(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_starts(struct str a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.p && a.n >= n && memcmp(a.p, prefix, n) == 0;
}

void str_copy(struct str s, char *ret, size_t n)
{
    size_t len = s.n < n - 1 ? s.n : n - 1;

    if (len > 0)
        memcpy(ret, s.p, len);
    ret[len] = '\0';
}

/* ---- numbers with units ---------------------------------------------------------------------- */

int text_to_bool(const char *text, bool *ret)
{
    static const char *const words[][2] = {
        { "true", "false" }, { "yes", "no" }, { "on", "off" }, { "1", "0" }
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int v = 0; v < 2; v++) {
            if (strcasecmp(text, words[i][v]) != 0)
                continue;
            *ret = v == 0;
            return 0;
        }
    }
    return -EINVAL;
}

int text_to_i64(const char *s, int64_t *ret)
{
    char *end;
    long long v;

    if (!isdigit((unsigned char)s[0]) && !(s[0] == '-' && isdigit((unsigned char)s[1])))
        return -EINVAL;
    errno = 0;
    v = strtoll(s, &end, 10);
    if (*end != '\0')
        return -EINVAL;
    if (errno == ERANGE)
        return -ERANGE;
    *ret = v;
    return 0;
}

/* "12.5" at the start of s: its value in thousandths, and where it ends. */
static int parse_milli(const char *s, int64_t *ret_milli, const char **ret_end)
{
    int64_t v = 0;
    int64_t place = 1000;
    bool point = false;

    if (!isdigit((unsigned char)*s))
        return -EINVAL;
    for (; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (point) {
            place /= 10;
            v += (*s - '0') * place;
        } else if (v > (INT64_MAX / 10 - 9000)) {
            return -ERANGE;
        } else {
            v = v * 10 + (int64_t)(*s - '0') * 1000;
        }
    }
    *ret_milli = v;
    *ret_end = s;
    return 0;
}

static int parse_with_unit(const char *s, const struct unit *units, int64_t *ret)
{
    const char *end;
    int64_t milli;
    int r = parse_milli(s, &milli, &end);

    if (r != 0)
        return r;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(end, u->name) != 0)
            continue;
        if (milli / 1000 >= INT64_MAX / u->factor)
            return -ERANGE;
        *ret = milli / 1000 * u->factor + milli % 1000 * u->factor / 1000;
        return 0;
    }
    return -EINVAL;
}

int text_to_duration_ms(const char *s, int64_t *ret_ms)
{
    static const struct unit units[] = { { "ms", 1 },  { "s", SECOND }, { "m", MINUTE }, { "h", HOUR },
                                         { "d", DAY }, { "", SECOND },  { NULL, 0 } };

    return parse_with_unit(s, units, ret_ms);
}

int text_to_bytes(const char *s, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        { "", 1 },
        { "k", 1 << 10 },
        { "K", 1 << 10 },
        { "M", 1 << 20 },
        { "G", 1 << 30 },
        { "T", 1LL << 40 },
        { "KiB", 1 << 10 },
        { "kiB", 1 << 10 },
        { "MiB", 1 << 20 },
        { "GiB", 1 << 30 },
        { "TiB", (int64_t)1 << 40 },
        { NULL, 0 },
    };

    return parse_with_unit(s, units, ret_bytes);
}

int text_to_rate_milli(const char *s, int64_t *ret_milli_per_s)
{
    const char *end;
    int64_t milli;
    int r = parse_milli(s, &milli, &end);

    if (r != 0)
        return r;
    if (strcmp(end, "/s") == 0 || *end == '\0')
        *ret_milli_per_s = milli;
    else if (strcmp(end, "/m") == 0)
        *ret_milli_per_s = milli / 60;
    else if (strcmp(end, "/h") == 0)
        *ret_milli_per_s = milli / 3600;
    else
        return -EINVAL;
    return 0;
}

int text_to_time_ms(const char *s, int64_t *ret_ms)
{
    struct tm tm = { 0 };
    const char *end = strptime(s, "%Y-%m-%d", &tm);
    int64_t milli = 0;

    if (!end)
        return -EINVAL;
    if (*end == 'T' || *end == ' ') {
        end = strptime(end + 1, "%H:%M:%S", &tm);
        if (!end)
            return -EINVAL;
        if (*end == '.') {
            char seconds[24] = "0";
            size_t digits = strspn(end + 1, "0123456789");

            if (digits == 0 || digits > 9)
                return -EINVAL;
            memcpy(seconds + 1, end, digits + 1);
            if (parse_milli(seconds, &milli, &(const char *){ NULL }) != 0)
                return -EINVAL;
            end += digits + 1;
        }
        if (*end++ != 'Z')
            return -EINVAL;
    }
    if (*end != '\0')
        return -EINVAL;
    *ret_ms = (int64_t)timegm(&tm) * 1000 + milli;
    return 0;
}

/* ---- values as text -------------------------------------------------------------------------- */

char *text_duration(int64_t ms, char *ret, size_t n)
{
    static const struct unit units[] = { { "d", DAY }, { "h", HOUR }, { "m", MINUTE }, { "s", SECOND } };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t f = units[i].factor;

        if (ms < f)
            continue;
        if (ms % f == 0 || ms >= 10 * f)
            (void)snprintf(ret, n, "%lld%s", (long long)(ms / f + (ms % f >= f / 2)), units[i].name);
        else
            (void)snprintf(ret, n, "%.1f%s", (double)ms / (double)f, units[i].name);
        return ret;
    }
    (void)snprintf(ret, n, "%lldms", (long long)ms);
    return ret;
}

char *text_age(int64_t ms, char *ret, size_t n)
{
    if (ms >= SECOND)
        return text_duration(ms / SECOND * SECOND, ret, n);
    (void)snprintf(ret, n, "0s");
    return ret;
}

char *text_bytes(int64_t bytes, char *ret, size_t n)
{
    static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)bytes;
    size_t i = 0;

    while (v >= 1024 && i + 1 < sizeof names / sizeof *names) {
        v /= 1024;
        i++;
    }
    (void)snprintf(ret, n, i == 0 ? "%.0f %s" : "%.1f %s", v, names[i]);
    return ret;
}

char *text_time(int64_t epoch_ms, char *ret, size_t n)
{
    int64_t ms = epoch_ms % 1000;
    time_t t = (time_t)(epoch_ms / 1000);
    struct tm tm;
    char day[32];

    if (ms < 0) {
        ms += 1000;
        t--;
    }
    if (!gmtime_r(&t, &tm) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        (void)snprintf(day, sizeof day, "?");
    (void)snprintf(ret, n, "%s.%03dZ", day, (int)ms);
    return ret;
}

/* ---- ids -------------------------------------------------------------------------------------- */

bool text_is_id(struct str s)
{
    if (!s.p || s.n < 1 || s.n > 64)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (!isalnum(c) && c != '_' && c != '-')
            return false;
    }
    return true;
}

/*
 * One recursive walk over the text. At every value it knows which of the wanted paths lead here, as a set of
 * bits: a key narrows the set of its object, a value is noted for the paths that end at it.
 */
#include "common/base/json_in.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"

/* Longest key, escapes undone, that can be one of ours; longer ones cannot match. */
#define KEY_MAX 64
/* Longest number that is handed to strtod; a longer one is not a count or a time of anybody's. */
#define NUMBER_MAX 64

struct walk {
    const char *p, *end;
    const struct json_path *paths;
    int n;
    struct json_value *ret;
    int depth;
    const uint64_t *begin; /* paths by how they begin, or NULL */
};

#define BEGINS 64

static int walk_value(struct walk *w, uint64_t here, struct json_value *ret);

/* -- tokens -- */

static void skip_space(struct walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' || *w->p == '\r' || *w->p == '\t'))
        w->p++;
}

/* The next byte that is not white space, or 0 at the end. */
static char peek(struct walk *w)
{
    skip_space(w);
    return w->p < w->end ? *w->p : '\0';
}

#define BYTES(x) (UINT64_C(0x0101010101010101) * (x))

/* First byte that is a quote, a backslash, a control character or not ASCII. Eight bytes at a time, because
 * QR codes make 95 % of a list. */
static const char *plain_end(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t v;

        memcpy(&v, p, sizeof v);
        uint64_t quote = v ^ BYTES('"'), back = v ^ BYTES('\\');
        uint64_t hit = (v - BYTES(0x20)) | (quote - BYTES(1)) | (back - BYTES(1)) | v;

        if (hit & BYTES(0x80))
            break; /* it is among these eight */
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
        p++;
    return p;
}

static int hex4(const char *p, const char *end, unsigned *ret)
{
    unsigned v = 0;

    if (end - p < 4)
        return -EINVAL;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned d;

        if (c >= '0' && c <= '9')
            d = (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            d = (unsigned)((c | 32) - 'a') + 10;
        else
            return -EINVAL;
        v = v << 4 | d;
    }
    *ret = v;
    return 0;
}

/* At a backslash: steps over the escape. */
static int skip_escape(struct walk *w)
{
    unsigned v;

    if (w->end - w->p < 2)
        return JSON_IN_BAD;
    if (w->p[1] == 'u') {
        if (hex4(w->p + 2, w->end, &v))
            return JSON_IN_BAD;
        w->p += 6;
        return 0;
    }
    if (!w->p[1] || !strchr("\"\\/bfnrt", w->p[1]))
        return JSON_IN_BAD;
    w->p += 2;
    return 0;
}

/* At the first byte beyond ASCII: steps over the run of them. */
static int skip_utf8(struct walk *w)
{
    const char *start = w->p;

    while (w->p < w->end && (unsigned char)*w->p >= 0x80)
        w->p++;
    return utf8_is_valid(start, (size_t)(w->p - start)) ? 0 : JSON_IN_BAD;
}

static int walk_text(struct walk *w, struct str *ret)
{
    const char *start = ++w->p;

    for (;;) {
        int r = 0;

        w->p = plain_end(w->p, w->end);
        if (w->p == w->end)
            return JSON_IN_BAD;
        if (*w->p == '"')
            break;
        if (*w->p == '\\')
            r = skip_escape(w);
        else if ((unsigned char)*w->p >= 0x80)
            r = skip_utf8(w);
        else
            return JSON_IN_BAD;
        if (r)
            return r;
    }
    *ret = (struct str){ start, (size_t)(w->p - start) };
    w->p++;
    return 0;
}

/* Steps over digits; false when there is none. */
static bool skip_digits(struct walk *w)
{
    const char *start = w->p;

    while (w->p < w->end && *w->p >= '0' && *w->p <= '9')
        w->p++;
    return w->p > start;
}

static bool skip_one(struct walk *w, char a, char b)
{
    if (w->p == w->end || (*w->p != a && *w->p != b))
        return false;
    w->p++;
    return true;
}

static int walk_number(struct walk *w)
{
    (void)skip_one(w, '-', '-');
    if (!skip_one(w, '0', '0') && !skip_digits(w))
        return JSON_IN_BAD;
    if (skip_one(w, '.', '.') && !skip_digits(w))
        return JSON_IN_BAD;
    if (skip_one(w, 'e', 'E')) {
        (void)skip_one(w, '+', '-');
        if (!skip_digits(w))
            return JSON_IN_BAD;
    }
    return 0;
}

static int walk_word(struct walk *w, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(w->end - w->p) < n || memcmp(w->p, word, n) != 0)
        return JSON_IN_BAD;
    w->p += n;
    return 0;
}

/* -- paths -- */

/* The first two letters of a key in few bits; keys that begin otherwise mostly have others. */
static unsigned begin_of(const char *key, size_t n)
{
    return ((unsigned char)key[0] * 5U + (n > 1 ? (unsigned char)key[1] : 0U)) % BEGINS;
}

/* Those of the paths @here that go on with this key. */
static uint64_t narrow(const struct walk *w, uint64_t here, struct str key)
{
    char plain[KEY_MAX];
    uint64_t next = 0;

    if (key.n == 0 || key.n >= KEY_MAX * 6)
        return 0;
    if (memchr(key.p, '\\', key.n))
        key = str_from(json_in_text((struct json_value){ JSON_IN_TEXT, key }, plain, sizeof plain));
    if (w->begin && w->depth == 1)
        here &= w->begin[begin_of(key.p, key.n)];
    for (uint64_t left = here; left; left &= left - 1) {
        int i = __builtin_ctzll(left);
        const char *part = w->paths[i].part[w->depth - 1];

        /* the first letter distinguishes most keys, without a call */
        if (part && part[0] == key.p[0] && strncmp(part, key.p, key.n) == 0 && !part[key.n])
            next |= UINT64_C(1) << i;
    }
    return next;
}

static void note(struct walk *w, uint64_t here, const struct json_value *v)
{
    for (; here; here &= here - 1) {
        int i = __builtin_ctzll(here);

        if (!w->paths[i].part[w->depth])
            w->ret[i] = *v;
    }
}

/* -- the walk -- */

static int walk_member(struct walk *w, uint64_t here)
{
    struct json_value v;
    struct str key;
    int r;

    if (peek(w) != '"')
        return JSON_IN_BAD;
    r = walk_text(w, &key);
    if (r)
        return r;
    if (peek(w) != ':')
        return JSON_IN_BAD;
    w->p++;
    return walk_value(w, here ? narrow(w, here, key) : 0, &v);
}

static int walk_element(struct walk *w, uint64_t here)
{
    struct json_value v;

    return walk_value(w, 0, &v);
}

/* At the opening bracket. */
static int walk_many(struct walk *w, uint64_t here, char close, int (*one)(struct walk *w, uint64_t here))
{
    if (++w->depth > JSON_IN_DEPTH_MAX)
        return JSON_IN_DEEP;
    w->p++;
    if (peek(w) != close) {
        for (;;) {
            int r = one(w, here);

            if (r)
                return r;
            if (peek(w) != ',')
                break;
            w->p++;
        }
        if (peek(w) != close)
            return JSON_IN_BAD;
    }
    w->p++;
    w->depth--;
    return 0;
}

static int walk_by_kind(struct walk *w, uint64_t here, struct json_value *v)
{
    switch (*w->p) {
    case '{':
        v->kind = JSON_IN_OBJECT;
        return walk_many(w, w->depth < JSON_IN_PARTS_MAX ? here : 0, '}', walk_member);
    case '[':
        v->kind = JSON_IN_ARRAY;
        return walk_many(w, 0, ']', walk_element);
    case '"':
        v->kind = JSON_IN_TEXT;
        return walk_text(w, &v->raw);
    case 't':
        v->kind = JSON_IN_TRUE;
        return walk_word(w, "true");
    case 'f':
        v->kind = JSON_IN_FALSE;
        return walk_word(w, "false");
    case 'n':
        v->kind = JSON_IN_NULL;
        return walk_word(w, "null");
    default:
        v->kind = JSON_IN_NUMBER;
        return walk_number(w);
    }
}

static int walk_value(struct walk *w, uint64_t here, struct json_value *ret)
{
    struct json_value v = { 0 };
    const char *start;
    int r;

    skip_space(w);
    if (w->p == w->end)
        return JSON_IN_BAD;
    start = w->p;
    r = walk_by_kind(w, here, &v);
    if (r)
        return r;
    if (v.kind != JSON_IN_TEXT)
        v.raw = (struct str){ start, (size_t)(w->p - start) };
    if (here)
        note(w, here, &v);
    *ret = v;
    return 0;
}

_Static_assert(JSON_IN_ABSENT == 0, "a cleared value is absent");

static void clear(struct json_value *ret, int n)
{
    if (n > 0)
        memset(ret, 0, (size_t)n * sizeof *ret);
}

static uint64_t all_paths(int n)
{
    return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

int json_in_find(struct str json, const struct json_path *paths, int n, struct json_value *ret)
{
    struct walk w = { .paths = paths, .n = n, .ret = ret };
    struct json_value top;
    int r;

    clear(ret, n);
    if (!json.n) /* and json.p may be NULL, to which nothing may be added */
        return JSON_IN_BAD;
    w.p = json.p;
    w.end = json.p + json.n;
    r = walk_value(&w, all_paths(n), &top);
    if (r == 0 && peek(&w) != '\0')
        r = JSON_IN_BAD;
    if (r == 0 && w.p != w.end) /* a NUL byte after the value */
        r = JSON_IN_BAD;
    if (r)
        clear(ret, n);
    return r;
}

struct json_value json_in_first(const struct json_path *paths, const struct json_value *values, int n,
                                int field, enum json_in_kind kind)
{
    for (int i = 0; i < n; i++) {
        enum json_in_kind k = values[i].kind == JSON_IN_FALSE ? JSON_IN_TRUE : values[i].kind;

        if (paths[i].field == field && k == kind)
            return values[i];
    }
    return (struct json_value){ 0 };
}

int json_in_each(struct json_value array, int (*on_item)(void *ctx, struct json_value item), void *ctx)
{
    return json_in_each_find(array, NULL, 0, NULL, on_item, ctx);
}

int json_in_each_find(struct json_value array, const struct json_path *paths, int n, struct json_value *ret,
                      int (*on_item)(void *ctx, struct json_value item), void *ctx)
{
    uint64_t begin[BEGINS] = { 0 };
    struct walk w = {
        .p = array.raw.p, .end = array.raw.p, .paths = paths, .n = n, .ret = ret, .begin = begin
    };

    for (int i = 0; i < n; i++) {
        const char *part = paths[i].part[0];

        if (part)
            begin[begin_of(part, strlen(part))] |= UINT64_C(1) << i;
    }
    if (array.kind == JSON_IN_ARRAY) {
        w.p++;
        w.end += array.raw.n;
    }
    while (w.p < w.end && peek(&w) != ']') {
        struct json_value item;
        int r;

        clear(ret, n);
        r = walk_value(&w, all_paths(n), &item);
        if (r == 0)
            r = on_item(ctx, item);
        if (r)
            return r;
        if (peek(&w) == ',')
            w.p++;
    }
    return 0;
}

/* -- values -- */

/* The code point of the \u escape at *p (after "\u"), a pair taken as one; moves *p on. */
static unsigned take_unicode(const char **p, const char *end)
{
    unsigned hi = 0, lo;

    (void)hex4(*p, end, &hi);
    *p += 4;
    if (hi < 0xd800 || hi > 0xdfff)
        return hi;
    if (hi < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' && !hex4(*p + 2, end, &lo) &&
        lo >= 0xdc00 && lo <= 0xdfff) {
        *p += 6;
        return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
    }
    return 0xfffd;
}

/* One code point of the text at *p, escapes undone, into @out; moves *p on; returns its bytes. */
static size_t take_point(const char **p, const char *end, char out[4])
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *at;
    size_t n;

    if (**p != '\\') {
        n = utf8_length((const unsigned char *)*p, (size_t)(end - *p));
        memcpy(out, *p, n);
        *p += n;
        return n;
    }
    char c = (*p)[1];

    *p += 2;
    if (c == 'u')
        return utf8_encode(take_unicode(p, end), out);
    at = strchr(from, c);
    out[0] = at ? to[at - from] : c;
    return 1;
}

static struct str text_of(struct json_value v)
{
    return v.kind == JSON_IN_TEXT ? v.raw : STR_LIT("");
}

char *json_in_text(struct json_value v, char *ret, size_t n)
{
    struct str s = text_of(v);
    const char *p = s.p, *end = p + s.n;
    size_t len = 0;

    while (p < end) {
        size_t plain = (size_t)(plain_end(p, end) - p);
        char point[4];
        size_t more;

        plain = plain < n - 1 - len ? plain : n - 1 - len;
        memcpy(ret + len, p, plain);
        len += plain;
        p += plain;
        if (p == end)
            break;
        more = take_point(&p, end, point);
        if (!point[0] || len + more >= n)
            break;
        memcpy(ret + len, point, more);
        len += more;
    }
    ret[len] = '\0';
    return ret;
}

int json_in_text_add(struct json_value v, struct buf *out)
{
    struct str s = text_of(v);
    const char *p = s.p, *end = p + s.n;

    while (p < end) {
        const char *plain = plain_end(p, end);
        char point[4];
        size_t n;

        (void)buf_add(out, p, (size_t)(plain - p));
        p = plain;
        if (p == end)
            break;
        n = take_point(&p, end, point);
        if (!point[0])
            break;
        (void)buf_add(out, point, n);
    }
    return buf_error(out);
}

bool json_in_is(struct json_value v, const char *text)
{
    char plain[KEY_MAX];

    return v.kind == JSON_IN_TEXT && strcmp(json_in_text(v, plain, sizeof plain), text) == 0;
}

int json_in_i64(struct json_value v, int64_t *ret)
{
    char text[NUMBER_MAX];
    double d;

    if (v.kind != JSON_IN_NUMBER)
        return -EINVAL;
    if (v.raw.n >= sizeof text)
        return -ERANGE;
    memcpy(text, v.raw.p, v.raw.n);
    text[v.raw.n] = '\0';
    if (text_to_i64(text, ret) == 0)
        return 0;
    d = strtod(text, NULL);
    if (!(fabs(d) < 9.2e18))
        return -ERANGE;
    if (d != trunc(d))
        return -EINVAL;
    *ret = (int64_t)d;
    return 0;
}

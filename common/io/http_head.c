/*
 * A header in the order of reading: the request line, its target, the fields one by one, then the fields that
 * say where the body ends (the framing).
 */
#include "common/io/http_head.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define FAULT(code, text) (*fault = (struct http_fault){ (code), (text) }, 1)

/* ---- characters ------------------------------------------------------------------------------ */

/* RFC 9110: a token is of these and of letters and digits. */
static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    }
    return s.n > 0;
}

static bool is_value_char(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_target_char(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '#';
}

/* Of an address with its port, IPv6 in brackets. An empty one is allowed: the target names no host. */
static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
              (c != '\0' && strchr("-._~%!$&'()*+,;=:[]", c))))
            return false;
    }
    return true;
}

static bool equals(struct str s, const char *text)
{
    return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

/* ---- where it ends --------------------------------------------------------------------------- */

int http_head_scan(const char *p, size_t n, size_t *io_scanned, size_t *ret_end, struct http_fault *fault)
{
    size_t begin = *io_scanned, at = begin;
    bool over = false;

    *ret_end = 0;
    while (at < n && !over) {
        const char *lf = memchr(p + at, '\n', n - at);

        if (!lf)
            break;
        at = (size_t)(lf - p) + 1;
        if (at < 2 || p[at - 2] != '\r')
            return FAULT(400, "a line of the header ends in LF without CR");
        over = at >= 4 && p[at - 3] == '\n';
    }
    *io_scanned = over ? at : n;
    if (memchr(p + begin, '\0', *io_scanned - begin))
        return FAULT(400, "a NUL is in the header");
    *ret_end = over ? at : 0;
    return 0;
}

/* ---- the request line ------------------------------------------------------------------------ */

/* Up to the next CRLF; moves @rest behind it. */
static struct str take_line(struct str *rest)
{
    const char *end = memmem(rest->p, rest->n, "\r\n", 2);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct str line = { rest->p, n };
    size_t used = end ? n + 2 : n;

    rest->p += used;
    rest->n -= used;
    return line;
}

static int read_version(struct str version, bool *ret_is_1_1, struct http_fault *fault)
{
    if (str_eq(version, "HTTP/1.1") || str_eq(version, "HTTP/1.0")) {
        *ret_is_1_1 = version.p[7] == '1';
        return 0;
    }
    if (str_starts(version, "HTTP/"))
        return FAULT(505, "HTTP/1.1 and HTTP/1.0 are spoken here");
    return FAULT(400, "the request line is not METHOD TARGET HTTP/1.1");
}

/* The path of a target that names only a host. */
static const char root[] = "/";

/* "http://host:port/path": the authority is the host, and the field Host is ignored (RFC 9112, 3.2.2). */
static int split_absolute(struct str target, struct http_head *h, struct str *ret_rest,
                          struct http_fault *fault)
{
    size_t scheme = target.n >= 7 && strncasecmp(target.p, "http://", 7) == 0    ? 7
                    : target.n >= 8 && strncasecmp(target.p, "https://", 8) == 0 ? 8
                                                                                 : 0;
    struct str rest = { target.p + scheme, target.n - scheme };
    size_t n = 0;

    if (scheme == 0)
        return FAULT(400, "the target is neither a path nor an http URL");
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    h->host = (struct str){ rest.p, n };
    if (n == 0 || memchr(rest.p, '@', n) || !is_host(h->host))
        return FAULT(400, "the target's host makes no sense");
    *ret_rest = (struct str){ rest.p + n, rest.n - n };
    return 0;
}

static int read_target(struct str target, struct http_head *h, struct http_fault *fault)
{
    const char *query;

    for (size_t i = 0; i < target.n; i++) {
        if (!is_target_char((unsigned char)target.p[i]))
            return FAULT(400, "the target has a character that must be percent-encoded");
    }
    if (target.n == 0)
        return FAULT(400, "the request line is not METHOD TARGET HTTP/1.1");
    if (target.p[0] != '/' && !str_eq(target, "*")) {
        if (split_absolute(target, h, &target, fault) != 0)
            return 1;
    }
    query = memchr(target.p, '?', target.n);
    h->path = (struct str){ target.p, query ? (size_t)(query - target.p) : target.n };
    if (query)
        h->query = (struct str){ query + 1, target.n - h->path.n - 1 };
    if (h->path.n == 0)
        h->path = (struct str){ root, 1 };
    return 0;
}

static int read_request_line(struct str line, struct http_head *h, bool *ret_is_1_1, struct http_fault *fault)
{
    const char *first = memchr(line.p, ' ', line.n);
    const char *last = memrchr(line.p, ' ', line.n);
    struct str target;

    if (!first || first == last)
        return FAULT(400, "the request line is not METHOD TARGET HTTP/1.1");
    h->method = (struct str){ line.p, (size_t)(first - line.p) };
    if (!is_token(h->method))
        return FAULT(400, "the method is no token");
    if (read_version((struct str){ last + 1, (size_t)(line.p + line.n - last - 1) }, ret_is_1_1, fault) != 0)
        return 1;
    target = (struct str){ first + 1, (size_t)(last - first - 1) };
    return read_target(target, h, fault);
}

/* ---- the fields ------------------------------------------------------------------------------ */

static struct str text_at(const struct http_head *h, uint16_t at, uint16_t n)
{
    return (struct str){ h->bytes + at, n };
}

static int read_field(struct str line, struct http_head *h, struct http_fault *fault)
{
    const char *colon = memchr(line.p, ':', line.n);
    struct str name = { line.p, colon ? (size_t)(colon - line.p) : 0 };
    struct str value;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return FAULT(400, "a field is folded over two lines");
    if (!is_token(name))
        return FAULT(400, "a line of the header is not Name: value, without a blank before the colon");
    value = (struct str){ colon + 1, line.n - name.n - 1 };
    for (size_t i = 0; i < value.n; i++) {
        if (!is_value_char((unsigned char)value.p[i]))
            return FAULT(400, "a field has a control character");
    }
    while (value.n && (*value.p == ' ' || *value.p == '\t')) {
        value.p++;
        value.n--;
    }
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    if (h->n_fields == HTTP_FIELDS_MAX)
        return FAULT(431, "a header may have 64 fields");
    h->fields[h->n_fields++] = (struct http_field){ (uint16_t)(name.p - h->bytes), (uint16_t)name.n,
                                                    (uint16_t)(value.p - h->bytes), (uint16_t)value.n };
    return 0;
}

static int count_fields(const struct http_head *h, const char *name, struct str *ret_last)
{
    int n = 0;

    for (int i = 0; i < h->n_fields; i++) {
        const struct http_field *f = &h->fields[i];

        if (!equals(text_at(h, f->name, f->name_n), name))
            continue;
        *ret_last = text_at(h, f->value, f->value_n);
        n++;
    }
    return n;
}

struct str http_head_field(const struct http_head *h, const char *name)
{
    for (int i = 0; i < h->n_fields; i++) {
        const struct http_field *f = &h->fields[i];

        if (equals(text_at(h, f->name, f->name_n), name))
            return text_at(h, f->value, f->value_n);
    }
    return STR_NULL;
}

/* ---- the framing ----------------------------------------------------------------------------- */

/* Digits and nothing else; a longer number than fits is longer than any body that is taken. */
static int read_length(struct str text, int64_t *ret, struct http_fault *fault)
{
    int64_t n = 0;

    if (text.n == 0)
        return FAULT(400, "Content-Length is empty");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return FAULT(400, "Content-Length is no number");
    }
    for (size_t i = 0; i < text.n; i++) {
        if (n > (INT64_MAX - 9) / 10)
            return FAULT(413, "Content-Length is beyond any body that is taken");
        n = n * 10 + (text.p[i] - '0');
    }
    *ret = n;
    return 0;
}

static int read_framing(struct http_head *h, bool is_1_1, struct http_fault *fault)
{
    struct str length = STR_NULL, encoding = STR_NULL;
    int lengths = count_fields(h, "content-length", &length);
    int encodings = count_fields(h, "transfer-encoding", &encoding);

    if (lengths > 1)
        return FAULT(400, "there are two Content-Lengths");
    if (lengths && encodings)
        return FAULT(400, "Content-Length and Transfer-Encoding exclude each other");
    if (encodings > 1)
        return FAULT(400, "there are two Transfer-Encodings");
    if (encodings && !is_1_1)
        return FAULT(400, "HTTP/1.0 has no Transfer-Encoding");
    if (encodings && !equals(encoding, "chunked"))
        return FAULT(501, "the only Transfer-Encoding that is read is chunked");
    /* A blank at the end is legal, but some programs take "chunked " for another coding. */
    if (encodings && encoding.p[encoding.n] != '\r')
        return FAULT(400, "there is a blank behind Transfer-Encoding: chunked");
    h->chunked = encodings > 0;
    return lengths ? read_length(length, &h->length, fault) : 0;
}

/* Fields of which a second one makes it unclear which counts. */
static int refuse_repeated(const struct http_head *h, struct http_fault *fault)
{
    static const char *const once[] = { "authorization", "content-type", "content-encoding", "expect",
                                        "origin" };
    struct str value;

    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (count_fields(h, once[i], &value) > 1)
            return FAULT(400, "a field that may be there once is there twice");
    }
    return 0;
}

static int read_host(struct http_head *h, bool is_1_1, struct http_fault *fault)
{
    struct str host = STR_NULL;
    int hosts = count_fields(h, "host", &host);

    if (hosts > 1)
        return FAULT(400, "there are two Hosts");
    if (hosts == 0 && is_1_1)
        return FAULT(400, "the field Host is missing");
    if (hosts && !is_host(host))
        return FAULT(400, "Host makes no sense");
    if (!h->host.p)
        h->host = host;
    return 0;
}

/* "close", "keep-alive", or a list with one of them. */
static bool names(struct str list, const char *option)
{
    size_t n = strlen(option);

    for (size_t i = 0; i + n <= list.n; i++) {
        bool begins = i == 0 || list.p[i - 1] == ',' || list.p[i - 1] == ' ' || list.p[i - 1] == '\t';
        bool ends = i + n == list.n || list.p[i + n] == ',' || list.p[i + n] == ' ' || list.p[i + n] == '\t';

        if (begins && ends && strncasecmp(list.p + i, option, n) == 0)
            return true;
    }
    return false;
}

static int read_expect(struct http_head *h, struct http_fault *fault)
{
    struct str expect = http_head_field(h, "expect");

    if (!expect.p)
        return 0;
    if (!equals(expect, "100-continue"))
        return FAULT(417, "the only expectation that is met is 100-continue");
    h->expects_continue = true;
    return 0;
}

/* Behind each text is at least one byte of the header that is read now: a blank, a colon, a '?', a CR. */
static void terminate(char *bytes, struct http_head *h)
{
    bytes[h->method.n] = '\0';
    if (h->query.p)
        bytes[h->query.p - bytes + (ptrdiff_t)h->query.n] = '\0';
    if (h->path.p != root)
        bytes[h->path.p - bytes + (ptrdiff_t)h->path.n] = '\0';
    for (int i = 0; i < h->n_fields; i++) {
        bytes[h->fields[i].name + h->fields[i].name_n] = '\0';
        bytes[h->fields[i].value + h->fields[i].value_n] = '\0';
    }
}

int http_head_read(char *bytes, size_t n, struct http_head *ret, struct http_fault *fault)
{
    struct str rest = { bytes, n };
    struct str line = take_line(&rest);
    bool is_1_1 = false;

    ret->bytes = bytes;
    ret->query = ret->host = STR_NULL;
    ret->n_fields = 0;
    ret->length = 0;
    ret->chunked = ret->expects_continue = false;
    if (read_request_line(line, ret, &is_1_1, fault) != 0)
        return 1;
    for (line = take_line(&rest); line.n; line = take_line(&rest)) {
        if (read_field(line, ret, fault) != 0)
            return 1;
    }
    if (read_framing(ret, is_1_1, fault) != 0 || refuse_repeated(ret, fault) != 0 ||
        read_host(ret, is_1_1, fault) != 0 || read_expect(ret, fault) != 0)
        return 1;
    ret->keep_alive = is_1_1 && !names(http_head_field(ret, "connection"), "close");
    terminate(bytes, ret);
    return 0;
}

#include "common/base/json_out.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/utf8.h"

static void begin(struct json_out *j, const char *key)
{
    if (j->comma)
        (void)buf_add(j->buf, ",", 1);
    if (key) {
        j->comma = false;
        json_text(j, NULL, str_from(key));
        (void)buf_add(j->buf, ":", 1);
    }
    j->comma = true;
}

void json_open(struct json_out *j, const char *key, char bracket)
{
    begin(j, key);
    (void)buf_add(j->buf, &bracket, 1);
    j->comma = false;
}

void json_close(struct json_out *j, char bracket)
{
    (void)buf_add(j->buf, &bracket, 1);
    j->comma = true;
}

/* The longest run from p that needs no escape. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x7f && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

/* A sequence of UTF-8, as \u where a terminal would obey it (clean.h). All that is unsafe is below U+10000. */
static void add_point(struct buf *out, const char *p, size_t len)
{
    unsigned point = utf8_point((const unsigned char *)p, len);

    if (clean_is_unsafe(point))
        (void)buf_addf(out, "\\u%04x", point);
    else
        (void)buf_add(out, p, len);
}

/* One character that is not plain: an escape, or a UTF-8 sequence, or U+FFFD for a byte that is none. Returns
 * its length. */
static size_t add_special(struct buf *out, const char *p, size_t n)
{
    static const char *const escapes[0x20] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"
    };
    unsigned char c = (unsigned char)*p;
    size_t len;

    if (c == '"' || c == '\\') {
        (void)buf_addf(out, "\\%c", c);
        return 1;
    }
    if (c < 0x20 && escapes[c]) {
        (void)buf_adds(out, escapes[c]);
        return 1;
    }
    len = utf8_length((const unsigned char *)p, n);
    if (len == 0) {
        (void)buf_adds(out, "\xef\xbf\xbd");
        return 1;
    }
    add_point(out, p, len);
    return len;
}

void json_text(struct json_out *j, const char *key, struct str v)
{
    begin(j, key);
    if (!v.p) {
        (void)buf_adds(j->buf, "null");
        return;
    }
    (void)buf_add(j->buf, "\"", 1);
    for (size_t i = 0; i < v.n;) {
        size_t run = plain_run(v.p + i, v.n - i);

        (void)buf_add(j->buf, v.p + i, run);
        i += run;
        if (i < v.n)
            i += add_special(j->buf, v.p + i, v.n - i);
    }
    (void)buf_add(j->buf, "\"", 1);
}

void json_texts(struct json_out *j, const char *key, const char *v)
{
    json_text(j, key, str_from(v));
}

void json_int(struct json_out *j, const char *key, int64_t v)
{
    begin(j, key);
    (void)buf_addf(j->buf, "%lld", (long long)v);
}

void json_bool(struct json_out *j, const char *key, bool v)
{
    begin(j, key);
    (void)buf_adds(j->buf, v ? "true" : "false");
}

void json_raw(struct json_out *j, const char *key, struct str json)
{
    begin(j, key);
    (void)buf_add(j->buf, json.p, json.n);
}

void json_compact(struct buf *out, struct str json)
{
    bool in_text = false;
    size_t from = 0, len;

    for (size_t i = 0; i < json.n; i += len) {
        unsigned char c = (unsigned char)json.p[i];

        len = c < 0x7f ? 1 : utf8_length((const unsigned char *)json.p + i, json.n - i);
        len = len > 0 ? len : 1;
        if (in_text && c == '\\' && i + 1 < json.n)
            len = 2;
        else if (c == '"')
            in_text = !in_text;
        else if (in_text ? c >= 0x7f : c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            (void)buf_add(out, json.p + from, i - from);
            from = i + len;
            if (in_text)
                add_point(out, json.p + i, len);
        }
    }
    if (from < json.n)
        (void)buf_add(out, json.p + from, json.n - from);
}

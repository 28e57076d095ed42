/*
 * A bridge's own words about an answer: the message of its JSON, or the title of an HTML page. They come from outside:
 * characters that could steer a terminal or hide text (controls, bidirectional overrides) become a space.
 */
#include <string.h>
#include <strings.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/bridge/driver.h"

/* The longest message that is read; a shorter part of it is shown. */
#define MESSAGE_READ_MAX 1024

static const struct json_path paths[] = {
    { 0, { "message" } },
    { 0, { "error", "message" } },
    { 0, { "response", "message" } },
    { 0, { "error" } },
    { 0, { "detail" } },
    { 0, { "msg" } },
    { 0, { "data", "message" } },
    { 0, { "data", "error" } },
    { 0, { "reason" } },
    { 0, { "exception", "message" } },
};

/* The code point of a valid sequence of @n bytes. */
static unsigned point_of(const unsigned char *p, size_t n)
{
    unsigned point = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));

    for (size_t i = 1; i < n; i++)
        point = point << 6 | (p[i] & 0x3fU);
    return point;
}

static bool may_be_shown(unsigned point)
{
    return point >= 0x20 && !(point >= 0x7f && point < 0xa0) && !(point >= 0x200b && point <= 0x200f) &&
           !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2060 && point <= 0x2069) && point != 0xfeff;
}

/* One line of valid UTF-8; runs of space become one, and text that does not fit is cut between characters. */
static void copy_clean(struct str from, char *ret, size_t n)
{
    size_t out = 0, bytes;

    for (size_t at = 0; at < from.n; at += bytes ? bytes : 1) {
        const unsigned char *p = (const unsigned char *)from.p + at;
        bool shown;

        bytes = utf8_length(p, from.n - at);
        shown = bytes > 0 && *p != ' ' && may_be_shown(point_of(p, bytes));
        if (out + (shown ? bytes : 1) >= n)
            break;
        if (shown)
            memcpy(ret + out, p, bytes);
        else if (out > 0 && ret[out - 1] != ' ')
            ret[out] = ' ';
        else
            continue;
        out += shown ? bytes : 1;
    }
    while (out > 0 && ret[out - 1] == ' ')
        out--;
    ret[out] = '\0';
}

static struct str title_of(struct str html)
{
    size_t n = html.n < MESSAGE_READ_MAX ? html.n : MESSAGE_READ_MAX;

    for (size_t i = 0; i + 7 < n; i++) {
        const char *begin = html.p + i + 7, *end;

        if (strncasecmp(html.p + i, "<title>", 7) != 0)
            continue;
        end = memchr(begin, '<', n - i - 7);
        return end ? (struct str){ begin, (size_t)(end - begin) } : STR_NULL;
    }
    return STR_NULL;
}

char *bridge_answer_message(const struct bridge_answer *a, char *ret, size_t n)
{
    struct json_value v[ARRAY_LEN(paths)];
    char text[MESSAGE_READ_MAX];
    struct str title;

    ret[0] = '\0';
    if (a->body.n > 0 && json_in_find(a->body, paths, ARRAY_LEN(paths), v) == 0) {
        (void)json_in_text(json_in_first(paths, v, ARRAY_LEN(paths), 0, JSON_IN_TEXT), text, sizeof text);
        copy_clean(str_from(text), ret, n);
        return ret;
    }
    title = title_of(a->body);
    if (title.n > 0)
        copy_clean(title, ret, n);
    return ret;
}

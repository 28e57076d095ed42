#include "common/base/clean.h"

#include <string.h>

#include "common/base/utf8.h"

bool clean_is_unsafe(unsigned point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || /* C0, DEL, C1 */
           point == 0x061c || point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || /* directions */
           point == 0x2028 || point == 0x2029 ||   /* line and paragraph separator */
           point == 0xfeff;                        /* invisible */
}

/* Bytes at p that may stand as they are; 0: the first *ret_skip are to be replaced. */
static size_t safe_length(const unsigned char *p, size_t n, size_t *ret_skip)
{
    size_t len = utf8_length(p, n);

    *ret_skip = len > 0 ? len : 1;
    return len > 0 && !clean_is_unsafe(utf8_point(p, len)) ? len : 0;
}

int clean_add(struct buf *out, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0, skip; i < s.n; i += skip) {
        size_t len = safe_length(p + i, s.n - i, &skip);

        (void)buf_add(out, len > 0 ? s.p + i : "?", len > 0 ? len : 1);
    }
    return buf_error(out);
}

/* Within the text itself, which only gets shorter. Returns the new length. */
static size_t clean_in_place(char *text, size_t n, char kept)
{
    size_t end = 0;

    for (size_t i = 0, skip; i < n; i += skip) {
        size_t len = safe_length((const unsigned char *)text + i, n - i, &skip);

        if (len == 0 && text[i] != kept)
            text[i] = '?';
        len = len > 0 ? len : 1;
        memmove(text + end, text + i, len);
        end += len;
    }
    text[end] = '\0';
    return end;
}

char *clean_text(char *text)
{
    (void)clean_in_place(text, strlen(text), '?');
    return text;
}

void clean_lines(struct buf *b)
{
    if (b->data)
        b->len = clean_in_place(b->data, b->len, '\n');
}

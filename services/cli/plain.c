#include "services/cli/plain.h"

#include "common/base/utf8.h"

/* C0, DEL and C1 (U+0080 to U+009F) can start an escape sequence. */
void plain_add(struct buf *out, struct str s)
{
    bool utf8 = utf8_is_valid(s.p, s.n);

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool c1 = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;

        if (c < 0x20 || c == 0x7f || c1 || (c >= 0x80 && !utf8))
            (void)buf_add(out, "?", 1);
        else
            (void)buf_add(out, s.p + i, 1);
        i += c1;
    }
}

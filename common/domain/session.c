#include "common/domain/session.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"

static const char *const texts[] = {
#define X(name, text) [SESSION_##name] = (text),
    SESSION_STATES(X)
#undef X
};

const char *session_state_text(enum session_state s)
{
    return (size_t)s < ARRAY_LEN(texts) ? texts[s] : "unknown";
}

int session_state_find(struct str text)
{
    for (int i = 0; i < SESSION_STATE_N; i++) {
        if (str_eq(text, texts[i]))
            return i;
    }
    return -1;
}

/* @p: a valid sequence of @n bytes. */
static bool is_control(const unsigned char *p, size_t n)
{
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    /* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069 */
    return n == 3 && p[0] == 0xe2 &&
           ((p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae))) ||
            (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

bool session_id_is_valid(struct str id)
{
    size_t bytes;

    if (id.n == 0 || id.n > SESSION_ID_BYTES_MAX || str_eq(id, ".") || str_eq(id, ".."))
        return false;
    for (size_t i = 0; i < id.n; i += bytes) {
        const unsigned char *p = (const unsigned char *)id.p + i;

        bytes = utf8_length(p, id.n - i);
        if (bytes == 0 || is_control(p, bytes))
            return false;
    }
    return true;
}

bool session_id_copy(struct str id, char ret[SESSION_ID_MAX])
{
    bool valid = session_id_is_valid(id);

    str_copy(valid ? id : STR_NULL, ret, SESSION_ID_MAX);
    return valid;
}

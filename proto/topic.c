#include "proto/topic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
#define X(name, text) [TOPIC_##name] = text,
    TOPIC_TYPES(X)
#undef X
};

const char *topic_type_text(enum topic_type t)
{
    return texts[t];
}

int topic_type_find(struct str text)
{
    for (int t = 0; t < TOPIC_TYPE_N; t++) {
        if (str_eq(text, texts[t]))
            return t;
    }
    return -1;
}

bool topic_type_is_event(enum topic_type t)
{
    _Static_assert((int)TOPIC_LOG_HEAD == (int)EVENT_TYPE_N, "the types of events come first");
    return (int)t < (int)EVENT_TYPE_N;
}

static bool is_plain(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

int topic_format(const char *type, struct str bridge, struct str session, char ret[TOPIC_MAX])
{
    static const char hex[] = "0123456789ABCDEF";
    int n = snprintf(ret, TOPIC_MAX, "%s/%.*s/", type, (int)bridge.n, bridge.p ? bridge.p : "");

    for (size_t i = 0; i < session.n && n < TOPIC_MAX - 3; i++) {
        unsigned char c = (unsigned char)session.p[i];

        if (is_plain(c)) {
            ret[n++] = (char)c;
            continue;
        }
        ret[n++] = '%';
        ret[n++] = hex[c >> 4];
        ret[n++] = hex[c & 15];
    }
    if (n >= TOPIC_MAX - 3)
        return -EMSGSIZE;
    ret[n] = '\0';
    return 0;
}

struct str topic_bridge(struct str message)
{
    const char *from = memchr(message.p, '/', message.n);
    const char *end = from ? memchr(from + 1, '/', (size_t)(message.p + message.n - from - 1)) : NULL;

    return end ? (struct str){ from + 1, (size_t)(end - from - 1) } : STR_NULL;
}

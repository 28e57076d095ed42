#include "proto/topic.h"

#include <errno.h>
#include <stdio.h>

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

int topic_format(const char *type, struct str bridge, struct str session, char ret[TOPIC_MAX])
{
    int n = snprintf(ret, TOPIC_MAX, "%s/%.*s/%.*s", type, (int)bridge.n, bridge.p ? bridge.p : "",
                     (int)session.n, session.p ? session.p : "");

    return n < TOPIC_MAX ? 0 : -EMSGSIZE;
}

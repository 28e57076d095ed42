#include "common/domain/event_type.h"

static const char *const texts[] = {
#define X(name, text) [EVENT_TYPE_##name] = (text),
    EVENT_TYPES(X)
#undef X
};

const char *event_type_text(enum event_type t)
{
    return texts[t];
}

int event_type_find(struct str text)
{
    for (int t = 0; t < EVENT_TYPE_N; t++) {
        if (str_eq(text, texts[t]))
            return t;
    }
    return -1;
}

#include "common/domain/session.h"

#include "common/base/mem.h"

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

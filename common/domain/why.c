#include "common/domain/why.h"

static const char *const keys[WHY_N] = {
#define X(name, key, message) [WHY_##name] = (key),
    WHY(X)
#undef X
};

static const char *const message_of[WHY_N] = {
#define X(name, key, message) [WHY_##name] = (message),
    WHY(X)
#undef X
};

const char *why_key(enum why w)
{
    return keys[w];
}

const char *why_message(enum why w)
{
    return message_of[w];
}

bool why_is_of_method(enum why w)
{
    return w == WHY_NO_METHOD || w == WHY_HOOK_GUARD;
}

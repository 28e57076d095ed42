#include "common/policy/why.h"

static const char *const keys[WHY_N] = {
#define X(name, key, words) [WHY_##name] = (key),
    WHY(X)
#undef X
};

static const char *const words_of[WHY_N] = {
#define X(name, key, words) [WHY_##name] = (words),
    WHY(X)
#undef X
};

const char *why_key(enum why w)
{
    return keys[w];
}

const char *why_words(enum why w)
{
    return words_of[w];
}

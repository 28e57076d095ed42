/* The words of retry.h for logs, rows and people. */
#include "common/policy/retry.h"

const char *retry_phase_text(enum retry_phase p)
{
    static const char *const texts[] = {
#define X(name, text) [RETRY_##name] = (text),
        RETRY_PHASES(X)
#undef X
    };

    return texts[p];
}

const char *retry_reason_text(enum retry_reason r)
{
    static const char *const texts[] = {
#define X(name, text) [RETRY_FOR_##name] = (text),
        RETRY_REASONS(X)
#undef X
    };

    return texts[r];
}

const char *retry_park_text(enum retry_park p)
{
    static const char *const texts[] = {
#define X(name, text, message) [RETRY_PARK_##name] = (text),
        RETRY_PARKS(X)
#undef X
    };

    return texts[p];
}

const char *retry_park_message(enum retry_park p)
{
    static const char *const texts[] = {
#define X(name, text, message) [RETRY_PARK_##name] = (message),
        RETRY_PARKS(X)
#undef X
    };

    return texts[p];
}

const char *attempt_outcome_text(enum attempt_outcome o)
{
    static const char *const texts[] = {
#define X(name, text) [ATTEMPT_##name] = (text),
        ATTEMPT_OUTCOMES(X)
#undef X
    };

    return texts[o];
}

bool attempt_outcome_is_open(enum attempt_outcome o)
{
    return o == ATTEMPT_CALLING || o == ATTEMPT_CALLED;
}

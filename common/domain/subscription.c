#include "common/domain/subscription.h"

const char *subscription_state_text(enum subscription_state s)
{
    static const char *const texts[SUBSCRIPTION_STATE_N] = {
        [SUBSCRIPTION_UNKNOWN] = "unknown",
        [SUBSCRIPTION_RIGHT] = "ok",
        [SUBSCRIPTION_NONE] = "none",
        [SUBSCRIPTION_DRIFTED] = "drift",
    };

    return (unsigned)s < SUBSCRIPTION_STATE_N ? texts[s] : "unknown";
}

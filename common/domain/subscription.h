/* Is a session's webhook subscription at the bridge as it should be? */
#pragma once

enum subscription_state {
    SUBSCRIPTION_UNKNOWN, /* the bridge does not show it, or did not answer */
    SUBSCRIPTION_RIGHT,
    SUBSCRIPTION_NONE,    /* the session has none of its own; one of the whole bridge may send all the same */
    SUBSCRIPTION_DRIFTED, /* it is not what it should be */
    SUBSCRIPTION_STATE_N
};
const char *subscription_state_text(enum subscription_state s); /* "unknown", "ok", "none", "drift" */

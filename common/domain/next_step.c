#include "common/domain/next_step.h"

#include <stdio.h>

static const char *pair_for(enum session_state state, const struct cause *cause)
{
    if (cause && cause->scope == SCOPE_BRIDGE)
        return NULL;
    switch (state) {
    case SESSION_QR_PENDING:
        return "a phone has to scan its code: run";
    case SESSION_LOGGED_OUT:
        return "a phone has to link it again: run";
    case SESSION_FAILED:
        return "when WhatsApp accepts the number again, run";
    case SESSION_LOST:
        if (cause && cause == cause_by_name("removed"))
            return "it was removed at the bridge; `zapkeep session delete` forgets it; to create it again, "
                   "run";
        return "the bridge does not have it any more; to create it again, run";
    default:
        return NULL;
    }
}

const char *next_step(enum session_state state, const struct cause *cause, bool parked, const char *id,
                      char *ret, size_t n)
{
    const char *pair = pair_for(state, cause);

    ret[0] = '\0';
    if (state == SESSION_ACTION_REQUIRED)
        (void)snprintf(
            ret, n, "confirm it on the phone that owns the number (a passkey), or at the bridge's own page");
    else if (pair)
        (void)snprintf(ret, n, "%s `zapkeep session pair %s`", pair, id);
    else if (cause && cause->scope == SCOPE_BRIDGE && state != SESSION_CONNECTED)
        (void)snprintf(ret, n, "update the bridge, then run `zapkeep session unpark %s`", id);
    else if (parked)
        (void)snprintf(ret, n, "to have it attempted again, run `zapkeep session unpark %s`", id);
    return ret;
}

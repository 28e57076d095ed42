#include "common/ops/session_next.h"

struct retry_verdict session_next_obstacle(const struct reconnect_outlook *o)
{
    if (o->bridge.why == WHY_NOT_CONFIGURED) /* of a connected session, too, nobody knows */
        return o->bridge;
    return o->session.why != WHY_READY ? o->session : o->bridge;
}

enum session_action session_next_action(const struct reconnect_outlook *o)
{
    switch (o->row.retry.phase) {
    case RETRY_DUE:
        return o->park_at > 0 ? SESSION_ACTION_PARK : SESSION_ACTION_ATTEMPT;
    case RETRY_CALLING:
    case RETRY_VERIFYING:
        return SESSION_ACTION_VERDICT;
    default:
        return SESSION_ACTION_NONE;
    }
}

const char *session_action_text(enum session_action a)
{
    static const char *const texts[] = { [SESSION_ACTION_NONE] = "none",
                                         [SESSION_ACTION_ATTEMPT] = "attempt",
                                         [SESSION_ACTION_PARK] = "park",
                                         [SESSION_ACTION_VERDICT] = "verdict" };

    return texts[a];
}

int64_t session_next_at(const struct reconnect_outlook *o)
{
    switch (session_next_action(o)) {
    case SESSION_ACTION_ATTEMPT:
        return o->next_at;
    case SESSION_ACTION_PARK:
        return o->park_at;
    case SESSION_ACTION_VERDICT:
        return o->session.until;
    default:
        return 0;
    }
}

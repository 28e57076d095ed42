/* The next action for a session, as its outlook says it. Pure. */
#pragma once

#include "common/reconnect/reconnect.h"

/* The first thing that happens by itself: an attempt, the park of a session that cannot be attempted, the verdict of a running attempt. */
enum session_action {
    SESSION_ACTION_NONE,
    SESSION_ACTION_ATTEMPT,
    SESSION_ACTION_PARK,
    SESSION_ACTION_VERDICT
};

const char *session_action_text(enum session_action a); /* "none", "attempt", "park", "verdict" */
enum session_action session_next_action(const struct reconnect_outlook *o);
/* About when, steady ms; 0: not known. */
int64_t session_next_at(const struct reconnect_outlook *o);
/* Why not sooner: the session's own side first. */
struct retry_verdict session_next_obstacle(const struct reconnect_outlook *o);

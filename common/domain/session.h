/*
 * The states of a session, zapkeep's own; each bridge driver maps its bridge's status words to them. The number of
 * a state is stored in state.db, so a new state goes to the end of the list.
 */
#pragma once

#include "common/base/text.h"

/* X(NAME, text) */
#define SESSION_STATES(X)           \
    X(STARTING, "starting")         \
    X(QR_PENDING, "qr_pending")     \
    X(CONNECTED, "connected")       \
    X(DISCONNECTED, "disconnected") \
    X(LOGGED_OUT, "logged_out")     \
    X(FAILED, "failed")             \
    X(LOST, "lost")                 \
    X(UNKNOWN, "unknown") /* the bridge calls it by a word that its driver does not know */

enum session_state {
#define X(name, text) SESSION_##name,
    SESSION_STATES(X)
#undef X
        SESSION_STATE_N
};
const char *session_state_text(enum session_state s); /* "unknown" for a number that is no state */
int session_state_find(struct str text);              /* -1: none of ours */

/*
 * The states of a session, zapkeep's own; each bridge driver maps its bridge's status words to them. The number of
 * a state is stored in state.db, so a new state goes to the end of the list.
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

/* A session's id is kept as its bridge has it: 1 to 128 bytes of UTF-8 without control characters (C0, C1, DEL, and those
 * that turn the direction of text). It is never cut, and never part of a file name; in URLs and topics it is
 * percent-encoded. "." and ".." are none: a URL cannot name them. */
#define SESSION_ID_BYTES_MAX 128
#define SESSION_ID_MAX       (SESSION_ID_BYTES_MAX + 1) /* with its NUL */
bool session_id_is_valid(struct str id);
/* Copies a valid id with its NUL; false, and @ret "", when it is none. */
bool session_id_copy(struct str id, char ret[SESSION_ID_MAX]);

/* X(NAME, text). UNKNOWN: the bridge calls it by a word that its driver does not know. ACTION_REQUIRED: a person has to do
 * something that is no scan (a passkey). */
#define SESSION_STATES(X)           \
    X(STARTING, "starting")         \
    X(QR_PENDING, "qr_pending")     \
    X(CONNECTED, "connected")       \
    X(DISCONNECTED, "disconnected") \
    X(LOGGED_OUT, "logged_out")     \
    X(FAILED, "failed")             \
    X(LOST, "lost")                 \
    X(UNKNOWN, "unknown")           \
    X(ACTION_REQUIRED, "action_required")

enum session_state {
#define X(name, text) SESSION_##name,
    SESSION_STATES(X)
#undef X
        SESSION_STATE_N
};
const char *session_state_text(enum session_state s); /* "unknown" for a number that is no state */
int session_state_find(struct str text);              /* -1: none of ours */

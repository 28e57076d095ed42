/*
 * Topics of the bus: <type>/<bridge>/<session>, so that a prefix selects by type.
 *
 * Types are one list, the whole vocabulary. Session is empty for messages about a bridge
 * ("bridge.up/main/") and both are empty for log.head ("log.head//").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/text.h"
#include "common/domain/event_type.h"
#include "common/domain/session.h"

/* X(NAME, text); the types of events come first. */
#define TOPIC_TYPES(X)                            \
    EVENT_TYPES(X)                                \
    X(LOG_HEAD, "log.head")                       \
    X(BRIDGE_UP, "bridge.up")                     \
    X(BRIDGE_DOWN, "bridge.down")                 \
    X(SESSION_STATE, "session.state")             \
    X(RECONNECT_DUE, "reconnect.due")             \
    X(RECONNECT_STARTED, "reconnect.started")     \
    X(RECONNECT_SUCCEEDED, "reconnect.succeeded") \
    X(RECONNECT_FAILED, "reconnect.failed")       \
    X(RECONNECT_PARKED, "reconnect.parked")       \
    X(ALERT, "alert")                             \
    X(FORWARD_DEAD, "forward.dead")               \
    X(FORWARD_DESTINATION, "forward.destination") \
    X(FORWARD_COMMAND, "forward.command")

enum topic_type {
#define X(name, text) TOPIC_##name,
    TOPIC_TYPES(X)
#undef X
        TOPIC_TYPE_N
};

/* type + bridge + percent-encoded session, two slashes and the NUL: 24 + 64 + 3 * 128 + 3, with room. */
#define TOPIC_MAX 512

const char *topic_type_text(enum topic_type t);
/* -1 when it is none of ours. */
int topic_type_find(struct str text);
/* True for the types of events.db (message.*, session.connected/disconnected/qr/status, event.other). */
bool topic_type_is_event(enum topic_type t);

/* The bridge of a message on the bus, which begins with its topic; STR_NULL: it has none. */
struct str topic_bridge(struct str message);
/* Writes "type/bridge/session", the session percent-encoded (all but letters, digits and - _ . ~); -EMSGSIZE when a part is too long for TOPIC_MAX. Returns 0. */
int topic_format(const char *type, struct str bridge, struct str session, char ret[TOPIC_MAX]);

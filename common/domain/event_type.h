/*
 * The types of the events in events.db. A webhook whose type is none of these is stored as event.other.
 */
#pragma once

#include "common/base/text.h"

/* X(NAME, text) */
#define EVENT_TYPES(X)                                    \
    X(MESSAGE_RECEIVED, "message.received")               \
    X(MESSAGE_SENT, "message.sent")                       \
    X(MESSAGE_DELIVERED, "message.delivered")             \
    X(MESSAGE_READ, "message.read")                       \
    X(SESSION_CONNECTED, "session.connected")             \
    X(SESSION_DISCONNECTED, "session.disconnected")       \
    X(SESSION_QR, "session.qr")                           \
    X(SESSION_STATUS, "session.status")                   \
    X(SESSION_ACTION_REQUIRED, "session.action_required") \
    X(EVENT_OTHER, "event.other")

/* The type that zapkeep doctor gives to a webhook of its own; it is stored as event.other, and no destination gets it. */
#define PROBE_EVENT_TYPE "zapkeep.probe"

enum event_type {
#define X(name, text) EVENT_TYPE_##name,
    EVENT_TYPES(X)
#undef X
        EVENT_TYPE_N
};
const char *event_type_text(enum event_type t);
int event_type_find(struct str text); /* -1: none of ours */

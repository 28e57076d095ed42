/*
 * A message on the bus: topic, one NUL byte, one msgpack map. PROTOCOL.md is this list in words.
 *
 * The fields of all messages are one flat struct and one list (MESSAGE_FIELDS): adding a field is one line.
 * A field that is not set is not sent: text with p == NULL, numbers with MESSAGE_UNSET; but bridge and
 * session always are, empty where there is none. A reader ignores keys it does not know.
 */
#pragma once

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "proto/topic.h"

#define MESSAGE_VERSION 1
#define MESSAGE_UNSET   INT64_MIN
/* The largest message: a 1 MiB webhook body, and its frame. Set as NNG_OPT_RECVMAXSZ. */
#define MESSAGE_BYTES_MAX (1024 * 1024 + 64 * 1024)

/* X(kind, name): kind is STR (msgpack str), BIN (msgpack bin) or INT. In the order they are written. */
#define MESSAGE_FIELDS(X)                                                                              \
    X(INT, v)    /* MESSAGE_VERSION; set by message_encode() */                                        \
    X(STR, id)   /* unique id of the message: evt_… for events, msg_… for the rest */              \
    X(INT, at)   /* ms since the epoch, when we recorded it */                                         \
    X(STR, type) /* a topic type's text */                                                             \
    X(STR, bridge)                                                                                     \
    X(STR, session)                                                                                    \
    X(STR, src)         /* the service that speaks: webhook-ingest, monitor, reconnect-worker */       \
    X(INT, seq)         /* events, log.head: place in events.db, dense, from 1 */                      \
    X(INT, occurred_at) /* events: the bridge's own time, ms since the epoch */                        \
    X(STR, message_id)  /* events: WhatsApp's id of the message */                                     \
    X(BIN, body)        /* events: the webhook's bytes as received */                                  \
    X(STR, from)        /* session.state */                                                            \
    X(STR, to)          /* session.state */                                                            \
    X(STR, cause)       /* session.state, reconnect.*, bridge.*, alert: a cause's name or words */     \
    X(INT, due_at)      /* reconnect.due */                                                            \
    X(INT, attempt)     /* reconnect.*: number of this attempt since the drop, from 1 */               \
    X(INT, http_status) /* reconnect.*, bridge.*: the status that the bridge answered, 0: no answer */ \
    X(INT, took_ms)                                                                                    \
    X(INT, next_at)     /* reconnect.failed: not before, ms since the epoch */                         \
    X(STR, worker)      /* reconnect.*: name of the worker */                                          \
    X(STR, alert)       /* alert: its name, "session-logged-out" */                                    \
    X(STR, status)      /* alert: firing or resolved */                                                \
    X(STR, text)        /* alert, reconnect.*, forward.*: one sentence for a person */                 \
    X(STR, destination) /* forward.*: the name of a destination */

struct message {
#define STR(name)     struct str name;
#define BIN(name)     struct str name;
#define INT(name)     int64_t name;
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef INT
#undef BIN
#undef STR
};

/* All fields absent, v = MESSAGE_VERSION. */
void message_init(struct message *ret);

/*
 * Appends "<type>/<bridge>/<session>", NUL and the map to @out. @m->type must be set; bridge and session may
 * be absent (written as empty). Returns 0, -EMSGSIZE, -ENOMEM.
 */
int message_encode(const struct message *m, struct buf *out);

/*
 * Reads one message as received. Texts point into @bytes.
 * Returns 0, or -EBADMSG: no NUL, not one map, a known key with a wrong kind, trailing bytes, an unknown
 * version.
 */
int message_decode(struct str bytes, struct message *ret);

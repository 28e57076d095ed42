/*
 * A webhook, read into our words. Pure: bytes in, values out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/json_in.h"
#include "common/base/text.h"
#include "common/domain/event_type.h"
#include "common/domain/session.h"

/* Where webhook-ingest takes webhooks: of the first bridge (the path of the original integration, which a backend has, too), and of the
 * bridge whose name follows. */
#define WEBHOOK_PATH_DEFAULT   "/api/v1/messages/webhook"
#define WEBHOOK_PATH_OF_BRIDGE "/webhook/"
/* WhatsApp message ids are at most about 40 characters; room for others' composed ones. */
#define WEBHOOK_MESSAGE_ID_MAX 256
/* Deepest JSON nesting that is taken; real webhooks nest under 10. */
#define WEBHOOK_DEPTH_MAX JSON_IN_DEPTH_MAX

/* Identity of an event for deduplication: same key = the same event sent again. */
struct webhook_key {
    int64_t time_ms;    /* a time that is the same in every retry (so that keys cluster in time); 0: none */
    bool is_unique;     /* no other delivery is this event, even with equal bytes */
    bool has_state;     /* it says a session's state, and `state` is equal while nothing changed */
    uint8_t state[16];  /* of bridge, session and the statement, without the time */
    bool by_body;       /* the sender gave the event no id: the digest is of the whole body */
    uint8_t digest[16]; /* SHA-256 over the bridge's name and the whole body, or, when the sender gives the
                           event an id, over bridge, id, type, session and message; cut to 16 */
};

struct webhook {
    enum event_type type;                    /* EVENT_TYPE_EVENT_OTHER for a type the driver does not know */
    char session[SESSION_ID_MAX];            /* "" when the webhook names none, or one that is no valid id */
    int64_t occurred_at;                     /* the bridge's time, ms since the epoch; 0: it names none */
    char message_id[WEBHOOK_MESSAGE_ID_MAX]; /* "" when there is none; longer ones are cut */
    struct webhook_key key;
    /* session.disconnected only */
    int64_t ban_until;     /* of a temporary ban: the time of its end, ms since the epoch; 0: not given */
    int code;              /* disconnect code (408, 428, 440, …), 0: none given */
    bool should_reconnect; /* the bridge's own flag; true when absent */
    bool has_should_reconnect;
};

enum webhook_answer {
    WEBHOOK_NOT_JSON = 1,   /* not JSON at all: a 400 */
    WEBHOOK_UNREADABLE = 2, /* JSON, but no object, without an event type or nested deeper than
                               WEBHOOK_DEPTH_MAX: kept as rejected, 400 */
};

/* A header of the request, by lower-case name; STR_NULL when absent. */
struct webhook_request {
    struct str body;
    struct str (*header)(void *ctx, const char *name);
    void *ctx;
};

/* The value of a header, STR_NULL: there is none. */
struct str webhook_header(const struct webhook_request *req, const char *name);

/*
 * Reads zapw's envelope and the flat form of the contract; drivers name it in their row. The event's id is
 * that of a header X-Webhook-Id or webhook-id, or an envelope "id" that starts with evt_; without an event
 * type in the body X-Webhook-Event is taken. Returns 0, a webhook_answer, or -ENOMEM; @ret is untouched
 * unless 0.
 */
int webhook_read(const struct webhook_request *req, struct str bridge_name, struct webhook *ret);

/* For drivers with an envelope of their own: */

/* Makes w->key of the other fields and the bridge's name: from @event_id with type, session and message id, or, when it
 * is "", from the whole body. Returns 0 or -ENOMEM. */
int webhook_make_key(const struct webhook_request *req, struct str bridge_name, const char *event_id,
                     struct webhook *w);
/* Longest event id that is taken for one. */
#define WEBHOOK_EVENT_ID_MAX 128
/* Milliseconds, seconds, or ISO 8601 (2009 to 2100); 0 when the value is none of them. */
int64_t webhook_time_of(struct json_value v);
/* Copies a session's id, a text or a number as the bridge wrote it; "" when it is none. */
void webhook_read_session(struct json_value v, char ret[SESSION_ID_MAX]);

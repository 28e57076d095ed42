/*
 * Refused requests: counted by reason, and logged in lines of which there are never many. A sender
 * whose webhooks are refused loses them, so the line names it.
 */
#pragma once

#include <stdint.h>

#include "common/io/http_server.h"

/* The first of each reason is logged at once; then one line per interval says how many there were. */
#define REFUSALS_EVERY_MS (10 * 1000)

#define REFUSALS(X)                                                                              \
    X(UNAUTHORIZED, "unauthorized") /* 401: no token, a wrong one, a wrong or stale signature */ \
    X(ROUTE, "route")               /* 404, 405 */                                               \
    X(MEDIA_TYPE, "media_type")     /* 415 */                                                    \
    X(BODY_SIZE, "body_size")       /* 413 */                                                    \
    X(UNREADABLE, "unreadable")     /* 400: not JSON, or not a webhook */                        \
    X(FROM_BROWSER, "from_browser") /* 403, 421: without a token, by a page or a foreign name */ \
    X(MALFORMED, "malformed")       /* 400, 414, 417, 431, 501, 505: the header */               \
    X(INCOMPLETE, "incomplete")     /* closed: too slow, or the sender went away */              \
    X(PEER_LIMIT, "peer_limit")     /* 503: one address has its part of memory or connections */ \
    X(OVERLOAD, "overload")         /* 503: all memory for requests, or the queue, is in use */  \
    X(NOT_STORED, "not_stored")     /* 503: the event log cannot be written */

enum refusal_reason {
#define X(name, text) REFUSAL_##name,
    REFUSALS(X)
#undef X
        REFUSAL_N
};

struct refusals {
    int64_t logged_ms[REFUSAL_N]; /* loop time of the last line; 0: none yet */
    int64_t more[REFUSAL_N];      /* since then */
};
#define REFUSALS_NULL ((struct refusals){ 0 })

struct refusal {
    enum refusal_reason reason;
    int status;         /* 0: closed without an answer */
    const char *detail; /* a sentence */
    struct str bridge, path, peer;
    int64_t bytes; /* of the body, as far as known */
};

/* Counts it, and logs it when a line is due. */
void refusals_note(struct refusals *r, const struct refusal *f, int64_t now_ms);
/* Of a status that the handlers answered. */
enum refusal_reason refusals_of_status(int status);
/* Of a request that the HTTP server refused by itself. */
enum refusal_reason refusals_of_server(enum http_refusal why);

/* The metrics of webhook-ingest. They are defined in ingest_metrics.c. */
#pragma once

#include "common/base/metrics.h"

/* Series of `refused`: the reasons. */
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

/* Series of `events` and `removed`. */
enum { EVENTS_ACCEPTED, EVENTS_DUPLICATE, EVENTS_REJECTED };
enum { REMOVED_EVENTS, REMOVED_UNREAD, REMOVED_KEYS, REMOVED_KEYS_EARLY };

extern struct metric ingest_requests, ingest_refused, ingest_overloaded, ingest_events, ingest_commit_seconds,
    ingest_checkpoint_seconds, ingest_batch_events, ingest_commit_failures, ingest_removed, ingest_waiting,
    ingest_connections, ingest_head, ingest_oldest, ingest_wal_pages, ingest_disk_free, ingest_writable,
    ingest_notifications_dropped;

/* Counts an answer; 0: a connection that was closed without one. */
void ingest_metrics_answered(int status);

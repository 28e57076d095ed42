/* The metrics of webhook-ingest. A metric is one row here and its definition in ingest_metrics.c. */
#pragma once

#include "common/base/metrics.h"

#define INGEST_METRICS(X) \
    X(requests)           \
    X(refused)            \
    X(events)             \
    X(commit_seconds)     \
    X(checkpoint_seconds) \
    X(batch_events)       \
    X(commit_failures)    \
    X(removed)            \
    X(waiting)            \
    X(connections)        \
    X(overloaded)         \
    X(head)               \
    X(oldest)             \
    X(wal_pages)          \
    X(disk_free)          \
    X(writable)           \
    X(notifications_dropped)

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

struct ingest_metrics {
#define X(name) struct metric name;
    INGEST_METRICS(X)
#undef X
};
extern struct ingest_metrics ingest_metrics;

void ingest_metrics_add(void);
/* Counts an answer; 0: a connection that was closed without one. */
void ingest_metrics_answered(int status);

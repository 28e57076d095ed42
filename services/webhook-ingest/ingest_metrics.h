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

/* Series of `events` and `removed`; those of `refused` are in refusals.h. */
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

/* What webhook-ingest counts. */
#pragma once

#include "common/base/metrics.h"

/* Series of `events` and `removed`. */
enum { EVENTS_ACCEPTED, EVENTS_DUPLICATE, EVENTS_REJECTED };
enum { REMOVED_EVENTS, REMOVED_UNREAD, REMOVED_KEYS, REMOVED_KEYS_EARLY };

struct ingest_metrics {
    struct metric requests, events, commit_seconds, checkpoint_seconds, batch_events, commit_failures,
        removed;
    struct metric waiting, connections, head, oldest, wal_pages, disk_free, writable, notifications_dropped;
};
extern struct ingest_metrics ingest_metrics;

void ingest_metrics_add(void);
/* Counts an answer; 0: a connection that was closed without one. */
void ingest_metrics_answered(int status);

#include "services/webhook-ingest/ingest_metrics.h"

/* Time is kept in microseconds and shown in seconds. */
#define US 0.000001

static const int codes[] = { 200, 400, 401, 403, 404, 405, 413, 414, 415, 421, 431, 501, 503, 0 };
#define CODES    (sizeof codes / sizeof codes[0])
#define CODE_ANY CODES /* the series of every other code */

METRIC ingest_requests = {
    .name = "zapkeep_ingest_requests_total",
    .help = "Requests to the webhook paths by the code of their answer; closed: none was given",
    .kind = METRIC_COUNTER,
    .label = "code",
    .values = { "200", "400", "401", "403", "404", "405", "413", "414", "415", "421", "431", "501", "503",
                "closed", "other" },
};
METRIC ingest_refused = { .name = "zapkeep_ingest_refused_total",
                 .help = "Requests that were refused, by reason",
                 .kind = METRIC_COUNTER,
                 .label = "reason",
                 .values = {
#define X(name, text) text,
                     REFUSALS(X)
#undef X
                 },
};
METRIC ingest_overloaded = {
    .name = "zapkeep_ingest_overloaded",
    .help = "1 when a limit for all senders refused something in the last seconds",
    .kind = METRIC_GAUGE,
};
METRIC ingest_events = {
    .name = "zapkeep_ingest_events_total",
    .by_bridge = true,
    .help = "Webhooks by what came of them",
    .kind = METRIC_COUNTER,
    .label = "result",
    .values = { "accepted", "duplicate", "rejected" },
};
METRIC ingest_commit_seconds = {
    .name = "zapkeep_ingest_commit_seconds",
    .help = "Time of a commit, fsync included",
    .kind = METRIC_HISTOGRAM,
    .scale = US,
    .bounds = { 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10 },
};
METRIC ingest_checkpoint_seconds = {
    .name = "zapkeep_ingest_checkpoint_seconds",
    .help = "Time of a checkpoint",
    .kind = METRIC_HISTOGRAM,
    .scale = US,
    .bounds = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10 },
};
METRIC ingest_batch_events = {
    .name = "zapkeep_ingest_batch_events",
    .help = "Webhooks in one commit",
    .kind = METRIC_HISTOGRAM,
    .bounds = { 1, 2, 4, 8, 16, 32, 64, 128, 256 },
};
METRIC ingest_commit_failures = {
    .name = "zapkeep_ingest_commit_failures_total",
    .help = "Commits that failed; their webhooks were answered 503",
    .kind = METRIC_COUNTER,
};
METRIC ingest_removed = {
    .name = "zapkeep_ingest_removed_total",
    .help = "Removed by retention: events, of those unread by a consumer, deduplication keys, "
            "of those before their time for want of room",
    .kind = METRIC_COUNTER,
    .label = "what",
    .values = { "events", "unread_events", "keys", "keys_early" },
};
METRIC ingest_waiting = {
    .name = "zapkeep_ingest_waiting",
    .help = "Webhooks that wait for their commit",
    .kind = METRIC_GAUGE,
};
METRIC ingest_connections = {
    .name = "zapkeep_ingest_connections",
    .help = "Open connections",
    .kind = METRIC_GAUGE,
};
METRIC ingest_head = {
    .name = "zapkeep_ingest_head_seq",
    .help = "Newest seq in the log",
    .kind = METRIC_GAUGE,
};
METRIC ingest_oldest = {
    .name = "zapkeep_ingest_oldest_seq",
    .help = "Oldest seq kept",
    .kind = METRIC_GAUGE,
};
METRIC ingest_wal_pages = {
    .name = "zapkeep_ingest_wal_pages",
    .help = "Pages in the write-ahead log",
    .kind = METRIC_GAUGE,
};
METRIC ingest_disk_free = {
    .name = "zapkeep_ingest_disk_free_bytes",
    .help = "Free on the disk of the data directory",
    .kind = METRIC_GAUGE,
};
METRIC ingest_writable = {
    .name = "zapkeep_ingest_writable",
    .help = "1 when the last commit went well, 0 when webhooks are answered 503",
    .kind = METRIC_GAUGE,
};
METRIC ingest_notifications_dropped = {
    .name = "zapkeep_ingest_notifications_dropped_total",
    .help = "Notifications dropped because too many waited; the rows are in the log",
    .kind = METRIC_COUNTER,
};

void ingest_metrics_answered(int status)
{
    unsigned long i = 0;

    while (i < CODES && codes[i] != status)
        i++;
    metric_add(&ingest_requests, i < CODES ? (int)i : (int)CODE_ANY, 1);
}

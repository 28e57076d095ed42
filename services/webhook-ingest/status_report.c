/*
 * What an operator has to know about the log's health: one line when it changes, metrics each second, and
 * /ready: can it commit within a second?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/base/log.h"
#include "services/webhook-ingest/ingest.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* A commit that takes longer is too slow to be called ready. */
#define READY_US (1000 * 1000)

/* ---- lines ----------------------------------------------------------------------------------- */

static void report_writable(const struct committer_status *was, const struct committer_status *s)
{
    if (s->fatal && !was->fatal && s->result == -ESTALE)
        log_error(
            "event-log-replaced",
            "events.db was replaced or removed while it was open; webhooks are answered 503; ending, to open "
            "at the next start the file that is there: check that its volume is mounted",
            KS("error", s->detail));
    else if (s->fatal && !was->fatal)
        log_error("event-log-sync-failed",
                  "an fsync of the event log failed: what is on disk is unknown; ending, to recover from the "
                  "log at the next start",
                  KS("error", s->detail));
    else if (s->result != 0 && was->result != s->result)
        log_error("event-log-failed",
                  "the event log cannot be written; webhooks are answered 503 until it can",
                  KS("error", err_text(s->result)), KS("detail", s->detail));
    else if (s->result == 0 && was->result != 0)
        log_info("event-log-works", "the event log can be written again", KI("head", s->head));
}

static void report_held(const struct committer_status *was, const struct committer_status *s)
{
    char size[32];
    char pids[96] = "";
    size_t n = 0;

    for (int i = 0; i < s->n_holders && n < sizeof pids; i++)
        n += (size_t)snprintf(pids + n, sizeof pids - n, "%s%lld", i ? "," : "", (long long)s->holders[i]);
    text_bytes(s->wal.bytes, size, sizeof size);
    if (s->held && !was->held)
        log_error("wal-held",
                  "a reader holds an old snapshot of events.db, so its write-ahead log grew to its limit; "
                  "webhooks are answered 503 until that process lets go or is stopped (pid 0: it runs in "
                  "another container)",
                  KS("pid", pids), KS("wal", size));
    else if (s->wal_large && !was->wal_large)
        log_warn(
            "wal-large",
            "a reader holds an old snapshot of events.db, so its write-ahead log grows (pid 0: it runs in "
            "another container)",
            KS("pid", pids), KS("wal", size));
    else if (was->held && !s->held)
        log_info("wal-free", "the write-ahead log is in use again");
}

static void report_retention(struct ingest *in, const struct committer_status *s)
{
    int64_t unread = metric_get(&ingest_metrics.removed, REMOVED_UNREAD);

    if (s->retention_held && !in->reported.retention_held)
        log_warn("retention-held",
                 "old events stay because a registered consumer has not read them; if it is gone for good, "
                 "remove its cursor",
                 KI("oldest", s->oldest));
    if (unread > in->reported_unread)
        log_error(
            "retention-forced",
            "events that a registered consumer has not read were removed: the log is beyond its hard size",
            KI("events", unread - in->reported_unread), KI("oldest", s->oldest));
    in->reported_unread = unread;
    if (s->disk_over && !in->reported.disk_over)
        log_error("disk-limit",
                  "the stores are beyond ZAPKEEP_DISK_SIZE: the oldest deduplication keys go early (a "
                  "webhook that is "
                  "repeated after more than an hour may be stored twice), then the oldest events, also "
                  "unread ones; "
                  "make the limit larger or the retention shorter",
                  KI("oldest", s->oldest));
    else if (!s->disk_over && in->reported.disk_over)
        log_info("disk-limit-ends", "the stores are within ZAPKEEP_DISK_SIZE again");
}

static void report_clock(const struct committer_status *was, const struct committer_status *s)
{
    char ahead[32];

    (void)text_duration(s->clock_ahead_ms, ahead, sizeof ahead);
    if (s->clock_ahead_ms > 0 && was->clock_ahead_ms == 0)
        log_warn("clock-ahead",
                 "the clock was set ahead; what is stored ages as if it had not been, until the next start: "
                 "if the clock is right now, start this program again when you like",
                 KS("by", ahead));
    else if (s->clock_ahead_ms == 0 && was->clock_ahead_ms > 0)
        log_info("clock-right", "the clock is where it was expected again");
}

void status_report_status(struct ingest *in)
{
    struct committer_status s;

    committer_status(in->committer, &s);
    report_writable(&in->reported, &s);
    report_held(&in->reported, &s);
    report_retention(in, &s);
    report_clock(&in->reported, &s);
    in->reported = s;
}

/* ---- each second ----------------------------------------------------------------------------- */

void status_report_gauges(struct ingest *in)
{
    const struct committer_status *s = &in->reported;
    struct statvfs disk;

    metric_set(&ingest_metrics.waiting, 0, committer_waiting(in->committer));
    metric_set(&ingest_metrics.connections, 0, http_server_connections(in->server));
    metric_set(&ingest_metrics.head, 0, s->head);
    metric_set(&ingest_metrics.oldest, 0, s->oldest);
    metric_set(&ingest_metrics.wal_pages, 0, s->wal.frames);
    metric_set(&ingest_metrics.writable, 0, s->open && s->result == 0 && !s->held);
    if (statvfs(in->settings.app.data_dir, &disk) == 0)
        metric_set(&ingest_metrics.disk_free, 0, (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
}

void status_report_second(struct ingest *in)
{
    status_report_status(in);
    if (in->reported.open)
        publisher_head(in->publisher, in->reported.head);
}

/* ---- /ready ---------------------------------------------------------------------------------- */

static const char *not_ready(const struct committer_status *s, int64_t now_us)
{
    if (s->held)
        return "a reader keeps the write-ahead log from being used again";
    if (s->busy_since_us != 0 && now_us - s->busy_since_us > READY_US)
        return "a commit has been running for more than a second";
    if (s->last_took_us > READY_US)
        return "the last commit took more than a second";
    return NULL;
}

/* Answers from what is known, and asks for a commit of nothing when that is more than a second old: the next
 * question has the answer. */
int status_report_ready(void *ctx, char *ret_why, size_t n)
{
    struct ingest *in = ctx;
    struct committer_status s;
    int64_t now_us = clock_mono_us();
    const char *why;

    committer_status(in->committer, &s);
    if (s.busy_since_us == 0 && now_us - s.last_commit_us > READY_US)
        committer_probe(in->committer);
    if (s.result != 0 || !s.open) {
        (void)snprintf(ret_why, n, "the event log cannot be written: %s", err_text(s.result));
        return -EIO;
    }
    why = not_ready(&s, now_us);
    if (!why)
        return 0;
    (void)snprintf(ret_why, n, "%s", why);
    return -EIO;
}

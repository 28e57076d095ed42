#include "services/webhook-ingest/status_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* A commit that takes longer is too slow to be called ready. */
#define READY_US (1000 * 1000)

struct status_report {
    struct committer *committer;
    struct publisher *publisher;
    const char *data_dir, *store;
    struct http_server *server;       /* NULL: not open */
    struct committer_status reported; /* the status of the last log lines */
    int64_t reported_unread;          /* of the metric */
    enum http_refusal reported_overload;
};

/* ---- lines ----------------------------------------------------------------------------------- */

static void report_writable(const struct status_report *r, const struct committer_status *was,
                            const struct committer_status *s)
{
    bool of_server = store_is_server(r->store);
    char problem[512];

    db_problem_detail(s->result, s->detail); /* the commit thread had it */
    if (s->fatal && !was->fatal && s->result == -ESTALE)
        log_error(
            "event-log-replaced",
            "events.db or its write-ahead log was replaced or removed while it was open; webhooks are "
            "answered "
            "503; ending, to open at the next start the file that is there: check that its volume is mounted",
            KS("error", s->detail));
    else if (s->fatal && !was->fatal)
        log_error("event-log-sync-failed",
                  "an fsync of the event log failed, so the content of the disk is unknown; ending, to "
                  "recover from the "
                  "log at the next start",
                  KS("error", s->detail));
    else if (s->result != 0 && was->result != s->result)
        log_error(
            "event-log-failed", "the event log cannot be written; webhooks are answered 503 until it can",
            KS("error", of_server ? db_problem(r->store, EVENTS_DB_FILE, s->result, problem, sizeof problem)
                                  : err_text(s->result)),
            KS("detail", of_server ? "" : s->detail)); /* db_problem() has it at its end */
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

static void report_retention(struct status_report *r, const struct committer_status *s)
{
    int64_t unread = metric_get(&ingest_removed, REMOVED_UNREAD);

    if (s->retention_held && !r->reported.retention_held)
        log_warn("retention-held",
                 "old events stay because a registered consumer has not read them; they go when it has, or "
                 "beyond ZAPKEEP_RETENTION_HARD_SIZE",
                 KI("oldest", s->oldest));
    if (unread > r->reported_unread)
        log_error(
            "retention-forced",
            "events that a registered consumer has not read were removed: the log is beyond its hard size",
            KI("events", unread - r->reported_unread), KI("oldest", s->oldest));
    r->reported_unread = unread;
}

static void report_clock(const struct committer_status *was, const struct committer_status *s)
{
    char ahead[32];

    (void)text_duration(s->clock_ahead_ms, ahead, sizeof ahead);
    if (s->clock_ahead_ms > 0 && was->clock_ahead_ms == 0)
        log_warn("clock-ahead",
                 "the clock was set ahead; stored events age as if it had not been, until the next start: if "
                 "the clock is right now, restart webhook-ingest",
                 KS("by", ahead));
    else if (s->clock_ahead_ms == 0 && was->clock_ahead_ms > 0)
        log_info("clock-right", "the clock is where it was expected again");
}

static void report_overload(struct status_report *r)
{
    enum http_refusal now = r->server ? http_server_overload(r->server) : HTTP_REFUSAL_N;

    if (now != HTTP_REFUSAL_N && r->reported_overload == HTTP_REFUSAL_N)
        log_error("overloaded",
                  now == HTTP_REFUSED_CONNECTIONS
                      ? "all connections are in use; new senders wait until one is free: see "
                        "ZAPKEEP_INGEST_CONNECTIONS"
                      : "all memory for requests is in use; webhooks are answered 503: see "
                        "ZAPKEEP_INGEST_BODY_MAX",
                  KS("limit", http_refusal_text(now)));
    else if (now == HTTP_REFUSAL_N && r->reported_overload != HTTP_REFUSAL_N)
        log_info("overload-over", "there is room for webhooks again");
    r->reported_overload = now;
}

void status_report_update(struct status_report *r)
{
    struct committer_status s;

    committer_status(r->committer, &s);
    report_writable(r, &r->reported, &s);
    report_held(&r->reported, &s);
    report_retention(r, &s);
    report_clock(&r->reported, &s);
    r->reported = s;
}

/* ---- each second ----------------------------------------------------------------------------- */

void status_report_gauges(void *ctx)
{
    struct status_report *r = ctx;
    const struct committer_status *s = &r->reported;
    struct statvfs disk;

    metric_set(&ingest_waiting, 0, committer_waiting(r->committer));
    if (r->server) {
        metric_set(&ingest_connections, 0, http_server_connections(r->server));
        metric_set(&ingest_overloaded, 0, http_server_overload(r->server) != HTTP_REFUSAL_N);
    }
    metric_set(&ingest_head, 0, s->head);
    metric_set(&ingest_oldest, 0, s->oldest);
    metric_set(&ingest_wal_pages, 0, s->wal.frames);
    metric_set(&ingest_writable, 0, s->open && s->result == 0 && !s->held);
    if (statvfs(r->data_dir, &disk) == 0)
        metric_set(&ingest_disk_free, 0, (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
}

void status_report_second(struct status_report *r)
{
    status_report_update(r);
    report_overload(r);
    if (r->reported.open)
        publisher_head(r->publisher, r->reported.head);
}

const char *status_report_log_id(const struct status_report *r)
{
    return r->reported.log_id;
}

bool status_report_is_writable(const struct status_report *r)
{
    return r->reported.open && r->reported.result == 0;
}

bool status_report_is_over_disk(const struct status_report *r)
{
    return r->reported.disk_over;
}

bool status_report_is_fatal(const struct status_report *r)
{
    return r->reported.fatal;
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

/* Answers from the last commit, and asks for a commit of nothing when that is more than a second old: the next
 * question has the answer. */
int status_report_store(void *ctx, char *ret_why, size_t n)
{
    struct status_report *r = ctx;
    struct committer_status s;
    int64_t now_us = clock_mono_us();
    const char *why;

    committer_status(r->committer, &s);
    if (s.busy_since_us == 0 && now_us - s.last_commit_us > READY_US)
        committer_probe(r->committer);
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

int status_report_load(void *ctx, char *ret_why, size_t n)
{
    struct status_report *r = ctx;
    enum http_refusal over = r->server ? http_server_overload(r->server) : HTTP_REFUSAL_N;

    if (over == HTTP_REFUSAL_N)
        return 0;
    (void)snprintf(ret_why, n, "overloaded: %s",
                   over == HTTP_REFUSED_CONNECTIONS ? "all connections are in use"
                                                    : "all memory for requests is in use");
    return -EBUSY;
}

/* ---- open and close -------------------------------------------------------------------------- */

int status_report_open(struct committer *c, struct publisher *p, const char *data_dir, const char *store,
                       struct status_report **ret)
{
    struct status_report *r = mem_zalloc(sizeof *r);

    if (!r)
        return -ENOMEM;
    *r = (struct status_report){ .committer = c,
                                 .publisher = p,
                                 .data_dir = data_dir,
                                 .store = store,
                                 .reported_overload = HTTP_REFUSAL_N };
    *ret = r;
    return 0;
}

void status_report_server(struct status_report *r, struct http_server *server)
{
    r->server = server;
}

void status_report_close(struct status_report *r)
{
    mem_free(r);
}

/*
 * webhook-ingest: HTTP in → authenticate → decode → append (commit) → answer → ring.
 */
#pragma once

#include "common/app/app.h"
#include "common/bridge/driver.h"
#include "common/bridge/signature.h"
#include "services/webhook-ingest/committer.h"
#include "services/webhook-ingest/publisher.h"

struct ingest_settings {
    struct app_settings app;
    struct bridge_settings bridge;
    const char *listen;
    const char *token;
    int64_t header_ms, body_ms, idle_ms;
    int64_t connections;
    int64_t retention_age_ms, retention_bytes, retention_hard_bytes;
    int64_t wal_bytes, disk_bytes;
    bool new_log; /* --new-log */
};

/* Schemes of all drivers and the closing 0. */
#define INGEST_SCHEMES_MAX 8

struct ingest {
    struct app *app;
    struct ingest_settings settings;
    struct tokens tokens;
    const struct bridge_driver *driver; /* reads the webhooks; NULL: "auto" */
    int schemes[INGEST_SCHEMES_MAX];
    struct committer *committer;
    struct publisher *publisher;
    struct http_server *server;
    struct timer *second, *stop;
    struct committer_status reported; /* what the log lines said last */
    int64_t reported_unread;
    int64_t refused; /* 401s, for the log */
};
#define INGEST_NULL ((struct ingest){ 0 })

int ingest_open(struct ingest *in, const struct app_start *start); /* 0, APP_EXIT(…) or negative */
void ingest_close(struct ingest *in);

/* receive.c: the handlers of the HTTP server, ctx is the struct ingest. */
extern const struct http_handlers receive_handlers;
/* What came back from the commit thread: answers and rings. */
void receive_committed(struct ingest *in, struct list *items);

/* status_report.c: state that changed becomes a log line, once; metrics and log.head each second; /ready. */
void status_report_status(struct ingest *in);
void status_report_second(struct ingest *in);
void status_report_gauges(struct ingest *in);                /* before they are shown */
int status_report_ready(void *ctx, char *ret_why, size_t n); /* an app_check, ctx is the struct ingest */

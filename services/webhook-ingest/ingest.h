/*
 * webhook-ingest: HTTP in → authenticate → decode → append (commit) → answer → publish.
 */
#pragma once

#include "common/app/app.h"
#include "common/bridge/driver.h"
#include "common/bridge/signature.h"
#include "services/webhook-ingest/committer.h"
#include "services/webhook-ingest/publisher.h"
#include "services/webhook-ingest/receive.h"
#include "services/webhook-ingest/status_report.h"

struct ingest_settings {
    struct app_settings app;
    struct bridge_settings bridge;
    const char *listen;
    const char *token;
    int64_t header_ms, body_ms, idle_ms;
    int64_t connections, peer_connections;
    int64_t body_bytes;
    int64_t retention_age_ms, retention_bytes, retention_hard_bytes;
    int64_t wal_bytes, disk_bytes;
    bool new_log; /* --new-log */
};

/* Schemes of all drivers and the closing 0. */
#define INGEST_SCHEMES_MAX 16

struct ingest {
    struct app *app;
    struct ingest_settings settings;
    struct tokens tokens;
    const struct bridge_driver *driver; /* reads the webhooks; NULL: the one that claims the body */
    int schemes[INGEST_SCHEMES_MAX];
    struct committer *committer;
    struct publisher *publisher;
    struct receiver *receiver;
    struct status_report *report;
    struct http_server *server;
    struct timer *second, *stop;
};
#define INGEST_NULL ((struct ingest){ 0 })

int ingest_open(struct ingest *in, const struct app_start *start); /* 0, APP_EXIT(…) or negative */
void ingest_close(struct ingest *in);

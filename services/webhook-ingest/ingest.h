/*
 * webhook-ingest: HTTP in → authenticate → decode → append (commit) → answer → publish.
 */
#pragma once

#include "common/app/app.h"
#include "services/webhook-ingest/alert_thread.h"
#include "services/webhook-ingest/arrival_alert.h"
#include "services/webhook-ingest/committer.h"
#include "services/webhook-ingest/disk_alert.h"
#include "services/webhook-ingest/publisher.h"
#include "services/webhook-ingest/receive.h"
#include "services/webhook-ingest/settings.h"
#include "services/webhook-ingest/source.h"
#include "services/webhook-ingest/status_report.h"

struct ingest {
    struct app *app;
    struct ingest_settings settings;
    struct sources *sources;
    struct committer *committer;
    struct publisher *publisher;
    struct receiver *receiver;
    struct status_report *report;
    struct arrival_alert *arrival_alert;
    struct disk_alert *disk_alert;
    struct alert_thread *alert_thread; /* NULL: the loop writes the alerts */
    struct http_server *server;
    struct timer *second, *stop;
};
#define INGEST_NULL ((struct ingest){ 0 })

int ingest_open(struct ingest *in, const struct app_start *start); /* 0, APP_EXIT(…) or negative */
void ingest_close(struct ingest *in);

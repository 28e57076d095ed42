/* Webhooks: from the HTTP request through the commit to the answer. */
#pragma once

#include "common/app/app.h"
#include "services/webhook-ingest/arrival_alert.h"
#include "services/webhook-ingest/committer.h"
#include "services/webhook-ingest/publisher.h"
#include "services/webhook-ingest/source.h"

struct receiver;

/* All is kept by reference. */
struct receiver_options {
    struct app *app;
    struct committer *committer;
    struct publisher *publisher;
    const struct sources *sources;
    struct arrival_alert *arrivals;
    void (*before_metrics)(void *ctx); /* brings the gauges up to date */
    void *ctx;
};

int receiver_open(const struct receiver_options *o, struct receiver **ret); /* 0 or -ENOMEM */
void receiver_close(struct receiver *r);                                    /* NULL is nothing */

/* The handlers of the HTTP server; their ctx is the struct receiver. */
extern const struct http_handlers receiver_handlers;
/* Items came back from the commit thread: they are answered, and published under the ids of @log_id. */
void receiver_committed(struct receiver *r, struct list *items, const char *log_id);

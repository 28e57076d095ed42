/*
 * Delivers the outbox to the sinks, one note at a time and in order per sink, and the
 * heartbeat. A sink that fails is tried again with backoff; it holds up neither the monitor nor the other
 * one.
 */
#pragma once

#include "common/app/app.h"
#include "common/store/alerts.h"
#include "services/monitor/alert_format.h"

struct alert_sender;

struct alert_sender_options {
    const char *url[SINK_KIND_N]; /* "" : not set */
    const char *heartbeat_url;
    int64_t heartbeat_ms;
};

/* @db and the options are kept by reference. */
int alert_sender_open(struct app *app, struct db *db, const struct alert_sender_options *o,
                      struct alert_sender **ret);
void alert_sender_close(struct alert_sender *p); /* NULL is nothing */
/* Something may have been added to the outbox. */
void alert_sender_kick(struct alert_sender *p);
/* A full sweep has ended: the heartbeat goes out, unless the last one is fresh. */
void alert_sender_heartbeat(struct alert_sender *p);

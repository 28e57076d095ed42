/*
 * Delivering what is in the outbox to the sinks outside, one note at a time and in order per sink, and the
 * heartbeat. A sink that fails is tried again with backoff; it holds up neither the monitor nor the other
 * one.
 */
#pragma once

#include "common/app/app.h"
#include "common/store/alerts.h"
#include "services/monitor/sink.h"

struct poster;

struct post_options {
    const char *url[SINK_KIND_N]; /* "" : not set */
    const char *heartbeat_url;
    int64_t heartbeat_ms;
};

/* @db and the options are kept by reference. */
int post_open(struct app *app, struct db *db, const struct post_options *o, struct poster **ret);
void post_close(struct poster *p); /* NULL is nothing */
/* Something may have been added to the outbox. */
void post_kick(struct poster *p);
/* A full sweep has ended: the heartbeat goes out, unless the last one is fresh. */
void post_beat(struct poster *p);

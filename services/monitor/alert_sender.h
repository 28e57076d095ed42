/*
 * Sends alerts to the sinks, and the heartbeat. A note of the outbox is for all sinks at first; the sender makes one for each
 * sink that wants it. A sink's notes are sent in order, one message at a time, and stay in the outbox until the sink has taken
 * them. A sink that fails is tried again with backoff; it holds up neither the monitor nor another sink.
 */
#pragma once

#include "common/sink/sink_config.h"
#include "common/store/alerts.h"
#include "services/monitor/context.h"

struct alert_sender;

struct alert_sender_options {
    const struct sink_configs *sinks;
    const char *console_url; /* "": not set */
    const char *heartbeat_url;
    int64_t heartbeat_ms;
};

/* @m, with the role of the stack, and the options are kept by reference. */
int alert_sender_open(const struct monitor_context *m, const struct alert_sender_options *o,
                      struct alert_sender **ret);
void alert_sender_close(struct alert_sender *p); /* NULL is nothing */
/* The sinks of the options change: between the two calls none of them is used. A message that is under way is sent once more. */
void alert_sender_suspend(struct alert_sender *p);
int alert_sender_resume(struct alert_sender *p); /* 0 or -ENOMEM */
/* Something may have been added to the outbox. */
void alert_sender_kick(struct alert_sender *p);
/* A full sweep has ended: the heartbeat goes out, unless the last one is fresh. */
void alert_sender_heartbeat(struct alert_sender *p);

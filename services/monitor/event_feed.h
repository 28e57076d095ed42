/*
 * What is heard rather than asked: session.* webhooks from the event log, recorded with the cursor; and on
 * the bus, that a message came in for a session (for its rhythm) and that a worker did something (a bell).
 */
#pragma once

#include "common/app/consumer.h"
#include "services/monitor/changeset.h"

/* One read of the log. */
#define EVENT_FEED_ROWS_MAX EVENT_READ_ROWS_MAX

struct monitor;

struct event_feed {
    struct monitor *m;
    struct consumer *consumer;
    struct bus_sub *sub;
    struct timer *again;
    struct session_webhook hooks[EVENT_FEED_ROWS_MAX]; /* of the batch that is not recorded yet */
    int n;
    int64_t cursor;         /* of that batch */
    int64_t saved_at_ms;    /* steady ms: when the cursor was saved last */
    char message_topic[96]; /* "message.received/main/" */
};

int event_feed_open(struct event_feed *h, struct monitor *m);
void event_feed_close(struct event_feed *h);         /* safe on zeros */
bool event_feed_is_live(const struct event_feed *h); /* messages would reach us */

/*
 * What is heard rather than asked: session.* webhooks from the event log, recorded with the cursor; and on
 * the bus, that a message came in for a session (for its rhythm) and that a worker did something (a bell).
 */
#pragma once

#include "common/app/consumer.h"
#include "services/monitor/round.h"

/* One read of the log. */
#define HEAR_ROWS_MAX EVENT_READ_ROWS_MAX

struct monitor;

struct hearing {
    struct monitor *m;
    struct consumer *consumer;
    struct bus_sub *sub;
    struct timer *again;
    struct heard heard[HEAR_ROWS_MAX]; /* of the batch that is not recorded yet */
    int n;
    int64_t cursor;         /* of that batch */
    int64_t saved_at_ms;    /* steady ms: when the cursor was saved last */
    char message_topic[96]; /* "message.received/main/" */
};

int hear_open(struct hearing *h, struct monitor *m);
void hear_close(struct hearing *h);         /* safe on zeros */
bool hear_is_live(const struct hearing *h); /* messages would reach us */

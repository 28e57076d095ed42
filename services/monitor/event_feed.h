/*
 * Session events that the bridge has sent as webhooks: read from the event log and committed together with the
 * position in the log. The bus only says that there may be something to read, in the log or in state.db.
 */
#pragma once

#include "services/monitor/attempt_watch.h"
#include "services/monitor/poll_schedule.h"

struct event_feed;

struct event_feed_options {
    const struct monitor_context *m;
    struct change_batch *batch;
    struct attempt_watch *attempts;
    struct poll_schedule *schedule;
};
int event_feed_open(const struct event_feed_options *o, struct event_feed **ret);
void event_feed_close(struct event_feed *f);         /* NULL is nothing */
bool event_feed_is_live(const struct event_feed *f); /* notifications would reach us */

/*
 * Session events that the bridge has sent as webhooks: read from the event log and committed together with the
 * position in the log, for all bridges of this monitor. The bus only says that there may be something to read, in the log or in
 * state.db.
 *
 * With a store in a folder one position counts for all bridges. With a database several monitors have a part of the bridges
 * each, so each bridge has a position of its own, in its row; the position of all is then the role of the stack's to keep.
 */
#pragma once

#include "common/app/bridge_config.h"
#include "services/monitor/attempt_watch.h"
#include "services/monitor/poll_schedule.h"
#include "services/monitor/sender_clock.h"

struct event_feed;

/* One bridge whose events are taken. The owner fills the first part and keeps it until it is removed. */
struct feed_target {
    const struct monitor_context *m;
    struct change_batch *batch;
    struct attempt_watch *attempts;
    struct poll_schedule *schedule;

    struct sender_clock sender;
    int64_t
        done_seq; /* its events up to here were taken in: before the start, or with a position of its own at any time */
    bool has_position; /* done_seq was read */
};

/* @m: its app, settings, db and times are used. */
int event_feed_open(const struct monitor_context *m, struct event_feed **ret);
void event_feed_close(struct event_feed *f); /* NULL is nothing */
/* Returns 0, or -ENOSPC: FEED_TARGETS_MAX. */
#define FEED_TARGETS_MAX BRIDGES_MAX
int event_feed_add(struct event_feed *f, struct feed_target *t);
void event_feed_remove(struct event_feed *f, struct feed_target *t);
/* Begins to read, from the saved position; with positions of their own also after bridges were added: from the one that is
 * furthest behind. Returns 0 or -errno. */
int event_feed_start(struct event_feed *f);
bool event_feed_is_live(const struct event_feed *f); /* notifications would reach us */

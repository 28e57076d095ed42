/*
 * Which sessions have received a message, and when: one reader of the event log for all bridges, from the end of the log as it
 * is at the first read on. Each reader brings every bridge up to date.
 */
#pragma once

#include "common/app/bridge_config.h"
#include "services/monitor/context.h"

struct received_feed;

/* @m: its settings name the store. */
int received_feed_open(const struct monitor_context *m, struct received_feed **ret);
void received_feed_close(struct received_feed *f); /* NULL is nothing */

/* @fn gets each session of @bridge, which is kept by reference, with the time of its newest message, wall ms. Returns 0, or
 * -ENOSPC: BRIDGES_MAX have been added. */
int received_feed_add(struct received_feed *f, const char *bridge,
                      void (*fn)(void *ctx, struct str session, int64_t at), void *ctx);
void received_feed_remove(struct received_feed *f, const void *ctx); /* nothing when it was not added */

/* Reads up to the end of the log. False: it cannot be read now. */
bool received_feed_read(struct received_feed *f);

/*
 * Sessions that are connected and receive nothing: reads from the event log which sessions received a message,
 * follows each one's activity profile (silence.h), and keeps the profiles in state.db.
 *
 * Only the log counts. A notification on the bus proves nothing about a session.
 */
#pragma once

#include "services/monitor/change_batch.h"
#include "services/monitor/received_feed.h"

struct silence_watch;

/* All are kept by reference. */
int silence_watch_open(const struct monitor_context *m, struct change_batch *batch,
                       struct received_feed *received, struct silence_watch **ret);
/* Loads the profiles; the table must be filled. Returns 0 or -errno. */
int silence_watch_load(struct silence_watch *w);
/* Saves the learned profiles. NULL is nothing. */
void silence_watch_close(struct silence_watch *w);

/* Before a sweep: reads from the log who has received something. False: the log cannot be read now. */
bool silence_watch_read(struct silence_watch *w);
/* With each good sweep: reads once more; then, unless @quiet, stages the sessions that have become silent. */
void silence_watch_sweep(struct silence_watch *w, bool quiet);

/*
 * Reconnect attempts that the workers have made: the bridge is asked about each session until it is connected or the
 * time for its verification is over, and then the attempt has failed.
 *
 *   an attempt in state.db:   calling ──► verifying ──the bridge is asked at 2, 5, 10, 20 s──► connected: succeeded
 *                                             '──asked at or after verify_until, not connected──► failed
 */
#pragma once

#include "services/monitor/state_sync.h"

struct attempt_watch;

struct attempt_watch_options {
    const struct monitor_context *m;
    struct change_batch *batch;
    struct state_sync *sync;
    /* Ask the bridge about this session now: by a call of its own, or by a sweep, at most one in @gap_ms. */
    void (*on_ask)(void *ctx, const char *id, int64_t gap_ms);
    void *ctx;
};
int attempt_watch_open(const struct attempt_watch_options *o, struct attempt_watch **ret);
void attempt_watch_close(struct attempt_watch *w); /* NULL is nothing */

/* Something may have changed in state.db: read it soon. */
void attempt_watch_wake(struct attempt_watch *w);
/* A poll was taken in: some attempts may be decided now. */
void attempt_watch_polled(struct attempt_watch *w);
/* An attempt for this session is under way. */
bool attempt_watch_has(const struct attempt_watch *w, const char *id);

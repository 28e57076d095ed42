/*
 * The webhook subscriptions of a bridge's sessions, where the bridge shows them: each is read once an hour, and some
 * seconds after its session has become connected, because a reconnect may have wiped it. Calls are made one at a time and
 * apart, on a connection of their own, about connected sessions only and never while the bridge is in trouble.
 *
 *   timer ─► the next session ─► read ─► as it should be, unknown, or drifted ─► a row, one alert of the bridge
 *                                              └─ WEBHOOK_REPAIR: set, once ─► read again
 */
#pragma once

#include "services/monitor/change_batch.h"

struct subscription_watch;

struct subscription_watch_options {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    const struct bridge_target *target;
    const struct bridge_driver *(*driver)(void *ctx); /* NULL: not known yet */
    void *ctx;
};
/* All are kept by reference. Takes up the drifts that stand in state.db. Returns 0 or -errno. */
int subscription_watch_open(const struct subscription_watch_options *o, struct subscription_watch **ret);
void subscription_watch_close(struct subscription_watch *w); /* NULL is nothing */

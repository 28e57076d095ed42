/*
 * The version of the bridge's program, for people: the page Bridges and `zapkeep bridges`. Asked by the driver's call for it
 * after the start, after each outage (an update is one) and from time to time; nothing is decided by it. Another version is a
 * line in the log.
 */
#pragma once

#include "services/monitor/bridge_status.h"
#include "services/monitor/context.h"

struct version_watch;

struct version_watch_options {
    const struct monitor_context *m;
    const struct bridge_status *status;
    const struct bridge_target *target;
    const struct bridge_driver *(*driver)(void *ctx); /* NULL: not known yet */
    void *ctx;
};
/* All are kept by reference. Returns 0 or -errno. */
int version_watch_open(const struct version_watch_options *o, struct version_watch **ret);
void version_watch_close(struct version_watch *w); /* NULL is nothing */

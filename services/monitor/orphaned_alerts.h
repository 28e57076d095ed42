/*
 * Alerts whose raiser is gone: webhook-ingest and the forwarder raise alerts of their own, and one that was killed for good resolves
 * none of them. The monitor with the duties of the stack does, some time after it has seen the last sign of life: nobody knows
 * any more whether they are true. A raiser that comes back raises them again if they are.
 *
 *   webhook-ingest   any of them answers for all; but an alert that began before one of several went is resolved for that one, and
 *                    raised again by those that find the same
 *   forwarder        the one that delivers to the destination, and the next that takes it over
 */
#pragma once

#include "services/monitor/context.h"

struct orphaned_alerts;

/* So long without a sign of its raiser: the time after which webhook-ingest itself ends an alert about which it has heard
 * nothing more. Restarts, upgrades and pauses are shorter. */
#define ORPHANED_AFTER_MS (10 * 60 * 1000)

/* @m, with the role of the stack, is kept by reference. Returns 0 or -errno. */
int orphaned_alerts_open(const struct monitor_context *m, struct orphaned_alerts **ret);
void orphaned_alerts_close(struct orphaned_alerts *o); /* NULL is nothing */
/* What its timer does. Returns 0 or -errno. */
int orphaned_alerts_look(struct orphaned_alerts *o);

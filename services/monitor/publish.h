/*
 * After a commit: notifications on the bus, lines in the log, counters.
 */
#pragma once

#include "services/monitor/alert_tracker.h"
#include "services/monitor/bridge_status.h"
#include "services/monitor/context.h"

/* @changeset and @update were committed; @alerts has the alerts that were raised and resolved with them. */
void publish_committed(const struct monitor_context *m, const struct changeset *changeset,
                       const struct bridge_update *update, struct alert_tracker *alerts);

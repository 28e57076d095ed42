/*
 * Ringing and the log: what was recorded is told, after the commit.
 */
#pragma once

#include "services/monitor/monitor.h"

/* m->round and @also were recorded; m->teller has the alerts that began or ended with it. */
void publish_committed(struct monitor *m, const struct bridge_update *also);

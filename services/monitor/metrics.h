/*
 * The monitor's metrics: global, as metrics are. @bridge: a number of metrics_bridge().
 */
#pragma once

#include "common/policy/policy.h"
#include "common/sink/sink.h"
#include "common/store/bridges.h"
#include "common/store/reconnects.h"
#include "services/monitor/poller.h"
#include "services/monitor/session_table.h"

void metrics_sessions(int bridge, const struct session_table *table);
void metrics_changed(enum session_state to);
void metrics_swept(int bridge, enum sweep_end end, int64_t took_us);
void metrics_checked(void); /* one call for one session */
void metrics_health(int bridge, bool up, bool incident);
/* As it stands in the store. */
void metrics_reconnection(int bridge, const struct policy *p, const struct bridge_row *row,
                          const struct reconnect_queue *queue, const struct now *now);
void metrics_alerts(int bridge, int64_t active);
void metrics_alert_raised(enum alert_kind kind);
void metrics_delivered(enum sink_kind kind, bool ok);
void metrics_dropped(int64_t notes);
void metrics_beat(bool ok);
void metrics_commit_failed(void);
void metrics_events(int64_t position, int64_t head);

/*
 * The monitor's metrics. One process, one bridge: the objects are global, as metrics are.
 */
#pragma once

#include "common/policy/policy.h"
#include "common/store/bridges.h"
#include "common/store/reconnects.h"
#include "services/monitor/book.h"
#include "services/monitor/sink.h"
#include "services/monitor/sweep.h"

void gauges_add(void); /* once */

void gauges_sessions(const struct book *book);
void gauges_changed(enum session_state to);
void gauges_swept(enum sweep_end end, int64_t took_us);
void gauges_checked(void); /* one call for one session */
void gauges_bridge(bool up, bool incident);
/* As it stands in the store. */
void gauges_reconnection(const struct policy *p, const struct bridge_row *bridge,
                         const struct reconnect_queue *queue, const struct now *now);
void gauges_alerts(int64_t active);
void gauges_told(enum alert_kind kind);
void gauges_delivered(enum sink_kind kind, bool ok);
void gauges_dropped(int64_t notes);
void gauges_beat(bool ok);
void gauges_record_failed(void);
void gauges_events(int64_t position, int64_t head);

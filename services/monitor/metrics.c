#include "services/monitor/metrics.h"

#include "common/base/mem.h"
#include "common/base/metrics.h"

/* Kept in ms or µs, shown in seconds. */
#define MS 0.001
#define US 0.000001

/* By enum sink_kind; the last is the heartbeat. */
#define SINK_NAMES                                                                           \
    {                                                                                        \
        "alertmanager", "ntfy", "telegram", "slack", "email", "webhook", "exec", "heartbeat" \
    }

/* clang-format off */
static METRIC sessions = {
    .name = "zapkeep_sessions", .by_bridge = true, .help = "Sessions by the state the monitor holds", .kind = METRIC_GAUGE, .label = "state",
    .values = {
#define X(name, text) [SESSION_##name] = text,
        SESSION_STATES(X)
#undef X
    } };
static METRIC changes = {
    .name = "zapkeep_session_changes_total", .help = "Changes of a session's state, by the new one",
    .kind = METRIC_COUNTER, .label = "to",
    .values = {
#define X(name, text) [SESSION_##name] = text,
        SESSION_STATES(X)
#undef X
    } };
static METRIC sweeps = {
    .name = "zapkeep_sweeps_total", .by_bridge = true, .help = "Sweeps by how they ended", .kind = METRIC_COUNTER, .label = "end",
    .values = { [SWEEP_GOOD] = "good", [SWEEP_UNHEALTHY] = "unhealthy", [SWEEP_FAULT] = "fault",
                [SWEEP_REFUSED] = "refused", [SWEEP_UNKNOWN_BRIDGE] = "unknown-bridge" } };
static METRIC sweep_seconds = {
    .name = "zapkeep_sweep_seconds", .help = "Time of a good sweep, from the health check to the commit",
    .kind = METRIC_HISTOGRAM, .scale = US,
    .bounds = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 } };
static METRIC checks = {
    .name = "zapkeep_session_checks_total", .help = "Sessions asked for one by one", .kind = METRIC_COUNTER };
static METRIC bridge_up = {
    .name = "zapkeep_bridge_up", .by_bridge = true, .help = "1 while the bridge's health check is good", .kind = METRIC_GAUGE };
static METRIC bridge_incident = {
    .name = "zapkeep_bridge_incident", .by_bridge = true, .help = "1 while the bridge as a whole is in trouble", .kind = METRIC_GAUGE };
static METRIC breaker = {
    .name = "zapkeep_breaker_state", .by_bridge = true, .help = "The breaker of the bridge: 1 for the state it is in",
    .kind = METRIC_GAUGE, .label = "state",
    .values = { [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open" } };
static METRIC bucket = {
    .name = "zapkeep_bucket_tokens", .by_bridge = true, .help = "Attempts that the bridge's token bucket allows now", .kind = METRIC_GAUGE };
static METRIC phases = {
    .name = "zapkeep_reconnects", .by_bridge = true, .help = "Sessions by the phase of their reconnection", .kind = METRIC_GAUGE,
    .label = "phase",
    .values = {
#define X(name, text) [RETRY_##name] = text,
        RETRY_PHASES(X)
#undef X
    } };
static METRIC waiting = {
    .name = "zapkeep_queue_length", .by_bridge = true, .help = "Sessions whose time for an attempt has come", .kind = METRIC_GAUGE };
static METRIC oldest = {
    .name = "zapkeep_queue_oldest_seconds", .by_bridge = true, .help = "How long the first of them has been waiting",
    .kind = METRIC_GAUGE, .scale = MS };
static METRIC alerts = {
    .name = "zapkeep_alerts", .by_bridge = true, .help = "Alerts that are on now", .kind = METRIC_GAUGE };
static METRIC raised = {
    .name = "zapkeep_alerts_total", .help = "Alerts that began, by name", .kind = METRIC_COUNTER, .label = "alert",
    .values = {
        [ALERT_NONE] = "none",
#define X(name, scope, text, severity, state, detail) [ALERT_##name] = text,
        ALERT_KINDS(X)
#undef X
    } };
static METRIC delivered = {
    .name = "zapkeep_alerts_delivered_total", .help = "Alerts that a sink has taken", .kind = METRIC_COUNTER,
    .label = "sink", .values = SINK_NAMES };
static METRIC undelivered = {
    .name = "zapkeep_alert_failures_total", .help = "Tries that a sink did not take", .kind = METRIC_COUNTER,
    .label = "sink", .values = SINK_NAMES };
static METRIC dropped = {
    .name = "zapkeep_alerts_dropped_total", .help = "Alerts dropped because a sink stayed away too long",
    .kind = METRIC_COUNTER };
static METRIC record_failures = {
    .name = "zapkeep_record_failures_total", .help = "Rounds that the store did not take; what they saw is seen again",
    .kind = METRIC_COUNTER };
static METRIC event_seq = {
    .name = "zapkeep_monitor_event_seq", .help = "Newest event that the monitor is done with", .kind = METRIC_GAUGE };
static METRIC event_head = {
    .name = "zapkeep_monitor_event_head_seq", .help = "Newest event in the log that the monitor knows of",
    .kind = METRIC_GAUGE };
/* clang-format on */

_Static_assert((int)ALERT_KIND_N <= METRIC_SERIES_MAX, "an alert needs a series of zapkeep_alerts_total");

#define HEARTBEAT SINK_KIND_N

void metrics_sessions(int bridge, const struct session_table *table)
{
    int64_t n[SESSION_STATE_N];

    session_table_states(table, n);
    for (int i = 0; i < SESSION_STATE_N; i++)
        metric_set_of(&sessions, bridge, i, n[i]);
}

void metrics_changed(enum session_state to)
{
    metric_add(&changes, (int)to, 1);
}

void metrics_swept(int bridge, enum sweep_end end, int64_t took_us)
{
    metric_add_of(&sweeps, bridge, (int)end, 1);
    if (end == SWEEP_GOOD)
        metric_observe(&sweep_seconds, took_us);
}

void metrics_checked(void)
{
    metric_add(&checks, 0, 1);
}

void metrics_health(int bridge, bool up, bool incident)
{
    metric_set_of(&bridge_up, bridge, 0, up);
    metric_set_of(&bridge_incident, bridge, 0, incident);
}

void metrics_reconnection(int bridge, const struct policy *p, const struct bridge_row *row,
                          const struct reconnect_queue *queue, const struct now *now)
{
    for (int i = BREAKER_CLOSED; i <= BREAKER_HALF_OPEN; i++)
        metric_set_of(&breaker, bridge, i, (int)row->breaker.state == i);
    metric_set_of(&bucket, bridge, 0, bucket_level(p, &row->bucket, now->steady_ms));
    for (int i = 0; i < RETRY_PHASE_N; i++)
        metric_set_of(&phases, bridge, i, queue->phase[i]);
    metric_set_of(&waiting, bridge, 0, queue->waiting);
    metric_set_of(&oldest, bridge, 0,
                  queue->oldest_due_at > 0 && queue->waiting > 0 ? now->steady_ms - queue->oldest_due_at : 0);
}

void metrics_alerts(int bridge, int64_t active)
{
    metric_set_of(&alerts, bridge, 0, active);
}

void metrics_alert_raised(enum alert_kind kind)
{
    metric_add(&raised, (int)kind, 1);
}

void metrics_delivered(enum sink_kind kind, bool ok)
{
    metric_add(ok ? &delivered : &undelivered, (int)kind, 1);
}

void metrics_dropped(int64_t notes)
{
    metric_set(&dropped, 0, notes);
}

void metrics_beat(bool ok)
{
    metric_add(ok ? &delivered : &undelivered, HEARTBEAT, 1);
}

void metrics_commit_failed(void)
{
    metric_add(&record_failures, 0, 1);
}

void metrics_events(int64_t position, int64_t head)
{
    metric_set(&event_seq, 0, position);
    metric_set(&event_head, 0, head);
}

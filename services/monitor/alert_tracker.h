/*
 * Alerts that are raised and resolved with a changeset: written into state.db in its transaction, published and logged
 * after the commit. The sinks get theirs from the outbox (alert_sender.h).
 */
#pragma once

#include "common/app/app.h"
#include "common/store/alerts.h"
#include "services/monitor/alert_rules.h"
#include "services/monitor/changeset.h"

/* One alert that began or ended; fired is the row of state.db. */
struct alert_event {
    struct alert_row row;
    enum alert_kind kind;
    bool firing;
    int64_t many; /* it stands for so many sessions; 0: for one */
};

struct alert_tracker {
    const struct rules *rules;
    const char *bridge;
    bool active[ALERT_KIND_N];     /* an alert without a session is on: of the bridge, or of a group */
    int64_t since[ALERT_KIND_N];   /* wall ms of those */
    int64_t grouped[ALERT_KIND_N]; /* sessions whose alert belongs to a group */
    int64_t dropped;               /* notes that fell out of a full outbox */
    struct alert_event *news;      /* of the changeset under way */
    int n, cap;
};

void alert_tracker_init(struct alert_tracker *t, const struct rules *rules, const char *bridge);
void alert_tracker_fini(struct alert_tracker *t);
/* Takes up the alerts that stand in state.db into @t and @table. */
int alert_tracker_load(struct alert_tracker *t, struct db *db, struct session_table *table);

/* Does this session deserve another alert than the one that is on? @bridge_outdated: the bridge's alert speaks for it. */
bool alert_tracker_is_due(const struct rules *rules, bool bridge_outdated, const struct tracked_session *s,
                          int64_t now_ms);

/* How many alerts are on. */
int64_t alert_tracker_active(const struct alert_tracker *t, const struct session_table *table);

/* Inside a transaction: alerts of the sessions of a changeset, … */
int alert_tracker_sessions(struct alert_tracker *t, struct db *db, const struct changeset *changeset);
/* … of a session that is forgotten, … */
int alert_tracker_forget(struct alert_tracker *t, struct db *db, const struct tracked_session *s,
                         int64_t now_wall);
/* … and of the bridge: @kind is on or off. @why may be NULL. */
int alert_tracker_bridge(struct alert_tracker *t, struct db *db, enum alert_kind kind, bool on,
                         const char *why, int64_t now_wall);

/* After the commit: publishes and logs the alerts of the transaction. After a failure alert_tracker_undo() puts back what
 * alert_tracker_mark() has kept. */
void alert_tracker_publish(struct alert_tracker *t, struct app *app);
struct alert_tracker alert_tracker_mark(const struct alert_tracker *t);
void alert_tracker_undo(struct alert_tracker *t, const struct alert_tracker *mark);

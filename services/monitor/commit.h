/*
 * Recording a round: one transaction for all of its changes, what follows from them for the reconnections,
 * and the alerts. Nothing to record is no write.
 */
#pragma once

#include "common/reconnect/reconnect.h"
#include "common/store/bridges.h"
#include "services/monitor/alert_tracker.h"
#include "services/monitor/incident.h"

struct commit_context {
    struct clock *clock;
    struct rng *rng;
    struct db *db;
    const struct rules *rules;
    const struct policy *policy;
    const char *bridge;
    struct alert_tracker *alerts;
};

/* What else goes into the transaction; zeros: nothing. */
struct bridge_update {
    int64_t cursor; /* the consumer's position, 0: leave it */
    bool swept;     /* a good sweep ends with it; its word holds for freshness_ms */
    int64_t freshness_ms;
    bool set_incident, incident; /* … begins (true) or ends, with these words */
    const char *incident_detail;
    bool quiet; /* the bridge is in trouble: nothing is told per session, no flap score grows */
    bool set_health;
    enum bridge_health health;
    const char *health_detail;
    struct alert_bridge_facts bridge_facts;
    int outdated; /* 1, -1: the store says that the bridge is (is no longer) too old for WhatsApp */
};

#define COMMIT_NOTHING 1 /* answer: there was nothing to write */

/* Returns 0, COMMIT_NOTHING, or -errno (-EAGAIN: the store is busy): then all is as before the round, in the
 * store and in memory. On 0 the round's changes say what to ring; sessions that somebody deleted meanwhile
 * (row gone, or of one that was created again) are out of the book and out of the round. */
int commit_changeset(const struct commit_context *rec, struct changeset *changeset,
                     const struct bridge_update *also);

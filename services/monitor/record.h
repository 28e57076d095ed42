/*
 * Recording a round: one transaction for all of its changes, what follows from them for the reconnections,
 * and the alerts. Nothing to record is no write.
 */
#pragma once

#include "common/reconnect/reconnect.h"
#include "common/store/bridges.h"
#include "services/monitor/incident.h"
#include "services/monitor/tell.h"

struct recorder {
    struct clock *clock;
    struct rng *rng;
    struct db *db;
    const struct rules *rules;
    const struct policy *policy;
    const char *bridge;
    struct teller *teller;
};

/* What else goes into the transaction; zeros: nothing. */
struct record_also {
    int64_t cursor;        /* the consumer's position, 0: leave it */
    bool swept;            /* a good sweep ends with it; its word holds for freshness_ms */
    int64_t swept_from_ms; /* steady: when that sweep began */
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

#define RECORD_NOTHING 1 /* answer: there was nothing to write */

/* Returns 0, RECORD_NOTHING, or -errno (-EAGAIN: the store is busy): then all is as before the round, in the
 * store and in memory. On 0 the round's changes say what to ring; sessions that somebody deleted meanwhile
 * (row gone, or of one that was created again) are out of the book and out of the round. */
int record_round(const struct recorder *rec, struct round *round, const struct record_also *also);

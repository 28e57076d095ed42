/*
 * Committing a changeset: one transaction for all of its changes, for the reconnections that follow from them, and for
 * the alerts. Without anything to commit there is no write.
 */
#pragma once

#include "common/reconnect/reconnect.h"
#include "common/store/role.h"
#include "services/monitor/alert_tracker.h"
#include "services/monitor/bridge_status.h"

struct commit_context {
    struct clock *clock;
    struct rng *rng;
    struct db *db;
    const struct store_role *role; /* that the transaction checks; NULL: none */
    const struct rules *rules;
    const struct policy *policy;
    const char *bridge;
    struct alert_tracker *alerts;
};

#define COMMIT_NOTHING 1 /* answer: there was nothing to write */

/* Returns 0, COMMIT_NOTHING, or -errno (-EAGAIN: the store is busy): then all is as before the changeset, in the
 * store and in memory. On 0 the changes name the notifications to publish; sessions that somebody deleted meanwhile (their row is
 * gone, or is that of a session that was created again) are out of the table and out of the changeset. */
int commit_changeset(const struct commit_context *c, struct changeset *changeset,
                     const struct bridge_update *update);

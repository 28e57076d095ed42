/*
 * Bridges that say the same state again and again (Evolution without a network: 109 times a second): a run of equal ones of a
 * session is one row in the log. Each takes the key of the first, so that the log finds the duplicate; a change ends the run.
 */
#pragma once

#include "common/bridge/webhook.h"

/* Sessions that are remembered; beyond it two share a place, and a run may become several rows. */
#define STATE_RUNS_MAX 1024
/* A run that goes on is a row again after this, so that the log shows that it does. */
#define STATE_RUN_MS (60 * 1000)

struct state_run {
    uint8_t state[16];
    int64_t time_ms, at; /* the key's time; when the run began */
    uint8_t digest[16];
};
struct state_runs {
    struct state_run run[STATE_RUNS_MAX];
};

/* Makes of the key of a webhook of @bridge and @session, received @at (wall ms), that of the run it belongs to. Nothing for one
 * that says no state. */
void state_runs_settle(struct state_runs *runs, struct str bridge, const char *session, int64_t at,
                       struct webhook_key *key);

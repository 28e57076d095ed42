#include "services/webhook-ingest/state_runs.h"

#include <string.h>

#include "common/base/hash.h"

void state_runs_settle(struct state_runs *runs, struct str bridge, const char *session, int64_t at,
                       struct webhook_key *key)
{
    uint64_t place = hash_add(hash_add(HASH_START, bridge.p, bridge.n), session, strlen(session));
    struct state_run *run = &runs->run[place % STATE_RUNS_MAX];

    if (!key->has_state)
        return;
    if (memcmp(run->state, key->state, sizeof run->state) == 0 && at >= run->at &&
        at - run->at < STATE_RUN_MS) {
        key->time_ms = run->time_ms;
        memcpy(key->digest, run->digest, sizeof key->digest);
        return;
    }
    memcpy(run->state, key->state, sizeof run->state);
    memcpy(run->digest, key->digest, sizeof run->digest);
    run->time_ms = key->time_ms;
    run->at = at;
}

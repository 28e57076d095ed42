/*
 * Checkpoints of forward.db, and the cursor `forwarder` in state.db, which retention respects. The cursor never says
 * more than forward.db has on disk: it is saved only after a checkpoint that moved everything.
 */
#pragma once

#include "common/app/state_store.h"
#include "common/base/clock.h"
#include "services/forwarder/group_commit.h"

#define CHECKPOINT_CONSUMER "forwarder"

struct checkpoint {
    struct db *db; /* forward.db; borrowed, as all of these */
    struct group_commit *commit;
    struct state_store *state;
    struct clock *clock;
    int64_t cursor;  /* as state.db has it, -1: not known */
    int64_t last_at; /* boot ms */
};

void checkpoint_init(struct checkpoint *c, struct db *db, struct group_commit *commit,
                     struct state_store *state, struct clock *clock);
/* Some seconds have passed since the last one. */
bool checkpoint_is_due(const struct checkpoint *c);
/* So many commits that the WAL would grow large. */
bool checkpoint_has_many_commits(const struct checkpoint *c);
/* @needed: newest seq of which no destination needs anything any more; INT64_MAX: none needs anything, the cursor
 * stays. A failure of state.db is logged and tried again the next time. Returns 0 or the error of forward.db. */
int checkpoint_make(struct checkpoint *c, int64_t needed);

/*
 * The turn: whatever changes in one pass of the loop is put on record before a slot that was freed in it is
 * used again: in forward.acks when events were taken and no more, else in one transaction of forward.db. So
 * after kill -9 no more is delivered twice than was under way.
 */
#pragma once

#include "services/forwarder/forwarder.h"

/* Puts it on record now. False: it failed, and all is read anew. */
bool group_commit_end(struct forwarder *f);
void group_commit_on_timer(void *ctx);
/* Every few seconds: what is written at leisure, a checkpoint, the cursor in state.db, gauges. */
void group_commit_on_tick(void *ctx);
/* At the end of the process: all of it once more. */
void group_commit_last(struct forwarder *f);
/* state.db, opened when need be. 0 or what opening failed with. */
int group_commit_open_state(struct forwarder *f);

#define GROUP_COMMIT_TICK_MS 1000

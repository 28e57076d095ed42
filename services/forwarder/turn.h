/*
 * The turn: whatever changes in one pass of the loop is one transaction of forward.db, committed before a
 * slot that was freed in it is used again. So after kill -9 no more is delivered twice than was under way.
 */
#pragma once

#include "services/forwarder/forwarder.h"

/* Commits now what is open. False: it failed, and all is read anew. */
bool turn_end(struct forwarder *f);
void turn_on_timer(void *ctx);
/* Every few seconds: what is written at leisure, a checkpoint, the cursor in state.db, gauges. */
void turn_on_tick(void *ctx);
/* At the end of the process: all of it once more. */
void turn_last(struct forwarder *f);
/* state.db, opened when need be. 0 or what opening failed with. */
int turn_open_state(struct forwarder *f);

#define TURN_TICK_MS 1000

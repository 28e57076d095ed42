/*
 * Ringing what came of attempts. What has ended is taken from state.db, where whoever ended it (a worker, the
 * monitor that saw the session connected, the one that repaired a dead worker's claim) left it: so each end
 * is rung once, by one worker.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

void publish_started(struct worker *w, const struct claim *claim);
/* Returns 0 or what the store failed with. */
int publish_ended(struct worker *w);

/*
 * Publishes the outcome of attempts. Attempts that have ended are taken from state.db, where the program that ended one (a worker, the
 * monitor that saw the session connected, the one that repaired a dead worker's claim) left it: so each end
 * is published once, by one worker.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

void publish_started(struct worker_bridge *b, const struct claim *claim);
/* Returns 0 or the error of the store. */
int publish_ended(struct worker_bridge *b);

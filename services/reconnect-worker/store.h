/* The worker's state.db: opened when it can be, with the policy of this worker written into it. */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Nothing when it is open. Returns 0, or the error of opening it, for state_store_result(). */
int store_open(struct worker_bridge *b);

/*
 * How sessions of this bridge are reconnected: by a call, by restarting the bridge (the hook), or not at all.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Reads the bridge's driver and the method noted in its row. Returns 0 or -errno. */
int reconnect_method_read(struct worker_bridge *b);
/* Parks the sessions that cannot be reconnected, unparks them when they can be. *ret_may: claim now. Returns 0 or
 * -errno. */
int reconnect_method_settle(struct worker_bridge *b, const struct now *now, bool *ret_may);

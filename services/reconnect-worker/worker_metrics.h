/* The worker's part of /metrics. The queue, the bucket and the breaker belong to the bridge and are shown
 * by the monitor. */
#pragma once

#include "common/base/metrics.h"

extern struct metric worker_attempts;     /* by outcome; counted by the worker that published it */
extern struct metric worker_parked;       /* sessions published as parked */
extern struct metric worker_in_flight;    /* calls now */
extern struct metric worker_repaired;     /* lapsed attempts of others (or our own earlier life) ended */
extern struct metric worker_call_seconds; /* from the call to its answer */

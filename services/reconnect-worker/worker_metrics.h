/* The worker's part of /metrics. The queue, the bucket and the breaker belong to the bridge and are shown
 * by the monitor. */
#pragma once

#include "common/base/metrics.h"

extern struct metric worker_attempts;     /* by outcome; each is counted by the worker that told it */
extern struct metric worker_parked;       /* sessions told as parked */
extern struct metric worker_in_flight;    /* calls now */
extern struct metric worker_repaired;     /* lapsed attempts of others (or our own earlier life) ended */
extern struct metric worker_call_seconds; /* from the call to its answer */

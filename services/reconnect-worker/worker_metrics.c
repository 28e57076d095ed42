#include "services/reconnect-worker/worker_metrics.h"

#include "common/policy/retry.h"

_Static_assert(ATTEMPT_OUTCOME_N <= METRIC_SERIES_MAX, "one series per outcome");

METRIC worker_attempts = {
    .name = "zapkeep_reconnect_attempts_total",
    .by_bridge = true,
    .help = "Attempts that ended, by outcome",
    .kind = METRIC_COUNTER,
    .label = "outcome",
    .values = {
#define X(name, text) [ATTEMPT_##name] = (text),
        ATTEMPT_OUTCOMES(X)
#undef X
    },
};
METRIC worker_parked = {
    .name = "zapkeep_reconnect_parked_total",
    .by_bridge = true,
    .help = "Sessions that were parked",
    .kind = METRIC_COUNTER,
};
METRIC worker_in_flight = {
    .name = "zapkeep_reconnect_in_flight",
    .by_bridge = true,
    .help = "Calls of the bridge in flight",
    .kind = METRIC_GAUGE,
};
METRIC worker_repaired = {
    .name = "zapkeep_reconnect_repaired_total",
    .help = "Attempts of dead workers, and attempts that nobody confirmed, that were ended",
    .kind = METRIC_COUNTER,
};
METRIC worker_call_seconds = {
    .name = "zapkeep_reconnect_call_seconds",
    .help = "From a reconnect call to its answer",
    .kind = METRIC_HISTOGRAM,
    .bounds = { 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 30 },
    .scale = 0.001,
};

#include "services/forwarder/forward_metrics.h"

#include "common/base/mem.h"

_Static_assert(DESTINATIONS_MAX <= METRIC_SERIES_MAX, "one series per destination");

enum code {
    CODE_2XX,
    CODE_3XX,
    CODE_410,
    CODE_429,
    CODE_4XX,
    CODE_5XX,
    CODE_NO_CONNECTION,
    CODE_TIMEOUT,
    CODE_BROKEN
};

METRIC forward_attempts = {
    .name = "zapkeep_forward_attempts_total",
    .help = "Requests to backends, by what came of them",
    .kind = METRIC_COUNTER,
    .label = "code",
    .values = { [CODE_2XX] = "2xx",
                [CODE_3XX] = "3xx",
                [CODE_410] = "410",
                [CODE_429] = "429",
                [CODE_4XX] = "4xx",
                [CODE_5XX] = "5xx",
                [CODE_NO_CONNECTION] = "no-connection",
                [CODE_TIMEOUT] = "timeout",
                [CODE_BROKEN] = "broken" },
};

/* Series of the destinations, by their index. */
#define BY_DESTINATION .label = "destination"

METRIC forward_delivered = {
    BY_DESTINATION,
    .name = "zapkeep_forward_delivered_total",
    .help = "Events that were answered 2xx",
    .kind = METRIC_COUNTER,
};
METRIC forward_dead_total = {
    BY_DESTINATION,
    .name = "zapkeep_forward_dead_total",
    .help = "Events that were given up",
    .kind = METRIC_COUNTER,
};
METRIC forward_lag_events = {
    BY_DESTINATION,
    .name = "zapkeep_forward_lag_events",
    .help = "Events that have been neither delivered nor put aside",
    .kind = METRIC_GAUGE,
};
METRIC forward_retrying = {
    BY_DESTINATION,
    .name = "zapkeep_forward_retrying",
    .help = "Events that failed and wait for their next try",
    .kind = METRIC_GAUGE,
};
METRIC forward_blocked = {
    BY_DESTINATION,
    .name = "zapkeep_forward_blocked",
    .help = "Events behind a failed one of their session",
    .kind = METRIC_GAUGE,
};
METRIC forward_in_flight = {
    BY_DESTINATION,
    .name = "zapkeep_forward_in_flight",
    .help = "Requests under way",
    .kind = METRIC_GAUGE,
};
METRIC forward_breaker = {
    BY_DESTINATION,
    .name = "zapkeep_forward_breaker",
    .help = "0 closed, 1 open (the destination is down), 2 probing",
    .kind = METRIC_GAUGE,
};
METRIC forward_off = {
    BY_DESTINATION,
    .name = "zapkeep_forward_off",
    .help = "1: turned off, by the destination (410) or by hand",
    .kind = METRIC_GAUGE,
};

METRIC forward_dead = {
    .name = "zapkeep_forward_dead_letters",
    .help = "Dead letters that are kept",
    .kind = METRIC_GAUGE,
};
METRIC forward_lag_seconds = {
    .name = "zapkeep_forward_lag_seconds",
    .help = "Age of the oldest event that has been neither delivered nor put aside",
    .kind = METRIC_GAUGE,
    BY_DESTINATION,
    .scale = 0.001,
};
METRIC forward_seconds = {
    .name = "zapkeep_forward_delivery_seconds",
    .help = "From a request to its answer",
    .kind = METRIC_HISTOGRAM,
    .bounds = { 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30 },
    .scale = 0.001,
};

static struct metric *const of_destination[] = {
    &forward_delivered, &forward_dead_total, &forward_lag_events, &forward_lag_seconds, &forward_retrying,
    &forward_blocked,   &forward_in_flight,  &forward_breaker,    &forward_off
};

void forward_metrics_name(const struct config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(of_destination); i++) {
        for (int k = 0; k < DESTINATIONS_MAX; k++)
            of_destination[i]->values[k] = k < c->n ? c->at[k]->name : NULL;
    }
}

static enum code code_of_status(int status)
{
    if (status == 410)
        return CODE_410;
    if (status == 429)
        return CODE_429;
    if (status >= 500)
        return CODE_5XX;
    if (status >= 400)
        return CODE_4XX;
    return status >= 300 || status < 200 ? CODE_3XX : CODE_2XX;
}

void forward_metrics_attempt(enum delivery_failure failure, int status)
{
    static const enum code codes[] = { [DELIVERY_NO_CONNECTION] = CODE_NO_CONNECTION,
                                       [DELIVERY_TIMEOUT] = CODE_TIMEOUT,
                                       [DELIVERY_BROKEN] = CODE_BROKEN };

    metric_add(&forward_attempts, failure == DELIVERY_ANSWERED ? code_of_status(status) : codes[failure], 1);
}

/* The forwarder's series in /metrics. Series of a destination have its index. */
#pragma once

#include "common/app/forward_config.h"
#include "common/base/metrics.h"
#include "common/policy/delivery.h"

extern struct metric forward_attempts;  /* by code */
extern struct metric forward_delivered; /* events, by destination; so are those below */
extern struct metric forward_dead_total, forward_dead;
extern struct metric forward_lag_events, forward_lag_seconds;
extern struct metric forward_retrying, forward_blocked;
extern struct metric forward_in_flight, forward_breaker, forward_off;
extern struct metric forward_seconds; /* histogram of deliveries */

/* Names the series of the destinations. */
void forward_metrics_name(const struct config *c);
/* Counts one request by its result. */
void forward_metrics_attempt(enum delivery_failure failure, int status);

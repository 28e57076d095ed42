/* How everything is: the problems of all bridges, the services, the deliveries. */
#pragma once

#include "common/ops/status_forward.h"
#include "services/console/context.h"

/* As many as the console counts apart; further bridges are read, but not listed. */
#define OVERVIEW_BRIDGES_MAX 256

struct overview_service {
    const char *service;
    const char *state; /* "running", "dead", "never" */
    int64_t seen_at;   /* wall ms of the last sign of life, 0: none */
};
#define OVERVIEW_SERVICES 6

struct overview {
    struct now now;
    bool ok;
    struct problems problems; /* worst first */
    struct overview_service service[OVERVIEW_SERVICES];
    struct forward_status forward;
    int64_t sessions[SESSION_STATE_N], parked, silent;
    int64_t alerts;
    int64_t head_seq, last_event_at;
    int64_t delivered_seq; /* -1: no destination */
    int bridges;
    struct bridge_summary *bridge;
};

/* Returns 0 or a negative of state.db; a log or forward.db that is not there leaves zeros. End with overview_free(). */
int overview_read(const struct console_context *c, struct overview **ret);
void overview_free(struct overview *o); /* NULL is nothing */

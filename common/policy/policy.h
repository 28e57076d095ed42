/*
 * The numbers of the reconnect policy, all in one struct that is handed to every decision. Times are ms. Each
 * is a setting (common/app/policy_settings.h); the reason stands beside the default in policy.c.
 */
#pragma once

#include <stdint.h>

#include "common/policy/breaker.h"

struct policy {
    int64_t interval_ms;    /* least time between the starts of two attempts for one session (R2) */
    int64_t backoff_min_ms; /* RECONNECT_BACKOFF MIN..MAX; both 0: not set, interval_ms it is */
    int64_t backoff_max_ms;
    int64_t grace_ms; /* from a drop to its first attempt */
    /* the same, at least, for a drop that a poll has found and nothing has explained */
    int64_t cause_grace_ms;
    int64_t replaced_delay_ms; /* the same for a cause with PLAN_SLOW (440) */
    int64_t rate_milli;        /* token bucket per bridge: thousandths of an attempt per second … */
    int64_t burst;             /* … and whole attempts */
    int64_t slow_start_ms;     /* after an incident the bucket grows from 10 % to all of it over this time */
    int64_t start_apart_ms;    /* least time between two attempts on one bridge; 0: as the bucket allows */
    int64_t in_flight_max;     /* calls at once per bridge, over all workers */
    int64_t failures_max;      /* failed attempts in a row that park a session */
    int64_t stable_ms;         /* connected this long: the counters start again */

    int64_t call_ms;      /* the longest a call takes, from the claim on */
    int64_t lease_ms;     /* a claim lapses this long after it: call_ms and a margin to record */
    int64_t sent_ms;      /* a call has left the worker this long after the claim, or never does */
    int64_t verify_ms;    /* after the call the monitor looks for this long whether it connected */
    int64_t no_method_ms; /* where no attempt can be made, a session that is due for so long is parked */
    int64_t freshness_ms; /* then the worker waits this much longer for the monitor's word */

    struct breaker_limits breaker;
};

extern const struct policy policy_default;

/* Attempts on a bridge @apart_ms apart, as a bucket of one: a bridge that starts a browser for each session melts
 * otherwise. start_apart_ms, where it is set, wins over @apart_ms; both 0: nothing changes. */
void policy_space_starts(struct policy *p, int64_t apart_ms);
/* The least time between two attempts for one session under this policy: interval_ms, or backoff_min_ms. */
int64_t policy_spacing_ms(const struct policy *p);

/*
 * The defaults, each with its reason.
 */
#include "common/policy/policy.h"

const struct policy policy_default = {
    .interval_ms = 300 * 1000, /* the original integration's rule; WhatsApp looks askance at faster logins */
    .grace_ms = 0,             /* a session that stands alone is attempted at once */
    .cause_grace_ms =
        2 * 1000, /* a bridge says why at once, and zapw once more after 1 s: it may be "never" */
    .replaced_delay_ms = 15 * 60 * 1000, /* 440: long enough for the other client to be noticed and stopped */
    .rate_milli = 2000,          /* 2/s brings 1,000 sessions back in 8 min and is nothing to a bridge */
    .burst = 5,                  /* the few sessions of a small site need not queue */
    .slow_start_ms = 60 * 1000,  /* a bridge that just came back loads and pairs everything at once */
    .in_flight_max = 16,         /* a bridge is one process: more at once only makes each slower */
    .failures_max = 20,          /* 100 min at 300 s: then a person has to look */
    .stable_ms = 10 * 60 * 1000, /* longer than a session stays connected in a loop of drops */

    .call_ms = 30 * 1000,   /* the client's limit for a whole call */
    .lease_ms = 35 * 1000,  /* and 5 s for a slow disk to record it */
    .sent_ms = 5 * 1000,    /* the client's limit for connecting */
    .verify_ms = 20 * 1000, /* a login takes 2 to 10 s; the last look is at 20 s */
    .no_method_ms =
        60 * 1000, /* for a bridge that reconnects by itself (zapw: 515, within 2 s) or is being restarted */
    .freshness_ms = 10 * 1000, /* two of the monitor's polls in an incident */

    .breaker = {
        .streak = 5,               /* fewer may be chance */
        .window_ms = 30 * 1000,    /* one call_ms: hanging calls count too */
        .window_min = 20,          /* below that a share says nothing */
        .permille = 500,
        .open_ms = 30 * 1000,      /* a bridge restarts in less */
        .open_max_ms = 300 * 1000, /* after a long outage nobody waits longer than this for the first probe */
        .jitter_permille = 200,    /* so that several bridges behind one fault are not probed in step */
        .probes = 5,               /* 4 of 5: one unlucky probe does not cost another round */
        .probes_ok = 4,
        .probe_timeout_ms = 70 * 1000, /* two leases: an attempt is recorded or lapsed by then */
    },
};

int64_t policy_spacing_ms(const struct policy *p)
{
    return p->backoff_min_ms > 0 ? p->backoff_min_ms : p->interval_ms;
}

void policy_space_starts(struct policy *p, int64_t apart_ms)
{
    int64_t ms = p->start_apart_ms > 0 ? p->start_apart_ms : apart_ms;
    int64_t rate_milli = ms > 0 ? 1000 * 1000 / ms : 0;

    if (ms <= 0)
        return;
    p->burst = 1;
    if (rate_milli < p->rate_milli)
        p->rate_milli = rate_milli > 0 ? rate_milli : 1;
}

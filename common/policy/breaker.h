/*
 * The circuit breaker of a bridge, shared by all workers through one row.
 *
 *      .------------------------- 4 of 5 probes answered -------------------------.
 *      v                                                                          |
 *   CLOSED --too many bridge faults--> OPEN --its time is over--> HALF_OPEN ------+
 *                                        ^                                        |
 *                                        '--------- 2 of 5 probes failed ---------'
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/retry_verdict.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
const char *breaker_state_text(enum breaker_state s); /* "closed", "open", "half-open" */

struct breaker_limits {
    int64_t streak;           /* faults in a row that open it */
    int64_t window_ms;        /* or a share of the answers of this time … */
    int64_t window_min;       /* … when there were at least so many … */
    int64_t permille;         /* … and so many of a thousand were faults */
    int64_t open_ms;          /* open for so long, times the opens in a row … */
    int64_t open_max_ms;      /* … and no longer than this */
    int64_t jitter_permille;  /* either way */
    int64_t probes;           /* half open: let so many through … */
    int64_t probes_ok;        /* … and close when so many were answered well */
    int64_t probe_timeout_ms; /* a probe that is not answered by then never will be */
};

struct breaker {
    enum breaker_state state;
    int64_t until;  /* steady ms: open until then */
    int64_t opens;  /* in a row, without a close between */
    int64_t gen;    /* counts changes of state: results of an older period do not count */
    int64_t streak; /* bridge faults in a row */
    int64_t since;  /* steady ms of the last change: older answers are not counted */
    int64_t probes; /* half open: let through, answered well, failed */
    int64_t probes_ok, probes_bad;
};

/* May a call be made? WHY_READY, WHY_BREAKER_OPEN, WHY_BREAKER_PROBING. */
struct retry_verdict breaker_verdict(const struct breaker_limits *l, const struct breaker *b, int64_t now);
/* A call is made (the verdict was ready): counts a probe, turns OPEN whose time is over into HALF_OPEN, and
 * begins a HALF_OPEN anew whose probes were never answered.
 * The call remembers the gen of the result. */
struct breaker breaker_take(const struct breaker_limits *l, const struct breaker *b, int64_t now);

/* Answers in the last window_ms (and since breaker.since), this one included. */
struct breaker_window {
    int64_t n, bad;
};
/* A call that began in period @gen was answered, well or with a fault of the bridge. @jitter_permille in
 * [0, 1000]: random, from the caller. */
struct breaker breaker_answer(const struct breaker_limits *l, const struct breaker *b, int64_t gen,
                              bool fault, struct breaker_window window, unsigned jitter_permille,
                              int64_t now);
/* A call that began in period @gen will never be answered (its worker died): a probe may go instead. */
struct breaker breaker_forget(const struct breaker *b, int64_t gen);
/* The monitor found the bridge well again: an open breaker lets its probes go now. */
struct breaker breaker_hint_up(const struct breaker *b, int64_t now);

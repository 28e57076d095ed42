/*
 * The token bucket of a bridge. It is kept as (tokens, when they were counted) and filled on reading, so that
 * any number of workers share it through one row. After an incident rate and size start at 10 % and grow to
 * all of it (slow start).
 */
#pragma once

#include <stdint.h>

#include "common/policy/policy.h"

struct bucket {
    int64_t micro;     /* millionths of a token, as of at_ms */
    int64_t at;        /* steady ms; 0: never used, full */
    int64_t slow_from; /* steady ms when the slow start began, 0: none */
};

/* As of @now: filled, never over its size. Time that runs backwards fills nothing. */
struct bucket bucket_fill(const struct policy *p, const struct bucket *b, int64_t now);
/* Whole tokens as of now. */
int64_t bucket_level(const struct policy *p, const struct bucket *b, int64_t now);
/* Filled, less one token; call it only when bucket_level() is at least 1. */
struct bucket bucket_take(const struct policy *p, const struct bucket *b, int64_t now);
/* Filled, but no fuller than with @out calls still to come out of it (one token always has room): a call that
 * reaches the bridge late must not meet there the tokens that came in meanwhile. */
struct bucket bucket_hold(const struct policy *p, const struct bucket *b, int64_t out, int64_t now);
/* The earliest steady ms with a whole token; @now when there is one. */
int64_t bucket_ready_at(const struct policy *p, const struct bucket *b, int64_t now);
/* Begins a slow start: at most 10 % of the tokens stay. */
struct bucket bucket_slow_start(const struct policy *p, const struct bucket *b, int64_t now);
/* Steady ms when the slow start ends, 0: there is none now. */
int64_t bucket_slow_until(const struct policy *p, const struct bucket *b, int64_t now);
/* The rate as of now, in thousandths per second: less than the policy's during a slow start. */
int64_t bucket_rate_milli(const struct policy *p, const struct bucket *b, int64_t now);
/* Empty until @until, when it begins to fill: the bridge asked not to be called before (429). */
struct bucket bucket_pause(const struct bucket *b, int64_t until);

#include "common/policy/pace.h"

#define SECOND_MS 1000
/* After so long without a limit the backend has more to give than is sent. */
#define FORGET_MS (10 * 60 * 1000)
/* A limit that was hit again: 9/10 of the pace. */
#define SLOWER_PERMILLE 900
/* … and every second without one a quarter of a request a second more, or an eightieth of the pace. */
#define FASTER_MILLI 250
#define FASTER_PART  80
/* A million requests a second: no backend takes more, and a pace that doubles for minutes must end somewhere. */
#define FASTEST_MILLI (1000LL * 1000 * 1000)
/* Requests that may follow each other at once: those of 50 ms, as timers are late now and then. */
#define BURST_PART 20

static int64_t burst_milli(const struct pace *p)
{
    int64_t burst = p->rate_milli / BURST_PART;

    return burst > 1000 ? burst : 1000;
}

/* ---- the rate -------------------------------------------------------------------------------- */

static void raise_rate(struct pace *p, int64_t now_ms)
{
    while (now_ms - p->raised_at_ms >= SECOND_MS) {
        int64_t part = p->rate_milli / FASTER_PART;

        p->raised_at_ms += SECOND_MS;
        p->rate_milli += p->doubling ? p->rate_milli : part > FASTER_MILLI ? part : FASTER_MILLI;
        p->rate_milli = p->rate_milli < FASTEST_MILLI ? p->rate_milli : FASTEST_MILLI;
    }
}

static void advance(struct pace *p, int64_t now_ms)
{
    int64_t burst;

    if (now_ms <= p->at_ms)
        return;
    if (now_ms - p->limited_at_ms >= FORGET_MS) {
        p->rate_milli = 0;
        return;
    }
    raise_rate(p, now_ms);
    burst = burst_milli(p);
    p->credit_milli += p->rate_milli * (now_ms - p->at_ms) / SECOND_MS;
    p->credit_milli = p->credit_milli < burst ? p->credit_milli : burst;
    p->at_ms = now_ms;
}

/* Good answers of about the last second. */
static int64_t taken_lately(struct pace *p, int64_t now_ms)
{
    if (now_ms / SECOND_MS == p->second)
        return p->taken + p->taken_before * (SECOND_MS - now_ms % SECOND_MS) / SECOND_MS;
    return now_ms / SECOND_MS == p->second + 1 ? p->taken * (SECOND_MS - now_ms % SECOND_MS) / SECOND_MS : 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

bool pace_is_paused(const struct pace *p, int64_t now_ms)
{
    return now_ms < p->paused_until_ms;
}

bool pace_may(struct pace *p, int64_t now_ms, int64_t *ret_at)
{
    *ret_at = p->paused_until_ms;
    if (pace_is_paused(p, now_ms))
        return false;
    if (p->rate_milli == 0)
        return true;
    advance(p, now_ms);
    if (p->rate_milli == 0 || p->credit_milli >= 1000)
        return true;
    *ret_at = now_ms + ((1000 - p->credit_milli) * SECOND_MS + p->rate_milli - 1) / p->rate_milli;
    return false;
}

void pace_take(struct pace *p, int64_t now_ms)
{
    if (p->rate_milli == 0)
        return;
    advance(p, now_ms);
    p->credit_milli -= 1000;
}

void pace_taken(struct pace *p, int64_t now_ms)
{
    if (now_ms / SECOND_MS != p->second) {
        p->taken_before = now_ms / SECOND_MS == p->second + 1 ? p->taken : 0;
        p->taken = 0;
        p->second = now_ms / SECOND_MS;
    }
    p->taken++;
    p->limits = 0;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int64_t pause_of(const struct pace *p, int64_t retry_after_ms)
{
    int64_t pause = PACE_PAUSE_MS;

    for (int64_t i = 0; i < p->limits && pause < PACE_PAUSE_UNSAID_MAX; i++)
        pause *= 2;
    if (pause > PACE_PAUSE_UNSAID_MAX)
        pause = PACE_PAUSE_UNSAID_MAX;
    if (retry_after_ms < 0)
        return pause;
    return retry_after_ms < PACE_PAUSE_MAX_MS ? retry_after_ms : PACE_PAUSE_MAX_MS;
}

static void slow_down(struct pace *p, int64_t now_ms, int64_t pause_ms)
{
    int64_t span = pause_ms > SECOND_MS ? pause_ms : SECOND_MS;

    if (p->rate_milli == 0) {
        p->rate_milli = taken_lately(p, now_ms) * 1000 * SECOND_MS / span;
        p->doubling = true;
    } else if (p->doubling) {
        p->rate_milli /= 2;
        p->doubling = false;
    } else {
        p->rate_milli = p->rate_milli * SLOWER_PERMILLE / 1000;
    }
    if (p->rate_milli < PACE_MIN_MILLI)
        p->rate_milli = PACE_MIN_MILLI;
}

void pace_limited(struct pace *p, int64_t now_ms, int64_t retry_after_ms)
{
    int64_t pause = pause_of(p, retry_after_ms);

    if (!pace_is_paused(p, now_ms)) {
        slow_down(p, now_ms, pause);
        p->limits++;
    }
    if (now_ms + pause > p->paused_until_ms)
        p->paused_until_ms = now_ms + pause;
    p->limited_at_ms = p->at_ms = p->raised_at_ms = p->paused_until_ms;
    p->credit_milli = 1000;
}

void pace_resume(struct pace *p, int64_t now_ms)
{
    if (!pace_is_paused(p, now_ms))
        return;
    p->paused_until_ms = now_ms;
    p->limited_at_ms = p->at_ms = p->raised_at_ms = now_ms;
}

/*
 * Counted in millionths of a token: with a rate in thousandths per second, one ms brings rate_milli of them.
 *
 * The slow start is a ramp of rate and size from 10 % to all of it. The tokens between two times are the area
 * below the ramp, so that the level does not depend on how often somebody looked.
 */
#include "common/policy/bucket.h"

#define TOKEN_MICRO   ((int64_t)1000 * 1000)
#define SLOW_PERMILLE 100
#define RAMP_PERMILLE (1000 - SLOW_PERMILLE)
#define DAY_MS        ((int64_t)24 * 3600 * 1000)

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}

/* Area below the ramp from its start on, in thousandths of a ms at full rate. */
static int64_t ramp_area(const struct policy *p, int64_t elapsed_ms)
{
    int64_t in_ramp = clamp(elapsed_ms, 0, p->slow_start_ms);
    int64_t after = elapsed_ms > in_ramp ? elapsed_ms - in_ramp : 0;

    if (p->slow_start_ms <= 0)
        return after * 1000;
    return SLOW_PERMILLE * in_ramp + RAMP_PERMILLE * in_ramp * in_ramp / (2 * p->slow_start_ms) +
           after * 1000;
}

/* The tokens that came in between two times; a day is more than any bucket holds. */
static int64_t income(const struct policy *p, const struct bucket *b, int64_t from, int64_t to)
{
    int64_t area;

    if (to - from > DAY_MS)
        return INT64_MAX / 4;
    area = (to - from) * 1000;
    if (b->slow_from > 0 && from - b->slow_from < p->slow_start_ms)
        area = ramp_area(p, to - b->slow_from) - ramp_area(p, from - b->slow_from);
    return area / 1000 * p->rate_milli + area % 1000 * p->rate_milli / 1000;
}

int64_t bucket_slow_until(const struct policy *p, const struct bucket *b, int64_t now)
{
    return b->slow_from > 0 && now - b->slow_from < p->slow_start_ms ? b->slow_from + p->slow_start_ms : 0;
}

/* Of rate and size, as of now. */
static int64_t ramp_permille(const struct policy *p, const struct bucket *b, int64_t now)
{
    if (bucket_slow_until(p, b, now) == 0)
        return 1000;
    return SLOW_PERMILLE + RAMP_PERMILLE * clamp(now - b->slow_from, 0, p->slow_start_ms) / p->slow_start_ms;
}

int64_t bucket_rate_milli(const struct policy *p, const struct bucket *b, int64_t now)
{
    return p->rate_milli * ramp_permille(p, b, now) / 1000;
}

/* Never below one token: a bucket that cannot hold one never gives one. */
static int64_t size_micro(const struct policy *p, const struct bucket *b, int64_t now)
{
    int64_t full = p->burst * TOKEN_MICRO;

    return clamp(full / 1000 * ramp_permille(p, b, now), TOKEN_MICRO, full);
}

struct bucket bucket_fill(const struct policy *p, const struct bucket *b, int64_t now)
{
    struct bucket n = *b;

    if (b->at == 0) {
        n.micro = size_micro(p, b, now);
        n.at = now;
    } else if (now >= b->at) { /* also at the same time: the size may have been set anew */
        n.micro = clamp(b->micro + income(p, b, b->at, now), 0, size_micro(p, b, now));
        n.at = now;
    }
    return n;
}

int64_t bucket_level(const struct policy *p, const struct bucket *b, int64_t now)
{
    return bucket_fill(p, b, now).micro / TOKEN_MICRO;
}

struct bucket bucket_take(const struct policy *p, const struct bucket *b, int64_t now)
{
    struct bucket n = bucket_fill(p, b, now);

    n.micro -= TOKEN_MICRO;
    return n;
}

struct bucket bucket_hold(const struct policy *p, const struct bucket *b, int64_t out, int64_t now)
{
    struct bucket n = bucket_fill(p, b, now);
    int64_t room = size_micro(p, &n, now) - out * TOKEN_MICRO;

    n.micro = clamp(n.micro, 0, room > TOKEN_MICRO ? room : TOKEN_MICRO);
    return n;
}

/* The level only grows while nobody takes: the first time it reaches a token is found by halving. */
int64_t bucket_ready_at(const struct policy *p, const struct bucket *b, int64_t now)
{
    int64_t too_early = now, enough = now;

    if (p->rate_milli <= 0 && bucket_level(p, b, now) < 1)
        return now + DAY_MS;
    while (bucket_level(p, b, enough) < 1) {
        too_early = enough;
        enough += enough - now + 1;
    }
    while (enough - too_early > 1) {
        int64_t middle = too_early + (enough - too_early) / 2;

        if (bucket_level(p, b, middle) < 1)
            too_early = middle;
        else
            enough = middle;
    }
    return enough;
}

struct bucket bucket_slow_start(const struct policy *p, const struct bucket *b, int64_t now)
{
    struct bucket n = bucket_fill(p, b, now);

    n.slow_from = now;
    n.micro = clamp(n.micro, 0, size_micro(p, &n, now));
    return n;
}

struct bucket bucket_pause(const struct bucket *b, int64_t until)
{
    struct bucket n = *b;

    if (until > n.at) {
        n.micro = 0;
        n.at = until;
    }
    return n;
}

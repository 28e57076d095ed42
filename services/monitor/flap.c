#include "services/monitor/flap.h"

#include <math.h>

int32_t flap_score(const struct flap *f, int64_t now_ms)
{
    int64_t age_ms = now_ms - f->at_ms;

    if (age_ms <= 0)
        return f->score;
    return (int32_t)lround(f->score * exp2(-(double)age_ms / FLAP_HALF_LIFE_MS));
}

bool flap_drop(struct flap *f, int64_t now_ms)
{
    int32_t score = flap_score(f, now_ms) + FLAP_DROP_PENALTY;

    f->score = score > FLAP_SCORE_MAX ? FLAP_SCORE_MAX : score;
    f->at_ms = now_ms;
    if (f->suppressed_ms || f->score < FLAP_SUPPRESS)
        return false;
    f->suppressed_ms = now_ms;
    return true;
}

int64_t flap_until_ms(const struct flap *f)
{
    int64_t calm_ms, limit_ms;

    if (!f->suppressed_ms)
        return 0;
    limit_ms = f->suppressed_ms + FLAP_SUPPRESS_MAX_MS;
    if (f->score <= FLAP_REUSE)
        return f->at_ms < limit_ms ? f->at_ms : limit_ms;
    calm_ms = f->at_ms + (int64_t)ceil(log2((double)f->score / FLAP_REUSE) * FLAP_HALF_LIFE_MS);
    return calm_ms < limit_ms ? calm_ms : limit_ms;
}

bool flap_relax(struct flap *f, int64_t now_ms)
{
    if (!f->suppressed_ms || now_ms < flap_until_ms(f))
        return false;
    f->suppressed_ms = 0;
    return true;
}

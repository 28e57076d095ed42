#include "services/monitor/flap.h"

#include <math.h>

int64_t flap_score(const struct rules *rules, const struct flap *f, int64_t now_ms)
{
    int64_t age_ms = now_ms - f->at_ms;

    if (age_ms <= 0)
        return f->score;
    return llround((double)f->score * exp2(-(double)age_ms / (double)rules->flap_half_life_ms));
}

/* Beyond this many half-lives a score says nothing more (and would not fit). */
#define HALF_LIVES_MAX 20.0

/* From here it takes flap_max_ms down to reuse: a higher score would say nothing more. */
static int64_t score_max(const struct rules *rules)
{
    double half_lives = (double)rules->flap_max_ms / (double)rules->flap_half_life_ms;

    return llround((double)rules->flap_reuse * exp2(fmin(half_lives, HALF_LIVES_MAX)));
}

bool flap_drop(const struct rules *rules, struct flap *f, int64_t now_ms)
{
    int64_t score = flap_score(rules, f, now_ms) + rules->flap_penalty;

    f->score = score < score_max(rules) ? score : score_max(rules);
    f->at_ms = now_ms;
    if (f->suppressed_ms || f->score < rules->flap_suppress)
        return false;
    f->suppressed_ms = now_ms;
    return true;
}

void flap_give_back(const struct rules *rules, struct flap *f, int64_t now_ms)
{
    const struct flap one = { .score = rules->flap_penalty, .at_ms = f->at_ms };
    int64_t score = flap_score(rules, f, now_ms) - flap_score(rules, &one, now_ms);

    if (f->suppressed_ms == f->at_ms)
        f->suppressed_ms = 0;
    f->score = score > 0 ? score : 0;
    f->at_ms = now_ms;
}

int64_t flap_until_ms(const struct rules *rules, const struct flap *f)
{
    int64_t calm_ms, limit_ms;

    if (!f->suppressed_ms)
        return 0;
    limit_ms = f->suppressed_ms + rules->flap_max_ms;
    if (f->score <= rules->flap_reuse)
        return f->at_ms < limit_ms ? f->at_ms : limit_ms;
    calm_ms = f->at_ms + (int64_t)ceil(log2((double)f->score / (double)rules->flap_reuse) *
                                       (double)rules->flap_half_life_ms);
    return calm_ms < limit_ms ? calm_ms : limit_ms;
}

bool flap_relax(const struct rules *rules, struct flap *f, int64_t now_ms)
{
    if (!f->suppressed_ms || now_ms < flap_until_ms(rules, f))
        return false;
    f->suppressed_ms = 0;
    return true;
}

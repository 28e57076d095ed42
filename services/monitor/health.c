#include "services/monitor/health.h"

static bool is_enough(const struct rules *rules, const struct health *h, int64_t now_ms)
{
    if (!h->run_good)
        return h->run >= rules->health_bad && now_ms - h->run_ms >= rules->health_down_ms;
    return h->run >= rules->health_good || h->state == HEALTH_UNKNOWN;
}

enum health_news health_check(const struct rules *rules, struct health *h, bool good, int64_t asked_ms,
                              int64_t now_ms)
{
    enum health_state says = good ? HEALTH_UP : HEALTH_DOWN;

    if (h->run == 0 || h->run_good != good)
        h->run_ms = asked_ms;
    h->run = h->run_good == good ? h->run + 1 : 1;
    h->run_good = good;
    if (says == h->state || !is_enough(rules, h, now_ms))
        return HEALTH_NO_NEWS;
    h->state = says;
    return good ? HEALTH_WENT_UP : HEALTH_WENT_DOWN;
}

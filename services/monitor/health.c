#include "services/monitor/health.h"

static bool is_enough(const struct rules *rules, const struct health *h)
{
    if (!h->run_good)
        return h->run >= rules->health_bad;
    return h->run >= rules->health_good || h->state == HEALTH_UNKNOWN;
}

enum health_news health_check(const struct rules *rules, struct health *h, bool good)
{
    enum health_state says = good ? HEALTH_UP : HEALTH_DOWN;

    h->run = h->run_good == good ? h->run + 1 : 1;
    h->run_good = good;
    if (says == h->state || !is_enough(rules, h))
        return HEALTH_NO_NEWS;
    h->state = says;
    return good ? HEALTH_WENT_UP : HEALTH_WENT_DOWN;
}

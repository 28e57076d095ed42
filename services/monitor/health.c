#include "services/monitor/health.h"

static bool is_enough(const struct health *h)
{
    if (!h->run_good)
        return h->run >= HEALTH_BAD_CHECKS;
    return h->run >= HEALTH_GOOD_CHECKS || h->state == HEALTH_UNKNOWN;
}

enum health_news health_check(struct health *h, bool good)
{
    enum health_state says = good ? HEALTH_UP : HEALTH_DOWN;

    h->run = h->run_good == good ? h->run + 1 : 1;
    h->run_good = good;
    if (h->run > HEALTH_BAD_CHECKS) /* keep it small, it is only compared */
        h->run = HEALTH_BAD_CHECKS;
    if (says == h->state || !is_enough(h))
        return HEALTH_NO_NEWS;
    h->state = says;
    return good ? HEALTH_WENT_UP : HEALTH_WENT_DOWN;
}

#include "services/console/usual.h"

#define HOUR_MS (3600 * 1000LL)
/* The epoch began on a Thursday. */
#define MONDAY_HOURS (3 * 24)

void usual_add(struct usual *u, int64_t hour, int64_t received)
{
    u->sum[(hour / HOUR_MS + MONDAY_HOURS) % USUAL_HOURS] += received;
    if (u->first == 0 || hour < u->first)
        u->first = hour;
}

int usual_weeks(const struct usual *u, int64_t now_ms)
{
    int64_t weeks = u->first > 0 ? (now_ms - u->first) / USUAL_WEEK_MS : 0;

    return (int)(weeks < USUAL_WEEKS_MAX ? weeks : USUAL_WEEKS_MAX);
}

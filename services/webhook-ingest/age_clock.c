#include "services/webhook-ingest/age_clock.h"

int64_t age_clock_ms(struct age_clock *a, int64_t wall_ms, int64_t boot_ms)
{
    int64_t now_ms = a->set ? a->wall_ms + (boot_ms - a->boot_ms) : wall_ms;

    a->ahead_ms = 0;
    if (wall_ms > now_ms + AGE_CLOCK_STEP_MS) {
        a->ahead_ms = wall_ms - now_ms;
        return now_ms;
    }
    if (wall_ms < now_ms) /* not taken as the new line: the way back up from there is no jump ahead */
        return wall_ms;
    *a = (struct age_clock){ .set = true, .wall_ms = wall_ms, .boot_ms = boot_ms };
    return wall_ms;
}

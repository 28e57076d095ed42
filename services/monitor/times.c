#include "services/monitor/times.h"

int times_init(struct times *t, struct db *db, struct clock *clock)
{
    struct now now;
    int r = db_begin(db);

    if (r == 0)
        r = steady_now(db, clock, &now);
    if (r == 0)
        r = db_commit(db);
    if (r != 0) {
        db_rollback(db);
        return r;
    }
    *t = (struct times){ .clock = clock,
                         .steady_minus_boot = now.steady_ms - clock->boot_ms(clock),
                         .day_minus_steady = now.wall_ms - now.steady_ms };
    return 0;
}

int64_t times_steady(const struct times *t)
{
    return t->clock->boot_ms(t->clock) + t->steady_minus_boot;
}

int64_t times_wall(const struct times *t)
{
    return t->clock->wall_ms(t->clock);
}

int64_t times_day(const struct times *t)
{
    return times_steady(t) + t->day_minus_steady;
}

int64_t times_of_wall(const struct times *t, int64_t wall_ms)
{
    int64_t age_ms = times_wall(t) - wall_ms;

    return times_steady(t) - (age_ms > 0 ? age_ms : 0);
}

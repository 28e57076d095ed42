/*
 * The times of the monitor. Steady time (common/store/db.h) is boot time plus a constant for as long as a
 * process lives, so it is read from the store once and needs no look into it afterwards.
 */
#pragma once

#include "common/store/db.h"

struct times {
    struct clock *clock;
    int64_t steady_minus_boot;
    /* wall time as it was at the start: for activity profiles, which no clock step may touch */
    int64_t day_minus_steady;
};

/* Writes the anchor of this boot, so that every process of it counts alike. Returns 0 or -errno. */
int times_init(struct times *t, struct db *db, struct clock *clock);
int64_t times_steady(const struct times *t);
int64_t times_wall(const struct times *t);
/* A wall time of a moment ago in steady time, never in the future: somebody may have set the clock since. */
int64_t times_of_wall(const struct times *t, int64_t wall_ms);
int64_t times_day(const struct times *t);

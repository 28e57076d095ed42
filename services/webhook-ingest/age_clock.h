/*
 * The time by which stored events grow old: the wall clock, but for its jumps ahead. Somebody who sets the
 * clock ahead by a month makes no event a month older; the machine's own counter says how much time has
 * passed. A jump back is followed (everything lives longer), and so is one that takes it back. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A clock that is corrected goes ahead by less than this at once; a week's retention does not notice it. */
#define AGE_CLOCK_STEP_MS (60 * 1000)

struct age_clock {
    bool set;
    int64_t wall_ms, boot_ms; /* the last moment at which the wall clock was believed */
    int64_t ahead_ms;         /* how far it is ahead of the time that is believed; 0: it is believed */
};
#define AGE_CLOCK_NULL ((struct age_clock){ 0 })

/* The time now, in ms since the epoch. The first is believed: nothing is known of the time before the start.
 */
int64_t age_clock_ms(struct age_clock *a, int64_t wall_ms, int64_t boot_ms);

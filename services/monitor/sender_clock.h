/*
 * How late was a webhook received? Its own time is of a foreign clock: that clock may be ahead, behind, or wrong once.
 * Pure.
 *
 * The shortest delay of the last 10 to 20 minutes is taken for the distance between the two clocks, and an event is as
 * late as its delay exceeds that. An event from the future is not late at all. Until a whole period has shown
 * otherwise the clocks are taken to agree, so that a spool that is delivered right after the start counts as late.
 */
#pragma once

#include <stdint.h>

#define SENDER_CLOCK_PERIOD_MS (10 * 60 * 1000)

struct sender_clock {
    int64_t before_ms; /* the shortest delay of the last whole period */
    int64_t now_ms;    /* … and of the one under way */
    int64_t since_ms;  /* steady ms: when it began; 0: no event yet */
};

/* @at: wall ms when it was received; @occurred_at: its own time, 0: it names none; @now_ms: steady. Returns ms, never
 * negative. */
int64_t sender_clock_late_ms(struct sender_clock *c, int64_t at, int64_t occurred_at, int64_t now_ms);

/* The messages that a session usually receives in each hour of the week, as its counts of the last weeks say. Pure. */
#pragma once

#include <stdint.h>

#define USUAL_HOURS 168 /* of a week, Monday 00:00 UTC first */
/* Older weeks say little about the habits of today. */
#define USUAL_WEEKS_MAX 4
#define USUAL_WEEK_MS   (7 * 24 * 3600 * 1000LL)

struct usual {
    int64_t sum[USUAL_HOURS];
    int64_t first; /* wall ms of the oldest count, 0: none */
};

/* A count of the hour that begins at @hour, wall ms. */
void usual_add(struct usual *u, int64_t hour, int64_t received);
/* Whole weeks that were counted until @now_ms, at most USUAL_WEEKS_MAX; 0: nothing can be said yet. */
int usual_weeks(const struct usual *u, int64_t now_ms);

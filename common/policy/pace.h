/*
 * The pace that a backend with a rate limit takes: additive increase, multiplicative decrease. Without a limit that was
 * hit there is no pace. Pure: time is handed in.
 *
 *   no pace --limited--> pause --> DOUBLING --limited--> pause --> LINEAR (faster by a little every second;
 *                                                                  each time that it is limited: pause, then slower)
 *   ten minutes without being limited --> no pace
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A backend that asks for more is not believed: an operator can end a pause (zapkeep forward retry). */
#define PACE_PAUSE_MAX_MS (60 * 60 * 1000)
/* Of a limit without Retry-After: doubled each time, up to … */
#define PACE_PAUSE_MS         1000
#define PACE_PAUSE_UNSAID_MAX 30000
/* One request a second finds out how many more are allowed. */
#define PACE_MIN_MILLI 1000

struct pace {
    int64_t rate_milli;   /* requests per 1,000 s; 0: no pace */
    bool doubling;        /* until it is limited the first time, the pace doubles every second */
    int64_t credit_milli; /* thousandths of a request that may be sent now, up to the burst */
    int64_t at_ms;        /* of credit_milli */
    int64_t raised_at_ms;
    int64_t paused_until_ms;
    int64_t limited_at_ms;
    int64_t limits;              /* in a row, without a good answer between */
    int64_t second;              /* the second that is counted … */
    int64_t taken, taken_before; /* good answers in it, and in the one before */
};

/* May a request start? *ret_at is when to ask again. */
bool pace_may(struct pace *p, int64_t now_ms, int64_t *ret_at);
void pace_take(struct pace *p, int64_t now_ms);  /* one starts */
void pace_taken(struct pace *p, int64_t now_ms); /* one was answered well */
/* The backend limits the rate; @retry_after_ms < 0: it did not say for how long. Further calls during the pause that
 * follows only prolong it. */
void pace_limited(struct pace *p, int64_t now_ms, int64_t retry_after_ms);
bool pace_is_paused(const struct pace *p, int64_t now_ms);
void pace_resume(struct pace *p, int64_t now_ms); /* an operator ends the pause */

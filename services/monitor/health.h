/*
 * Is the bridge up? Three bad checks in a row over 10 s say no, two good ones say yes again. Pure.
 */
#pragma once

#include "common/policy/rules.h"

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum health_news { HEALTH_NO_NEWS, HEALTH_WENT_UP, HEALTH_WENT_DOWN };

struct health {
    enum health_state state;
    int64_t run;    /* checks in a row that ... */
    bool run_good;  /* ... were good, or were not */
    int64_t run_ms; /* steady ms: when the first of them was made */
};

/* From HEALTH_UNKNOWN the first good check is enough: there is nothing to contradict. @asked_ms: when the check was made,
 * steady, as @now_ms. */
enum health_news health_check(const struct rules *rules, struct health *h, bool good, int64_t asked_ms,
                              int64_t now_ms);

/*
 * Is the bridge up? Three bad checks in a row say no, two good ones say yes again. Pure.
 */
#pragma once

#include "services/monitor/rules.h"

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum health_news { HEALTH_NO_NEWS, HEALTH_WENT_UP, HEALTH_WENT_DOWN };

struct health {
    enum health_state state;
    int64_t run;   /* checks in a row that ... */
    bool run_good; /* ... were good, or were not */
};

/* From HEALTH_UNKNOWN the first good check is enough: there is nothing to contradict. */
enum health_news health_check(const struct rules *rules, struct health *h, bool good);

/*
 * Is the bridge up? Three bad checks in a row say no, two good ones say yes again (DESIGN section 5). Pure.
 */
#pragma once

#include <stdbool.h>

/* One lost packet or one slow restart is no outage; three checks in a row are. */
#define HEALTH_BAD_CHECKS 3
/* One lucky answer of a bridge that is still going up and down is not enough. */
#define HEALTH_GOOD_CHECKS 2

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum health_news { HEALTH_NO_NEWS, HEALTH_WENT_UP, HEALTH_WENT_DOWN };

struct health {
    enum health_state state;
    int run;       /* checks in a row that ... */
    bool run_good; /* ... were good, or were not */
};

/* From HEALTH_UNKNOWN the first good check is enough: there is nothing to contradict. */
enum health_news health_check(struct health *h, bool good);

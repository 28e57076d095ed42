/* An answer of the policy to "may it be attempted?". */
#pragma once

#include <stdint.h>

#include "common/domain/why.h"

struct retry_verdict {
    enum why why;  /* WHY_READY, or the reason against an attempt */
    int64_t until; /* steady ms when to ask again; 0: not known, something has to happen first */
};

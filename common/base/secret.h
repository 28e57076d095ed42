/*
 * Comparing secrets.
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

/* True when equal; takes the same time wherever they differ (the length may show). */
bool secret_equal(struct str a, struct str b);

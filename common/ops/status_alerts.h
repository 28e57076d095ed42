/* Problems that are alerts. */
#pragma once

#include "common/ops/status.h"

/* Adds the alerts of one bridge. */
void status_add_alerts(const struct bridge_summary *b, struct problems *ret);

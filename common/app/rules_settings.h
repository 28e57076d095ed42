/*
 * The settings of the monitor's rules. A bridge may have its own (bridge_config.h).
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/settings.h"
#include "common/policy/rules.h"

extern const struct setting rules_settings_table[];

/* After settings_read(): do they fit together? Returns 0, or -EINVAL with one line in @problem. */
int rules_settings_check(const struct rules *rules, struct buf *problem);

/*
 * The settings of the reconnect policy, for those who plan or make attempts: monitor and reconnect-worker.
 * A program's settings struct begins { struct app_settings app; struct bridge_settings bridge;
 * struct policy_settings policy; … }.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/settings.h"
#include "common/policy/policy.h"

struct policy_settings {
    struct policy policy;
    const char *backoff; /* RECONNECT_BACKOFF as written, "MIN..MAX" or "" */
};
extern const struct setting policy_settings_table[];

/* After settings_read(): takes RECONNECT_BACKOFF apart and sets what follows from other numbers.
 * Returns 0, or -EINVAL with one line in @problem. */
int policy_settings_check(struct policy_settings *s, struct buf *problem);

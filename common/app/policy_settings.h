/*
 * The settings of the reconnect policy, for those who plan or make attempts: monitor and reconnect-worker.
 * A program includes them by POLICY_SETTINGS(): a field without a row keeps the value of policy_default.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/settings.h"
#include "common/policy/policy.h"

struct policy_settings {
    struct policy policy; /* first: POLICY_SETTINGS() */
    const char *backoff;  /* RECONNECT_BACKOFF as written, "MIN..MAX" or "" */
};
extern const struct setting policy_settings_table[];
#define POLICY_SETTINGS(type_, member_)                                                               \
    {                                                                                                 \
        .include = policy_settings_table, .at = offsetof(type_, member_), .initial = &policy_default, \
        .initial_bytes = sizeof(struct policy),                                                       \
    }

/* After settings_read(): takes RECONNECT_BACKOFF apart.
 * Returns 0, or -EINVAL with one line in @problem. */
int policy_settings_check(struct policy_settings *s, struct buf *problem);

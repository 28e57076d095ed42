/*
 * The worker's settings: those that every service has, the bridge, the policy, the hook, and its own.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/policy_settings.h"
#include "services/reconnect-worker/hook.h"

struct worker_settings {
    struct app_settings app;
    struct bridge_settings bridge;
    struct policy_settings policy;
    struct hook_settings hook;
    const char *name; /* WORKER_NAME, "": host and pid */
};

extern const struct setting worker_settings_table[];

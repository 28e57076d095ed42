/*
 * The monitor's settings (table monitor_settings_table), on top of those every program has.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/policy_settings.h"
#include "common/app/rules_settings.h"
#include "common/sink/sink_settings.h"

struct monitor_settings {
    struct app_settings app;
    struct bridge_settings bridge;
    struct policy_settings policy;
    struct rules rules;
    struct sink_settings sinks;
    /* How the webhook subscriptions at the bridge should be. */
    const char *ingest_listen, *webhook_url, *webhook_token, *webhook_secret;
    bool webhook_repair;
    const char *heartbeat_url;
    int64_t heartbeat_ms;
};

extern const struct setting monitor_settings_table[];

/*
 * The monitor's settings beside its rules (common/app/rules_settings.c).
 */
#include "services/monitor/settings.h"

#include <stddef.h>

#include "common/app/webhook_settings.h"

#define AT(field)         offsetof(struct monitor_settings, field)
#define MS(field, lo, hi) .kind = SETTING_DURATION, .at = AT(field), .min = (lo), .max = (hi)

#define HOUR_MS (60 * 60 * 1000LL)
#define DAY_MS  (24 * HOUR_MS)

/* clang-format off */
const struct setting monitor_settings_table[] = {
    SETTINGS_OF(app_settings_table, struct monitor_settings, app),
    SETTINGS_OF(bridge_settings_table, struct monitor_settings, bridge),
    POLICY_SETTINGS(struct monitor_settings, policy),

    SETTINGS_OF(rules_settings_table, struct monitor_settings, rules),

    INGEST_LISTEN_ROW(struct monitor_settings, ingest_listen),
    WEBHOOK_URL_ROW(struct monitor_settings, webhook_url),
    WEBHOOK_TOKEN_ROW(struct monitor_settings, webhook_token),
    WEBHOOK_SECRET_ROW(struct monitor_settings, webhook_secret),
    WEBHOOK_REPAIR_ROW(struct monitor_settings, webhook_repair),

    SETTINGS_OF(sink_settings_table, struct monitor_settings, sinks),
    { .name = "HEARTBEAT_URL", .kind = SETTING_URL, .at = AT(heartbeat_url), .secret = true,
      .help = "fetched while all is well, so that somebody notices when the monitor itself is gone" },
    /* Half of the time that such services allow at least, and not before a full sweep has said that all is well. */
    { .name = "HEARTBEAT_INTERVAL", MS(heartbeat_ms, 1000, DAY_MS), .def = "60s",
      .help = "between two of them, each after a full sweep" },

    APP_ADMIN_ROW("127.0.0.1:8002", "where /health, /ready and /metrics are served, or off"),

    { 0 },
};
/* clang-format on */

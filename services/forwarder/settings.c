#include "services/forwarder/settings.h"

/* clang-format off */
const struct setting forwarder_settings_table[] = {
    SETTINGS_OF(app_settings_table, struct forward_app_settings, app),
    SETTINGS_OF(forward_settings_table, struct forward_app_settings, forward),
    { .name = "FORWARD_CONFIG", .at = offsetof(struct forward_app_settings, config),
      .help = "file with more destinations, each with a filter" },
    APP_ADMIN_ROW("127.0.0.1:8004", "health, readiness and metrics"),
    { 0 },
};
/* clang-format on */

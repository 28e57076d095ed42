#include "services/forwarder/settings.h"

/* clang-format off */
static const struct setting admin_table[] = {
    APP_ADMIN_ROW("127.0.0.1:8004", "health, readiness and metrics"),
    { 0 },
};

static const struct setting own_table[] = {
    FORWARD_SETTING_ROWS(offsetof(struct forward_app_settings, forward)),
    { .name = "FORWARD_CONFIG", .at = offsetof(struct forward_app_settings, config),
      .help = "file with more destinations, each with a filter" },
    { 0 },
};
/* clang-format on */

const struct setting *const forward_settings_tables[] = { app_settings_table, own_table, admin_table, NULL };

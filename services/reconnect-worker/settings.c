#include "services/reconnect-worker/settings.h"

const struct setting worker_settings_table[] = {
    SETTINGS_OF(app_settings_table, struct worker_settings, app),
    SETTINGS_OF(bridge_settings_table, struct worker_settings, bridge),
    POLICY_SETTINGS(struct worker_settings, policy),
    SETTINGS_OF(hook_settings_table, struct worker_settings, hook),
    { .name = "WORKER_NAME",
      .at = offsetof(struct worker_settings, name),
      .help = "name of this worker in claims and messages; default: host and process id" },
    APP_ADMIN_ROW("127.0.0.1:8003",
                  "health, readiness and metrics; a free port when the default is taken by another worker"),
    { 0 },
};

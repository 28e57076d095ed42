#include "services/reconnect-worker/settings.h"

static const struct setting worker_table[] = {
    HOOK_SETTING_ROWS(offsetof(struct worker_settings, hook)),
    { .name = "WORKER_NAME",
      .at = offsetof(struct worker_settings, name),
      .help = "who this worker is, in claims and messages; default: host and process id" },
    APP_ADMIN_ROW("127.0.0.1:8003",
                  "health, readiness and metrics; a free port when the default is taken by another worker"),
    { 0 },
};

const struct setting *const worker_settings_tables[] = {
    app_settings_table, bridge_settings_table, policy_settings_table, worker_table, NULL,
};

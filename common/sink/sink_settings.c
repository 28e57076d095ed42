#include "common/sink/sink_settings.h"

#include <stddef.h>

#define AT(field) offsetof(struct sink_settings, field)

/* clang-format off */
const struct setting sink_settings_table[] = {
    { .name = "ALERT_URL", .kind = SETTING_URL, .at = AT(alert_url), .secret = true,
      .help = "alerts are posted there, in the shape of Alertmanager's webhooks (version 4)" },
    { .name = "ALERT_NTFY_URL", .kind = SETTING_URL, .at = AT(ntfy_url), .secret = true,
      .help = "alerts are posted to this topic of ntfy, as https://ntfy.sh/mine" },
    { .name = "ALERT_CONFIG", .at = AT(config),
      .help = "file with more sinks: Telegram, Slack, e-mail and others, with filters and quiet hours" },
    { .name = "ZAPKEEP_CONSOLE_URL", .kind = SETTING_URL, .at = AT(console_url),
      .help = "where people reach the console; alerts link to the session there" },
    { 0 },
};
/* clang-format on */

#include "services/console/settings.h"

#include "common/app/webhook_settings.h"

#define AT(field) offsetof(struct console_settings, field)

/* clang-format off */
const struct setting console_settings_table[] = {
    SETTINGS_OF(app_settings_table, struct console_settings, app),
    SETTINGS_OF(bridge_settings_table, struct console_settings, bridge),
    SETTINGS_OF(sink_settings_table, struct console_settings, sinks), /* ZAPKEEP_CONSOLE_URL: with its base path */
    WEBHOOK_URL_ROW(struct console_settings, webhook_url),
    INGEST_LISTEN_ROW(struct console_settings, ingest_listen),
    { .name = "ZAPKEEP_CONSOLE_LISTEN", .kind = SETTING_LISTEN, .at = AT(listen), .def = "127.0.0.1:8080",
      .help = "where browsers find the console; another address than loopback needs a password" },
    { .name = "ZAPKEEP_CONSOLE_PASSWORD", .at = AT(password), .secret = true,
      .help = "of operators: in clear, or as argon2 prints it ($argon2id$...); without it a one-time URL is printed" },
    { .name = "ZAPKEEP_CONSOLE_VIEWER_PASSWORD", .at = AT(viewer_password), .secret = true,
      .help = "of viewers, who see everything and change nothing" },
    { .name = "ZAPKEEP_CONSOLE_PROXIES", .at = AT(proxies),
      .help = "addresses of proxies on other machines, by comma: only they and loopback are believed where a request came from" },
    /* A working day, so that a forgotten browser is no open door at night. */
    { .name = "ZAPKEEP_CONSOLE_LOGIN_TIME", .kind = SETTING_DURATION, .at = AT(login_ms), .def = "12h", .min = 1000,
      .max = 90LL * 24 * 3600 * 1000, .help = "a login that is not used for so long ends" },
    /* 10,000 sessions that drop once a day, and their messages of 90 days when one in twenty is busy in each hour. */
    { .name = "ZAPKEEP_CONSOLE_HISTORY_SIZE", .kind = SETTING_BYTES, .at = AT(history_bytes), .def = "256MiB", .min = 1 << 20,
      .max = INT64_MAX / 2, .help = "changes of state and message counts are kept for 90 days, and in this space: half of it each" },
    { .name = "ZAPKEEP_CONSOLE_CLI", .at = AT(cli),
      .help = "the program zapkeep, which pairs, deletes, replays and runs the doctor; by default the one beside this program" },
    { .name = "ZAPKEEP_CONSOLE_GRAFANA_URL", .kind = SETTING_URL, .at = AT(grafana_url),
      .help = "the board of deploy/grafana, as browsers reach it: the menu links to it" },
    APP_ADMIN_ROW("127.0.0.1:8005", "health, readiness and metrics"),
    { 0 },
};
/* clang-format on */

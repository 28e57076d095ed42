#include "common/app/hook_settings.h"

const struct setting hook_settings_table[] = {
    HOOK_ROW(struct hook_settings, hook),
    { .name = "RECONNECT_HOOK_INTERVAL",
      .kind = SETTING_DURATION,
      .at = offsetof(struct hook_settings, spacing_ms),
      .def = "15m",
      .min = 1000,
      .max = INT64_C(7) * 24 * 3600 * 1000,
      .help = "least time between two restarts of one bridge" },
    { .name = "RECONNECT_HOOK_MAX_CONNECTED",
      .kind = SETTING_INT,
      .at = offsetof(struct hook_settings, max_connected),
      .def = "20",
      .min = 0,
      .max = 100,
      .help = "percent of its sessions that may be connected when a bridge is restarted" },
    { .name = "DOCKER_HOST",
      .at = offsetof(struct hook_settings, docker_host),
      .def = "unix:///var/run/docker.sock",
      .help = "the Docker Engine for RECONNECT_HOOK=docker:…: unix:///path or tcp://host:port" },
    { 0 },
};

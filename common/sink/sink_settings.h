/*
 * The settings about sinks, for the monitor and for `zapkeep alert test`.
 */
#pragma once

#include "common/base/setting.h"

struct sink_settings {
    const char *alert_url, *ntfy_url; /* "": not set, as the next */
    const char *config;
    const char *console_url;
};
extern const struct setting sink_settings_table[];

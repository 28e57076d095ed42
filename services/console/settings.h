/* The settings of the console. */
#pragma once

#include "common/app/app_spec.h"
#include "common/sink/sink_settings.h"

struct console_settings {
    struct app_settings app; /* first */
    struct bridge_settings bridge;
    const char *listen;
    const char *password, *viewer_password;
    struct sink_settings sinks; /* shown, and tested; its console_url: as browsers reach us through a proxy */
    const char *proxies;        /* addresses whose X-Forwarded-For is believed, beside loopback */
    const char *webhook_url, *ingest_listen; /* where a bridge should post its webhooks */
    int64_t login_ms;
    int64_t history_bytes; /* of changes of state and message counts together */
    const char *cli;
    const char *grafana_url; /* "": none */
};
extern const struct setting console_settings_table[];

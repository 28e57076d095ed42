/*
 * The settings of webhook-ingest.
 */
#pragma once

#include "common/app/app_spec.h"

struct ingest_settings {
    struct app_settings app;
    struct bridge_settings bridge;
    const char *listen;
    const char *token, *secret; /* of the bridge's webhooks */
    int64_t header_ms, body_ms, idle_ms;
    int64_t connections, peer_connections;
    int64_t body_bytes;
    int64_t retention_age_ms, retention_bytes, retention_hard_bytes;
    int64_t wal_bytes, disk_bytes;
    int64_t alert_after_ms;
    bool new_log; /* --new-log */
};

extern const struct setting ingest_settings_table[];

/*
 * The settings of a bridge that is restarted because it has no reconnect call (services/reconnect-worker/hook.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/settings.h"

struct hook_settings {
    const char *hook;        /* RECONNECT_HOOK, "": none */
    const char *docker_host; /* DOCKER_HOST */
    int64_t spacing_ms;      /* RECONNECT_HOOK_INTERVAL */
    int64_t max_connected;   /* RECONNECT_HOOK_MAX_CONNECTED, percent */
};

/* A row for a program that shows the hook, and runs none. */
#define HOOK_ROW(type, field)                                                                              \
    {                                                                                                      \
        .name = "RECONNECT_HOOK", .at = offsetof(type, field),                                             \
        .help = "restarts a bridge without a reconnect call: docker:CONTAINER, systemd:UNIT or exec:/path" \
    }

extern const struct setting hook_settings_table[];

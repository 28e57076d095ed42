/* The forwarder's settings: those that every service has, those of a delivery, and its own. */
#pragma once

#include "common/app/app.h"
#include "common/app/forward_settings.h"

struct forward_app_settings {
    struct app_settings app;
    struct forward_settings forward;
    const char *config; /* FORWARD_CONFIG */
};

extern const struct setting forwarder_settings_table[];

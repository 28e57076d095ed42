/*
 * Shared by all parts of a bridge's watch. Constant from the opening of state.db to its closing; each part keeps a pointer.
 */
#pragma once

#include "common/app/app.h"
#include "services/monitor/session_table.h"
#include "services/monitor/settings.h"
#include "services/monitor/store_status.h"
#include "services/monitor/times.h"

struct monitor_context {
    struct app *app;
    const struct monitor_settings *settings;
    struct db *db;
    struct times times;
    struct session_table *table;
    struct store_status *store;
    int metrics; /* the number of the bridge in metrics.h */
};

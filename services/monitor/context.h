/*
 * Shared by all parts of a bridge's watch, and by those of the stack. Constant from the opening of state.db to its closing;
 * each part keeps a pointer.
 *
 * All bridges share the connection; the role under which a part writes is that of its bridge, or the stack's. So a part begins
 * its writes with one of the functions below, and with nothing else.
 */
#pragma once

#include "common/app/app.h"
#include "common/store/role.h"
#include "services/monitor/session_table.h"
#include "services/monitor/settings.h"
#include "services/monitor/store_status.h"
#include "services/monitor/times.h"

/* The consumer whose position in the event log retention respects. */
#define MONITOR_CURSOR "monitor"

struct monitor_context {
    struct app *app;
    const struct monitor_settings *settings;
    struct db *db;
    const struct store_role *role; /* NULL: another monitor has it */
    struct times times;
    struct session_table *table;
    struct store_status *store;
    int metrics; /* the number of the bridge in metrics.h */
};

/* The writes of @m->db that follow fail with -EPERM once another program has taken the role of @m, and with it all of them do until
 * the store is opened anew. Returns 0, or -EPERM: this program does not have the role. */
int context_act(const struct monitor_context *m);
/* The same, and db_begin(). */
int context_begin(const struct monitor_context *m);
/* Saves the position of all in the event log, in a transaction of its own. Returns 0 or -errno. */
int context_save_position(const struct monitor_context *m, int64_t seq);

/*
 * The alert `store-down`: the store cannot be used. Alerts wait for the sinks in the store, so this one goes to them directly, from
 * memory; a monitor that is stopped meanwhile forgets it. One line is logged when it begins and one when it ends.
 */
#pragma once

#include <stdbool.h>

#include "common/app/app.h"
#include "common/sink/sink_config.h"

struct store_outage;

/* All are borrowed. */
struct store_outage_options {
    const char *store;
    const struct sink_configs *sinks;
    const char *console_url;
    int64_t hold_ms; /* an outage that is shorter is no alert */
};

/* @o is copied. Returns 0 or -errno. */
int store_outage_open(struct app *app, const struct store_outage_options *o, struct store_outage **ret);
void store_outage_close(struct store_outage *o); /* NULL is nothing */
/* The store could not be opened, or its connection was lost, for the negative @r. */
void store_outage_failed(struct store_outage *o, int r);
/* It works. @is_standby: another monitor holds the role, and alerts should the store go. */
void store_outage_ended(struct store_outage *o, bool is_standby);
/* Before the sinks change: gives up the message that is on its way to them. */
void store_outage_suspend(struct store_outage *o);

/*
 * The state of one worker: zapkeep-reconnect claims sessions that are due, calls the bridge, records the outcome and
 * publishes it. Any number may run.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/state_store.h"
#include "common/base/list.h"
#include "common/bridge/driver.h"
#include "common/reconnect/reconnect.h"
#include "services/reconnect-worker/settings.h"

struct call;

struct worker {
    struct app *app;
    struct worker_settings settings;
    char name[ATTEMPTS_WORKER_MAX];
    struct state_store state;
    struct http_client *client;
    struct bus_sub *sub;
    struct file_watch *watch; /* commits of state.db; NULL: notifications and the sweep do without */
    int64_t woken_at_ms;      /* when the queue was last read, ms of the loop */
    int64_t wake_at_ms;       /* the next reading of the queue, ms of the loop … */
    struct timer *wake;       /* … is this timer */
    struct timer *stop;       /* calls that outlast a stop are let go */
    struct hook hook;
    const struct bridge_driver *driver; /* as last read from the bridge's row; NULL: not known yet */
    bool by_hook;                       /* the driver has no reconnect call */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* as last read: why nothing can be attempted */
    bool no_method_settled; /* sessions parked without a method were unparked for this driver */
    struct list calls;      /* in flight */
    int n_calls;
    bool closing; /* nothing is recorded any more */
};
#define WORKER_NULL ((struct worker){ 0 })

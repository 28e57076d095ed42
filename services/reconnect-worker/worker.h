/*
 * The state of one worker: zapkeep-reconnect claims sessions that are due, calls their bridge, records the outcome and
 * publishes it. Any number may run. Each bridge has a queue, calls and connections of its own, so that one that hangs
 * delays no other.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/bridge_set.h"
#include "common/app/state_store.h"
#include "common/base/list.h"
#include "common/bridge/driver.h"
#include "common/reconnect/reconnect.h"
#include "common/store/programs.h"
#include "services/reconnect-worker/settings.h"

struct worker;

struct worker_bridge {
    struct worker *worker;
    struct list link;                 /* in the worker's list */
    struct worker_settings *settings; /* of this bridge */
    bool leaving; /* not in the file any more: it is freed, with its settings, after its last call … */
    void (*on_left)(struct worker_bridge *b); /* … by this */
    int metrics;                              /* its number in metrics.h */
    struct policy policy;                     /* that of the settings, with the START_APART of the driver */
    bool policy_noted;                        /* its row has it */
    struct http_client *client;
    int64_t woken_at_ms; /* when the queue was last read, ms of the loop */
    int64_t wake_at_ms;  /* the next reading of the queue, ms of the loop … */
    struct timer *wake;  /* … is this timer */
    struct hook hook;
    const struct bridge_driver *driver; /* as last read from the bridge's row; NULL: not known yet */
    bool by_hook;                       /* the driver has no reconnect call */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* as last read: why nothing can be attempted */
    bool no_method_settled; /* sessions parked without a method were unparked for this driver */
    struct list calls;      /* in flight */
    int n_calls;
};

struct worker {
    struct app *app;
    struct worker_settings settings; /* of all bridges */
    struct bridge_set set;           /* … and of each */
    struct list bridges;             /* struct worker_bridge */
    char name[ATTEMPTS_WORKER_MAX];
    struct state_store state;
    struct bus_sub *sub;
    struct file_watch *watch; /* commits of state.db; NULL: notifications and the sweep do without */
    struct timer *stop;       /* calls that outlast a stop are let go */
    struct timer *ping;       /* does the database answer? NULL: it is a file */
    struct program_sign sign;
    int n_calls;  /* of all bridges */
    bool closing; /* nothing is recorded any more */
};
#define WORKER_NULL ((struct worker){ 0 })

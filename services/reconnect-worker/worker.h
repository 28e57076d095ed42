/*
 * zapkeep-reconnect: claims sessions that are due, calls the bridge, records, tells. Any number may run.
 */
#pragma once

#include "common/app/app.h"
#include "common/base/list.h"
#include "common/bridge/driver.h"
#include "common/reconnect/reconnect.h"
#include "services/reconnect-worker/settings.h"

/* Without a bell the queue is looked at this often, less up to a fifth at random so that workers do not look
 * in step: with the hub dead a session is attempted within 5 s of being due. */
#define WORKER_SWEEP_MS 5000

/* A commit into state.db makes it look, too, this long after the last look at the earliest: what falls due is
 * seen without the way over the hub, and in a crowd not each commit costs a look. */
#define WORKER_COMMIT_REST_MS 5

struct call;

struct worker {
    struct app *app;
    struct worker_settings settings;
    char name[ATTEMPTS_WORKER_MAX];
    struct db *db; /* NULL: not open yet */
    struct backoff db_backoff;
    struct http_client *client;
    struct bus_sub *sub;
    struct file_watch *watch; /* commits of state.db; NULL: there are bells and looks */
    int64_t woken_at_ms;      /* of the loop */
    int64_t wake_at_ms;       /* the next look at the queue, of the loop … */
    struct timer *wake;       /* … is this timer */
    struct timer *stop;       /* calls that outlast a stop are let go */
    struct hook hook;
    const struct bridge_driver *driver; /* as last read from the bridge's row; NULL: not known yet */
    bool by_hook;                       /* the driver has no reconnect call */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* as last read: why nothing can be attempted */
    bool no_method_settled; /* what was parked for want of a way has been looked at with this driver */
    struct list calls;      /* in flight */
    int n_calls;
    bool closing; /* nothing is recorded any more */
};
#define WORKER_NULL ((struct worker){ 0 })

int worker_open(struct worker *w, const struct app_start *start);
void worker_close(struct worker *w);
/* Looks at the queue now, or @after_ms from now if that is sooner than planned. */
void worker_wake(struct worker *w, int64_t after_ms);

/*
 * Asking the bridge: one sweep at a time (health, then all sessions), and looks at single sessions beside it.
 * Knows nothing of sessions; answers go to the owner.
 *
 * A sweep: GET /health → (auto, not known yet: which driver?) → the list, where there is one → else one call
 * per session, at most rules.in_flight at once, spread over the time given → on_end. A health check that
 * fails ends it there.
 */
#pragma once

#include <stdbool.h>

#include "common/app/app.h"
#include "common/bridge/driver.h"
#include "common/policy/rules.h"
#include "services/monitor/bridge_call.h"
#include "services/monitor/times.h"

enum sweep_end {
    SWEEP_GOOD,           /* every session was seen */
    SWEEP_UNHEALTHY,      /* the health check failed */
    SWEEP_FAULT,          /* a call failed in transport, or came back as 5xx or garbage */
    SWEEP_REFUSED,        /* the key is refused */
    SWEEP_UNKNOWN_BRIDGE, /* it answers, but like none of the drivers */
};

/* All fire in the loop's thread; on_call and on_end may fire before poller_start() has returned (when a
 * request cannot even be made). None may close the poller. */
struct poller_owner {
    /* GET /health was answered (good: also by a refusal of our key, or by 429), or was not. */
    void (*on_health)(void *ctx, bool good, const struct bridge_call *call);
    /* Every other call, once, before its answer is read: is the bridge to be reached? */
    void (*on_call)(void *ctx, const struct bridge_call *call);
    /* auto: the bridge speaks this. */
    void (*on_driver)(void *ctx, const struct bridge_driver *driver);
    /* The list; the owner reads it and returns the result of bridge_read_list(). @asked: steady ms. */
    int (*on_list)(void *ctx, const struct bridge_driver *driver, const struct bridge_answer *answer,
                   int64_t asked);
    /* One session was asked for: @seen when @kind is 0, BRIDGE_NO_SESSION: it is gone; others say nothing
     * about it. */
    void (*on_status)(void *ctx, const char *id, int kind, const struct bridge_session *seen, int64_t asked);
    /* The next session to ask for in this sweep, NULL: no more. The text is copied. */
    const char *(*next)(void *ctx);
    void (*on_end)(void *ctx, enum sweep_end end, bool by_list);
};

struct poller;

/* @fixed: the driver that is set, NULL: auto. The target is kept by reference. */
int poller_open(struct app *app, const struct rules *rules, const struct times *times,
                const struct bridge_target *target, const struct bridge_driver *fixed,
                const struct poller_owner *owner, void *ctx, struct poller **ret);
void poller_close(struct poller *s); /* NULL is nothing; nothing fires any more */

/* Begins a sweep; @n sessions are known, @spread_ms: where each is asked for by itself, take so long (0: as
 * fast as allowed). False: one is under way already. */
bool poller_start(struct poller *s, int n, int64_t spread_ms);
bool poller_is_sweeping(const struct poller *s);
/* Asks for one session now, beside any sweep; on_status follows. False: there is no such call (a sweep has to
 * do), or too many are out. */
bool poller_ask(struct poller *s, const char *id);
/* Checks the health of the bridge, beside any sweep; on_health follows. Nothing while one is out already. */
void poller_check(struct poller *s);
/* The bridge was away and may be another one: auto looks again. Between two sweeps, or in on_health. */
void poller_forget_driver(struct poller *s);
const struct bridge_driver *poller_driver(const struct poller *s); /* NULL: not known yet */

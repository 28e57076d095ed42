#include "services/reconnect-worker/reconnect_method.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/bridge/drivers.h"

int reconnect_method_read(struct worker_bridge *b)
{
    struct bridge_row row = { 0 };
    const struct bridge_driver *driver;
    int r = bridges_find(b->worker->state.db, b->settings->bridge.name, &row);

    if (r < 0)
        return r;
    driver = r == 0 ? bridge_driver_find(row.driver) : NULL;
    if (driver != b->driver) {
        b->policy = b->settings->policy.policy;
        policy_space_starts(&b->policy, driver ? driver->start_apart_ms : 0);
        b->policy_noted = false;
        b->no_method_settled = false;
        log_info("driver-known", "the driver of the bridge is known", KS("bridge", b->settings->bridge.name),
                 KS("driver", row.driver),
                 KS("reconnects", driver && driver->has_reconnect ? "by call" : "by hook"));
    }
    str_copy(str_from(row.no_reconnect_method), b->no_reconnect_method, sizeof b->no_reconnect_method);
    b->driver = driver;
    b->by_hook = driver && !driver->has_reconnect;
    return 0;
}

/* How sessions can be reconnected now. */
enum method {
    METHOD_NONE,    /* no call and no hook: sessions that are due are parked */
    METHOD_GUARDED, /* the hook would interrupt too many connected sessions: those that are due wait */
    METHOD_READY,
};

static int check_hook(struct worker_bridge *b, char *ret_why, size_t n, enum method *ret)
{
    int64_t count[SESSION_STATE_N] = { 0 };
    int percent = 0, r;

    if (b->hook.kind == HOOK_NONE) {
        (void)snprintf(ret_why, n, "%s", hook_missing_message);
        *ret = METHOD_NONE;
        return 0;
    }
    r = sessions_count(b->worker->state.db, b->settings->bridge.name, count);
    if (r != 0)
        return r;
    *ret = hook_may_restart(count, b->settings->hook.max_connected, &percent) ? METHOD_READY : METHOD_GUARDED;
    if (*ret == METHOD_GUARDED)
        (void)snprintf(
            ret_why, n,
            "%d %% of the sessions are connected; RECONNECT_HOOK_MAX_CONNECTED allows a restart at %d %%:"
            " restart the bridge by hand when it suits",
            percent, (int)b->settings->hook.max_connected);
    return 0;
}

/* Noted in the bridge's row, where the CLI reads it. */
static int note_method(struct worker_bridge *b, enum method method, const char *why)
{
    if (strcmp(b->no_reconnect_method, why) == 0)
        return 0;
    return bridges_set_no_method(b->worker->state.db, b->settings->bridge.name, why,
                                 method == METHOD_GUARDED);
}

static int park_or_unpark(struct worker_bridge *b, enum method method, const char *why, const struct now *now)
{
    const struct policy *p = &b->settings->policy.policy;
    const char *bridge = b->settings->bridge.name;
    int64_t n = 0;
    int r = 0;

    if (method == METHOD_NONE)
        r = reconnect_park_no_method(b->worker->state.db, now, bridge, p->no_method_ms, why, &n);
    else if (b->by_hook || !b->no_method_settled)
        r = reconnect_unpark_no_method(b->worker->state.db, p, now, bridge, &n);
    b->no_method_settled = r == 0;
    if (n > 0)
        log_info(method == METHOD_NONE ? "sessions-parked" : "sessions-unparked",
                 method == METHOD_NONE ? why : "sessions can be reconnected now", KS("bridge", bridge),
                 KI("sessions", n));
    return r;
}

int reconnect_method_settle(struct worker_bridge *b, const struct now *now, bool *ret_may)
{
    char why[ATTEMPTS_DETAIL_MAX] = "";
    enum method method = METHOD_READY;
    int r = 0;

    *ret_may = false;
    if (!b->driver)
        return 0;
    if (b->by_hook)
        r = check_hook(b, why, sizeof why, &method);
    if (r == 0)
        r = note_method(b, method, why);
    if (r == 0)
        r = park_or_unpark(b, method, why, now);
    *ret_may = r == 0 && method == METHOD_READY;
    return r;
}

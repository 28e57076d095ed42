#include "services/reconnect-worker/reconnect_method.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/bridge/drivers.h"

int reconnect_method_read(struct worker *w)
{
    struct bridge_row row = { 0 };
    const struct bridge_driver *driver;
    int r = bridges_find(w->db, w->settings.bridge.name, &row);

    if (r < 0)
        return r;
    driver = r == 0 ? bridge_driver_find(row.driver) : NULL;
    if (driver != w->driver) {
        w->no_method_settled = false;
        log_info("bridge-driver", "what the bridge speaks", KS("bridge", w->settings.bridge.name),
                 KS("driver", row.driver),
                 KS("reconnects", driver && driver->has_reconnect ? "by call" : "by hook"));
    }
    str_copy(str_from(row.no_reconnect_method), w->no_reconnect_method, sizeof w->no_reconnect_method);
    w->driver = driver;
    w->by_hook = driver && !driver->has_reconnect;
    return 0;
}

/* May the bridge be restarted? If not, *ret_why says so. */
static int check_hook(struct worker *w, char *ret_why, size_t n, bool *ret_may)
{
    int64_t count[SESSION_STATE_N] = { 0 };
    int percent = 0;
    int r = sessions_count(w->db, w->settings.bridge.name, count);

    *ret_may = r == 0 && w->hook.kind != HOOK_NONE &&
               hook_may_restart(count, w->settings.hook.max_connected, &percent);
    if (w->hook.kind == HOOK_NONE)
        (void)snprintf(ret_why, n, "%s", hook_missing_message);
    else
        (void)snprintf(ret_why, n,
                       "%d %% of the sessions are connected, too many to restart the bridge for the rest"
                       " (RECONNECT_HOOK_MAX_CONNECTED); restart it by hand when it suits",
                       percent);
    return r;
}

/* Noted in the bridge's row, where the CLI reads it. */
static int note_no_method(struct worker *w, const char *why)
{
    if (strcmp(w->no_reconnect_method, why) == 0)
        return 0;
    return bridges_set_no_method(w->db, w->settings.bridge.name, why);
}

int reconnect_method_settle(struct worker *w, const struct now *now, bool *ret_may)
{
    const char *bridge = w->settings.bridge.name;
    char why[ATTEMPTS_DETAIL_MAX] = "";
    int64_t n = 0;
    int r = 0;

    *ret_may = w->driver != NULL;
    if (w->by_hook)
        r = check_hook(w, why, sizeof why, ret_may);
    if (r == 0 && w->driver)
        r = note_no_method(w, *ret_may ? "" : why);
    if (r != 0 || !w->driver)
        return r;
    if (!*ret_may)
        r = reconnect_park_no_method(w->db, now, bridge, w->settings.policy.policy.no_method_ms, why, &n);
    else if (w->by_hook || !w->no_method_settled)
        r = reconnect_unpark_no_method(w->db, &w->settings.policy.policy, now, bridge, &n);
    w->no_method_settled = r == 0;
    if (n > 0)
        log_info(*ret_may ? "unparked" : "parked", *ret_may ? "there is a way to reconnect now" : why,
                 KS("bridge", bridge), KI("sessions", n));
    return r;
}

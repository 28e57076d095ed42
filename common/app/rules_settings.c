/*
 * Every number of the monitor's decisions, its default and the reason for it.
 */
#include "common/app/rules_settings.h"

#include <errno.h>
#include <stddef.h>

#define AT(field)         offsetof(struct rules, field)
#define MS(field, lo, hi) .kind = SETTING_DURATION, .at = AT(field), .min = (lo), .max = (hi)
#define N(field, lo, hi)  .kind = SETTING_INT, .at = AT(field), .min = (lo), .max = (hi)

#define HOUR_MS (60 * 60 * 1000LL)
#define DAY_MS  (24 * HOUR_MS)

/* clang-format off */
const struct setting rules_settings_table[] = {
    /* The original integration's rule; a bridge answers a list in milliseconds, so it is no load. */
    { .name = "CHECK_INTERVAL", MS(check_ms, 100, DAY_MS), .def = "60s",
      .help = "between two sweeps of all sessions" },
    /* Time for the bridge to settle after the event, and still within 5 s. */
    { .name = "CHECK_SOON", MS(recheck_ms, 10, HOUR_MS), .def = "3s",
      .help = "after a session.* event, until the bridge is asked again" },
    /* Short enough to see a bridge come back at once, long enough not to press one that is ill. */
    { .name = "CHECK_INCIDENT", MS(incident_check_ms, 10, HOUR_MS), .def = "5s",
      .help = "between two sweeps while the bridge is in trouble" },
    /* Trouble is over after a few good looks in a row: each at the pace of trouble would leave all of its sessions
     * down for 10 s more. A second is long enough for a bridge that falls over again to do so. */
    { .name = "CHECK_CONFIRM", MS(confirm_ms, 10, HOUR_MS), .def = "1s",
      .help = "while the bridge is in trouble, from a good sweep to the next, if that is sooner" },
    /* A bridge is one process; more at once only makes each answer slower. */
    { .name = "CHECK_IN_FLIGHT", N(in_flight, 1, 256), .def = "32",
      .help = "calls at once where sessions are asked for one by one" },
    /* A login takes 2 to 10 s; after two minutes it will not come by itself. */
    { .name = "START_TIMEOUT", MS(start_ms, 1000, DAY_MS), .def = "120s",
      .help = "a session that is starting for longer counts as disconnected" },

    /* A health route answers at once or not at all; three of these and a bridge that hangs is noticed in 15 s. */
    { .name = "HEALTH_TIMEOUT", MS(health_timeout_ms, 100, 60000), .def = "3s",
      .help = "a health check that takes longer is a bad one" },
    /* A request of a hundred bytes: no load for any bridge. */
    { .name = "HEALTH_INTERVAL", MS(health_check_ms, 100, HOUR_MS), .def = "3s",
      .help = "between two health checks while no sweep is under way" },
    /* A bridge that is restarted is away for some seconds. */
    { .name = "HEALTH_DOWN_AFTER", MS(health_down_ms, 0, HOUR_MS), .def = "10s",
      .help = "the bridge is not down before its health checks have been bad for so long" },
    /* One lost packet or one quick restart is no outage. */
    { .name = "HEALTH_BAD", N(health_bad, 1, 100), .def = "3",
      .help = "bad health checks in a row until the bridge is down" },
    /* One lucky answer of a bridge that goes up and down is not enough. */
    { .name = "HEALTH_GOOD", N(health_good, 1, 100), .def = "2",
      .help = "good health checks in a row until it is up again" },

    /* When half of them fall together they have one cause, and it is not theirs. */
    { .name = "INCIDENT_PERCENT", N(incident_percent, 1, 100), .def = "50",
      .help = "share of the connected sessions that turn bad together: an incident of the bridge" },
    /* Of two sessions one is half. */
    { .name = "INCIDENT_MIN", N(incident_min, 1, 1000000), .def = "5",
      .help = "and at least so many sessions" },
    /* A bridge that loses its network tells so session by session, as their keep-alives run out (20 to 30 s). */
    { .name = "INCIDENT_WINDOW", MS(incident_window_ms, 1000, HOUR_MS), .def = "30s",
      .help = "and within this time" },
    { .name = "INCIDENT_FAILURES", N(incident_failures, 1, 1000), .def = "5",
      .help = "calls to the bridge in a row that fail in transport: an incident, too" },
    /* The first good sweep may have seen a bridge in the middle of its start. */
    { .name = "INCIDENT_SWEEPS", N(incident_sweeps, 1, 100), .def = "2",
      .help = "good sweeps in a row without a new drop that end an incident" },
    /* The bridge answers well and sessions still drop: these drops are not one event, and sessions that fell for
     * another reason must not wait for them. */
    { .name = "INCIDENT_MAX", MS(incident_max_ms, 1000, HOUR_MS), .def = "120s",
      .help = "an incident of dropping sessions ends with the first good sweep after this" },

    /* As routers damp a route (RFC 2439): four drops in about ten minutes are too many. */
    { .name = "FLAP_PENALTY", N(flap_penalty, 0, 1000000), .def = "1000",
      .help = "added to a session's flap score per drop; 0: no flap damping" },
    { .name = "FLAP_SUPPRESS", N(flap_suppress, 1, 1000000), .def = "3000",
      .help = "score at which a session is left alone" },
    /* Two half-lives below: half an hour of rest. */
    { .name = "FLAP_REUSE", N(flap_reuse, 1, 1000000), .def = "750",
      .help = "score at which it is tried again" },
    { .name = "FLAP_HALF_LIFE", MS(flap_half_life_ms, 1000, DAY_MS), .def = "15m",
      .help = "in this time a score falls to half" },
    /* No operator accepts that a session is not even tried for longer. */
    { .name = "FLAP_MAX", MS(flap_max_ms, 1000, 7 * DAY_MS), .def = "60m",
      .help = "longest time a session is left alone" },

    /* People's habits repeat by the week. */
    { .name = "SILENT_PERIOD", MS(silent_period_ms, 168 * 60, 366 * DAY_MS), .def = "7d",
      .help = "time after which a session's activity profile repeats" },
    /* If slots of ten minutes were independent, 12 expected ones stay empty once in e^12 = 160,000 silences. */
    { .name = "SILENT_EXPECTED", N(silent_expected, 1, 1000000), .def = "12",
      .help = "active ten-minute slots that a silence should have had, until a session is silent" },
    /* They are not independent (holidays, a shop closed for a day): its own longest silence, and a quarter. */
    { .name = "SILENT_PERCENT", N(silent_percent, 100, 100000), .def = "125",
      .help = "and at least this share of its longest silence so far" },
    { .name = "SILENT_RECONNECT", .kind = SETTING_BOOL, .at = AT(silent_reconnect), .def = "off",
      .help = "reconnect a silent session, once" },

    /* A subscription changes by a person's hand, or with an update of the bridge: an hour is soon enough. */
    { .name = "WEBHOOK_CHECK_INTERVAL", MS(webhook_check_ms, 1000, 7 * DAY_MS), .def = "1h",
      .help = "between two checks of a session's webhook subscription at the bridge" },
    /* The calls that verify the attempt go first, and a bridge that starts a session writes its settings meanwhile. */
    { .name = "WEBHOOK_CHECK_AFTER", MS(webhook_check_after_ms, 0, HOUR_MS), .def = "5s",
      .help = "from a session's connection to a check of its webhook subscription" },

    /* The person who removed it knows; one who did not expect it has had the alert for so long. */
    { .name = "REMOVED_AFTER", MS(removed_ms, 1000, 30 * DAY_MS), .def = "1h",
      .help = "a session that the bridge's lists lack for so long, while they show at least as many others, was removed there: "
              "its alert ends" },
    /* An attempt takes half a minute and most drops heal with the first one; after three minutes a customer calls. */
    { .name = "DOWN_ALERT_AFTER", MS(down_alert_ms, 0, DAY_MS), .def = "3m",
      .help = "a session that is down for so long is an alert, whatever the cause and whatever is being tried" },
    /* The next poll, seconds later, often says that it is over. */
    { .name = "ALERT_HOLD", MS(alert_hold_ms, 0, HOUR_MS), .def = "10s",
      .help = "an alert of a session goes out when its reason has lasted for so long" },
    /* A session that goes to and fro is one problem. */
    { .name = "ALERT_REPEAT", MS(alert_repeat_ms, 0, DAY_MS), .def = "5m",
      .help = "no session raises more than one alert in this time" },
    /* A list of ten names is read, one of a hundred is not. */
    { .name = "ALERT_GROUP", N(alert_group, 1, 100000), .def = "10",
      .help = "more sessions than this with the same alert at once are one alert" },

    { 0 },
};
/* clang-format on */

int rules_settings_check(const struct rules *rules, struct buf *problem)
{
    if (rules->flap_reuse <= rules->flap_suppress)
        return 0;
    (void)buf_adds(problem, "FLAP_REUSE must not be above FLAP_SUPPRESS");
    return -EINVAL;
}

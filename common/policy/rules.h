/*
 * The numbers of the monitor's decisions, all in one struct that is handed to every pure function. Each is a
 * setting; its default and the reason for it stand in common/app/rules_settings.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rules {
    int64_t check_ms;          /* from the start of one sweep to the start of the next */
    int64_t recheck_ms;        /* after a session.* event: look again so soon */
    int64_t incident_check_ms; /* while the bridge is in trouble: from the end of one sweep to the next */
    int64_t confirm_ms;        /* … and to the one that confirms a good one, if that is sooner */
    int64_t in_flight;         /* calls at once, where each session is asked for by itself */
    int64_t start_ms;          /* a session that is starting for longer is down */

    int64_t health_timeout_ms; /* a health check that takes longer is bad */
    int64_t health_check_ms;   /* between two checks, while no sweep is under way */
    int64_t health_bad;        /* checks in a row that say "down" … */
    int64_t health_down_ms;    /* … over at least this time: a bridge that starts is not down */
    int64_t health_good;       /* … and "up" again */

    int64_t incident_percent;   /* of the connected sessions … */
    int64_t incident_min;       /* … and at least so many … */
    int64_t incident_window_ms; /* … turn bad within this time: the bridge's trouble */
    int64_t incident_failures;  /* or so many calls in a row fail in transport */
    int64_t incident_sweeps;    /* good ones in a row, without a new drop, that end it */
    int64_t incident_max_ms;    /* a mass drop ends with the first good sweep after this, in any case */

    int64_t flap_penalty;      /* per drop */
    int64_t flap_suppress;     /* from this score on a session is left alone … */
    int64_t flap_reuse;        /* … until it has decayed to this … */
    int64_t flap_half_life_ms; /* … with this half-life … */
    int64_t flap_max_ms;       /* … and no longer than this */

    int64_t silent_period_ms; /* the activity profile repeats after this, in 168 parts: a week */
    int64_t silent_expected;  /* active slots that should have been there in a silence, at least … */
    int64_t silent_percent;   /* … and this share of the longest silence that ended by itself */
    bool silent_reconnect;    /* a silent session is reconnected, once */

    int64_t webhook_check_ms;       /* between two checks of a session's webhook subscription … */
    int64_t webhook_check_after_ms; /* … and one that much after it has connected */

    int64_t removed_ms;      /* a lost session counts as removed at the bridge after so long */
    int64_t down_alert_ms;   /* a session that is down for so long is an alert, for any cause */
    int64_t alert_hold_ms;   /* a condition that a person would have to act on must have lasted so long */
    int64_t alert_repeat_ms; /* a session raises no more than one alert in this time */
    int64_t alert_group;     /* more sessions than this with the same alert at once are one alert */
};

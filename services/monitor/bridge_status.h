/*
 * The bridge as a whole, in one struct: its health, the incident it is in, whether it refuses the key, the fault
 * with it in words, and which of these changes are not committed yet. Pure; times in steady ms.
 *
 *   bridge_status_health(), _call(), _drops(), _sweep()   an observation; its changes become pending
 *   bridge_status_fill() → commit → bridge_status_committed()
 *                            '→ on failure the caller puts back the copy it made before
 */
#pragma once

#include "common/store/bridges.h"
#include "services/monitor/alert_rules.h"
#include "services/monitor/health.h"
#include "services/monitor/incident.h"

/* The rows that a transaction writes beside the changes of sessions; zeros: none. */
struct bridge_update {
    int64_t cursor; /* the event feed's position, 0: leave it */
    int64_t feed_after,
        feed_seq; /* … and that of this bridge alone in the batch that began there; 0: leave it */
    bool swept;   /* a good sweep ends with it; workers may rely on its observations for freshness_ms */
    int64_t swept_from_ms; /* steady: when that sweep began */
    int64_t freshness_ms;
    bool set_incident, incident; /* … begins (true) or ends */
    const char *incident_detail;
    bool quiet;  /* the bridge is in trouble: no alert per session */
    bool shared; /* the drops are not the sessions' own: no flap score grows */
    bool set_health;
    enum bridge_health health;
    const char *health_detail;
    const char *unknown_word;
    const char *two_owners;
    const char *drift;
    const char *identity;
    const char *rival;
    bool new_word; /* the alert of unknown words is raised anew: there is one more */
    struct alert_bridge_facts facts;
};

struct bridge_status {
    struct health health;
    struct incident incident;
    bool key_refused;
    bool reached;                    /* it has answered since the start */
    int outdated;                    /* 1, -1: as state.db has it; 0: not read yet */
    char detail[BRIDGES_DETAIL_MAX]; /* its fault now, "": none */

    char unknown_word[BRIDGES_DETAIL_MAX]; /* of the last good sweep: each, and a session called so */
    bool new_word;                         /* one of them has no alert yet */
    char two_owners[BRIDGES_DETAIL_MAX];   /* the sessions that share a phone, "": none */
    bool rival_here;                       /* another stack of this machine watches it, too */
    char rival_hook[BRIDGES_DETAIL_MAX];   /* a webhook of it that goes to another stack, "": none is known */
    bool identity_read;                    /* a list was read since the start */
    char identity[BRIDGES_DETAIL_MAX];     /* why it is not the same bridge any more, "": it is */
    char drift[BRIDGES_DETAIL_MAX];        /* webhook subscriptions that have drifted, "": none */
    bool dead[ALERT_KIND_N];               /* of the alerts *_DEAD: that program gives no sign of life */

    int64_t unwell_ms; /* steady: when a health check was bad last, 0: never */
    int64_t shared_ms; /* steady: when half of its sessions dropped together last, 0: never */
    bool shared;       /* the drops of the changeset under way are not the sessions' own */

    bool incident_alerted; /* the incident has lasted long enough for an alert */

    bool health_pending, incident_pending; /* changed, not committed yet */
    char health_detail[BRIDGES_DETAIL_MAX];
};

/* Takes over @row, so that a restart in an incident goes on with it. */
void bridge_status_load(struct bridge_status *s, const struct bridge_row *row, int64_t now_ms);

/* In trouble: its sessions are not decided one by one. */
bool bridge_status_is_quiet(const struct bridge_status *s);
bool bridge_status_is_up(const struct bridge_status *s);
/* No program of this data folder is dead, as far as this bridge shows them. */
bool bridge_status_programs_live(const struct bridge_status *s);
/* The sweep that has just ended was one of the good ones in a row that end the trouble. */
bool bridge_status_is_recovering(const struct bridge_status *s);

/* @detail: the problem; @http_status 0: no answer came. */
void bridge_status_set_detail(struct bridge_status *s, const char *detail, int http_status);
/* A health check ended; set the detail before. Returns true when the bridge went up or down with it. */
bool bridge_status_health(const struct rules *rules, struct bridge_status *s, bool good, int64_t asked_ms,
                          int64_t now_ms);
/* Any call ended: @ok when the bridge could be reached. */
void bridge_status_call(const struct rules *rules, struct bridge_status *s, bool ok, int64_t now_ms);
/* A health check was bad, or half of its sessions dropped together, within the last rules->incident_window_ms. */
bool bridge_status_was_unwell(const struct rules *rules, const struct bridge_status *s, int64_t now_ms);
/* So many sessions dropped (incident_counts(), or 0) with the changeset that is about to be committed; @connected are left.
 * Returns true when those drops, and the ones within rules->incident_window_ms before, are not the sessions' own: half of
 * them dropped together, or the bridge was not well. */
bool bridge_status_drops(const struct rules *rules, struct bridge_status *s, int64_t drops, int64_t connected,
                         int64_t now_ms);
/* A sweep ended. Returns true when the incident ends with it. */
bool bridge_status_sweep(const struct rules *rules, struct bridge_status *s, bool good, int64_t drops,
                         int64_t now_ms);

/* Has the incident lasted for three times rules->alert_hold_ms? It is an alert from then on: a bridge that is restarted in an
 * orderly way is back by then. Returns true when that has just changed. */
bool bridge_status_hold_over(const struct rules *rules, struct bridge_status *s, int64_t now_ms);

/* Adds to @u the pending changes and the facts that the alerts of the bridge depend on. Its texts live as long as @s is unchanged. */
void bridge_status_fill(const struct bridge_status *s, struct bridge_update *u);
void bridge_status_committed(struct bridge_status *s);

/* For /health: the problem in words, NULL: none. */
const char *bridge_status_problem(const struct bridge_status *s);

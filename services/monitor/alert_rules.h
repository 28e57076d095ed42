/*
 * Which alert a session or the bridge deserves: on change, and once per root cause. Pure.
 *
 * A session has at most one alert at a time, the gravest that fits its state; when another (or none) fits,
 * the old one is resolved. During a bridge incident sessions are not looked at: the bridge's own alert speaks
 * for them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/domain/alert_kind.h"
#include "common/domain/cause.h"
#include "common/domain/session.h"
#include "common/policy/rules.h"

struct alert_facts {
    enum session_state state;
    const struct cause *cause; /* may be NULL */
    bool parked, flapping, silent;
    bool bridge_outdated;    /* the bridge's own alert ALERT_BRIDGE_OUTDATED is on */
    bool paired;             /* somebody has scanned its code once */
    int64_t state_ms;        /* for how long it has been in this state */
    int64_t down_ms;         /* for how long it has not been connected, 0: it is */
    bool attempting;         /* an attempt is under way */
    int64_t raised_ago_ms;   /* since its last alert was raised; INT64_MAX: never */
    enum alert_kind current; /* the one that is active */
};
/* The alert that this session deserves now, or ALERT_NONE. Another one than the current is raised only when the reason has
 * lasted (rules->alert_hold_ms) and the last one was not raised a short while ago (rules->alert_repeat_ms). Until then a
 * session that is down keeps the current one, and one that is connected has none. */
enum alert_kind alert_of_session(const struct rules *rules, const struct alert_facts *f);
/* A session that is down is an alert after rules->down_alert_ms. An attempt that is under way then may end it within
 * seconds: it has until this, rules->alert_hold_ms more. */
int64_t alert_down_latest_ms(const struct rules *rules);
/* Parked or failed for a reason that is the bridge's (405): one alert, ALERT_BRIDGE_OUTDATED, as long as that is on. */
bool alert_is_bridges(const struct alert_facts *f);

struct alert_bridge_facts {
    bool down, key_refused;
    bool incident;           /* one that did not begin with the bridge going down */
    int outdated;            /* 1, -1: it is (is not) too old for WhatsApp; 0: not known */
    bool rival;              /* another stack watches it, too */
    int changed;             /* 1, -1: another bridge answers (or does not) in its place; 0: not known */
    bool two_owners;         /* one of its sessions has the phone of another session */
    bool drifted;            /* webhook subscriptions of its sessions are not as they should be */
    bool unknown_word;       /* it calls a session by a word that its driver does not know */
    bool dead[ALERT_KIND_N]; /* programs that give no sign of life: *_DEAD */
};
/* Does the bridge deserve the alert @k, of scope ALERT_OF_BRIDGE? @current: it is on. One root cause, one alert. */
bool alert_of_bridge(const struct alert_bridge_facts *f, enum alert_kind k, bool current);

/* One sentence for a person. @session "": the alert is the bridge's. @why: the cause's meaning, may be NULL.
 */
void alert_sentence(enum alert_kind k, bool firing, const char *bridge, const char *session, const char *why,
                    struct buf *out);
/* One that ends for a session: another one, @next, takes its place, or none does (ALERT_NONE). @parked: it is parked; @cause:
 * of its state now, may be NULL. */
void alert_end_sentence(enum alert_kind k, enum alert_kind next, bool parked, const struct cause *cause,
                        const char *bridge, const char *session, struct buf *out);
/* "7 sessions on bridge main are …"; names may follow. */
void alert_group_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out);

/*
 * What a person must be told, on change and once per root cause. Pure.
 *
 * A session has at most one alert at a time, the gravest that fits what is held; when another (or none) fits,
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

#define ALERT_SESSION_FIRST ALERT_SESSION_LOST

struct alert_facts {
    enum session_state state;
    const struct cause *cause; /* may be NULL */
    bool parked, flapping, silent;
    enum alert_kind current; /* the one that is active */
};
/* The alert that this session deserves now, or ALERT_NONE. */
enum alert_kind alert_of_session(const struct alert_facts *f);
/* Parked or failed for a reason that is the bridge's (405): told once, as ALERT_BRIDGE_OUTDATED. */
bool alert_is_bridges(const struct alert_facts *f);

/* The alert that the bridge as a whole deserves. */
struct alert_bridge_facts {
    bool down, key_refused;
    bool incident; /* one that did not begin with the bridge going down */
};
enum alert_kind alert_of_bridge(const struct alert_bridge_facts *f);

/* One sentence for a person. @session "": the alert is the bridge's. @why: the cause's meaning, may be NULL.
 */
void alert_sentence(enum alert_kind k, bool firing, const char *bridge, const char *session, const char *why,
                    struct buf *out);
/* "7 sessions on bridge main are …"; names may follow. */
void alert_group_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out);

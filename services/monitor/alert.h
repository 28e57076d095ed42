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
#include "common/bridge/cause.h"
#include "common/bridge/driver.h"

/* X(NAME, text, severity, words, more): "session s1 is <words>: <more>", "… is no longer <words>". */
/* clang-format off */
#define ALERT_KINDS(X)                                                                                            \
    X(BRIDGE_DOWN, "bridge-down", "critical", "down", "its sessions are left alone until it is back")             \
    X(BRIDGE_INCIDENT, "bridge-incident", "critical", "in trouble as a whole", "its sessions are left alone")     \
    X(BRIDGE_KEY_REFUSED, "bridge-key-refused", "critical", "refusing our key", "set WHATSAPP_API_KEY")           \
    X(BRIDGE_OUTDATED, "bridge-client-outdated", "critical", "too old for WhatsApp (405)",                        \
      "update the bridge, then unpark a session")                                                                 \
    X(SESSION_LOST, "session-lost", "critical", "gone from the bridge", "create it again, or delete it here")     \
    X(SESSION_BANNED, "session-banned", "critical", "refused by WhatsApp", "a person has to see to it")           \
    X(SESSION_LOGGED_OUT, "session-logged-out", "warning", "logged out", "it needs a new QR scan")                \
    X(SESSION_PARKED, "session-parked", "warning", "parked", "nothing is tried until somebody unparks it")        \
    X(SESSION_NEEDS_QR, "session-needs-qr", "warning", "waiting for a QR scan", "`zapkeep session qr` shows it")  \
    X(SESSION_FLAPPING, "session-flapping", "warning", "dropping again and again", "it is left alone for a while") \
    X(SESSION_SILENT, "session-silent", "warning", "silent", "connected, but it has not heard anything for too long")
/* clang-format on */

enum alert_kind {
    ALERT_NONE,
#define X(name, text, severity, words, more) ALERT_##name,
    ALERT_KINDS(X)
#undef X
        ALERT_KIND_N
};
#define ALERT_SESSION_FIRST ALERT_SESSION_LOST

const char *alert_kind_text(enum alert_kind k);    /* "" for ALERT_NONE */
enum alert_kind alert_kind_find(const char *text); /* ALERT_NONE when there is none of that name */
const char *alert_severity(enum alert_kind k);

struct alert_facts {
    enum session_state state;
    const struct cause *cause; /* may be NULL */
    bool parked, flapping, silent;
    enum alert_kind told; /* the one that is active */
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
void alert_crowd_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out);

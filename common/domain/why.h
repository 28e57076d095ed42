/*
 * Why a session is not attempted now: every "no" of the policy has a name, words for a person and, where it
 * is known, a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, key, message) */
#define WHY(X)                                                                                              \
    X(READY, "ready", "it can be attempted now")                                                            \
    X(CONNECTED, "connected", "it is connected")                                                            \
    X(STARTING, "starting", "the bridge is starting it")                                                    \
    X(QR_PENDING, "qr-pending", "it waits for somebody to scan its QR code")                                \
    X(ACTION_REQUIRED, "action-required", "a person has to confirm it, on the phone or at the bridge")      \
    X(LOGGED_OUT, "logged-out", "it is logged out")                                                         \
    X(FAILED, "failed", "WhatsApp refuses this account or client: see its cause")                           \
    X(UNKNOWN_STATE, "unknown-state", "the bridge calls it by a word that zapkeep does not know")           \
    X(LOST, "lost", "the bridge does not know it any more")                                                 \
    X(PARKED, "parked", "it is parked until `zapkeep session unpark`")                                      \
    X(NOT_WANTED, "not-wanted", "nobody has put it up for an attempt")                                      \
    X(CALLING, "calling", "an attempt is being made")                                                       \
    X(VERIFYING, "verifying", "an attempt was made; whether it worked is being watched")                    \
    X(SPACING, "spacing", "its last attempt is too short ago")                                              \
    X(NOT_DUE, "not-due", "its time has not come")                                                          \
    X(GRACE, "grace", "the bridge may still say why it dropped, or bring it back by itself")                \
    X(SLOW, "slow", "another client took its place: the one retry it gets comes late")                      \
    X(BANNED, "banned", "WhatsApp has banned it for a time: it is tried when that is over")                 \
    X(FLAPPING, "flapping", "it drops so often that it is left alone for a while")                          \
    X(NOT_SEEN, "not-seen", "the monitor has not looked at it since its last attempt")                      \
    X(NOT_CONFIGURED, "not-configured", "its bridge is not configured any more: nothing is done for it")    \
    X(NO_DRIVER, "no-driver", "it is not known yet what the bridge speaks")                                 \
    X(NO_METHOD, "no-reconnect-method", "this bridge has no reconnect call, and nothing restarts it now")   \
    X(HOOK_GUARD, "hook-guard", "too many sessions are connected to restart the bridge for this one")       \
    X(BRIDGE_UNKNOWN, "bridge-unknown", "the monitor has not found the bridge healthy yet")                 \
    X(BRIDGE_DOWN, "bridge-down", "the bridge is down")                                                     \
    X(INCIDENT, "incident", "the bridge has an incident: many sessions or calls fail at once")              \
    X(OUTDATED, "outdated", "WhatsApp refuses the bridge's client version: update the bridge, then unpark") \
    X(MONITOR_SILENT, "monitor-silent", "the monitor has not looked at the bridge lately")                  \
    X(BREAKER_OPEN, "breaker-open", "the bridge failed too many calls: the breaker is open")                \
    X(BREAKER_PROBING, "breaker-probing", "a few probes are out to see whether the bridge is back")         \
    X(IN_FLIGHT_MAX, "in-flight-max", "as many calls as allowed are in flight")                             \
    X(BUCKET_EMPTY, "bucket-empty", "the bridge's rate of attempts is used up")                             \
    X(HOOK_SPACING, "hook-spacing", "the bridge was restarted a short while ago")

enum why {
#define X(name, key, message) WHY_##name,
    WHY(X)
#undef X
        WHY_N
};

const char *why_key(enum why w); /* "bridge-down" */
/* The bridge's row has the reason in detail (bridge_row.no_reconnect_method). */
bool why_is_of_method(enum why w);
const char *why_message(enum why w); /* one clause, no full stop */

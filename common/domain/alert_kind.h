/*
 * The kinds of alerts: names and texts. services/monitor decides which one a session or a bridge deserves.
 */
#pragma once

#include <stdbool.h>

/* An alert is of one session, or of a bridge as a whole. */
enum alert_scope { ALERT_OF_BRIDGE, ALERT_OF_SESSION };

/* X(NAME, scope, text, severity, state, detail): "session s1 is <state>: <detail>", "… is no longer <state>". A row may
 * stand anywhere in the list. */
/* clang-format off */
#define ALERT_KINDS(X)                                                                                            \
    X(BRIDGE_DOWN, ALERT_OF_BRIDGE, "bridge-down", "critical", "down",                                            \
      "its sessions are left alone until it is back")                                                             \
    X(BRIDGE_INCIDENT, ALERT_OF_BRIDGE, "bridge-incident", "critical", "in trouble as a whole",                   \
      "its sessions are left alone")                                                                              \
    X(BRIDGE_KEY_REFUSED, ALERT_OF_BRIDGE, "bridge-key-refused", "critical", "refusing our key",                  \
      "set WHATSAPP_API_KEY")                                                                                     \
    X(BRIDGE_OUTDATED, ALERT_OF_BRIDGE, "bridge-client-outdated", "critical", "too old for WhatsApp (405)",       \
      "update the bridge, then unpark a session")                                                                 \
    X(INGEST_DEAD, ALERT_OF_BRIDGE, "webhook-ingest-dead", "critical", "without webhook-ingest",                   \
      "webhooks are not stored: start zapkeep-ingest")                                                            \
    X(WORKERS_DEAD, ALERT_OF_BRIDGE, "reconnect-workers-dead", "critical", "without a reconnect-worker",          \
      "sessions that drop stay down: start zapkeep-reconnect")                                                    \
    X(FORWARDER_DEAD, ALERT_OF_BRIDGE, "forwarder-dead", "critical", "without a forwarder",                       \
      "backends get no events: start zapkeep-forward")                                                            \
    X(HUB_DEAD, ALERT_OF_BRIDGE, "bus-hub-dead", "warning", "without a bus-hub",                                  \
      "taps see nothing, and all reactions are slower: start zapkeep-hub")                                        \
    X(BRIDGE_UNKNOWN_WORD, ALERT_OF_BRIDGE, "bridge-unknown-word", "warning",                                     \
      "calling sessions by a word that zapkeep does not know", "they are left alone: look at the bridge")         \
    X(BRIDGE_TWO_OWNERS, ALERT_OF_BRIDGE, "bridge-two-owners", "warning",                                         \
      "holding a phone that another session holds, too",                                                          \
      "each may throw the other out: unpair one of them")                                                         \
    X(BRIDGE_TWO_STACKS, ALERT_OF_BRIDGE, "bridge-two-stacks", "warning",                                         \
      "watched by another zapkeep, too",                                                                          \
      "each reconnects its sessions, and neither counts the other's attempts: stop one of them")                  \
    X(BRIDGE_CHANGED, ALERT_OF_BRIDGE, "bridge-changed", "critical", "answered for by another bridge",            \
      "look at what is behind its URL; a session that will not come back: `zapkeep session delete`")              \
    X(DESTINATION_FAILING, ALERT_OF_BRIDGE, "destination-failing", "critical", "not taking every event",           \
      "its events wait")                                                                                          \
    X(DISK_LIMIT, ALERT_OF_BRIDGE, "disk-limit", "critical", "over its disk limit",                               \
      "the oldest deduplication keys go, then the oldest events: set ZAPKEEP_DISK_SIZE")                          \
    X(STORE_DOWN, ALERT_OF_BRIDGE, "store-down", "critical", "without its store",                                 \
      "webhooks are answered 503 and nothing is attempted: start the database server")                            \
    X(WEBHOOKS_DRIFTED, ALERT_OF_BRIDGE, "webhooks-drifted", "warning",                                           \
      "not sending the webhooks that it should",                                                                  \
      "`zapkeep bridge check` shows them, and sets them again with --repair")                                     \
    X(WEBHOOKS_REFUSED, ALERT_OF_BRIDGE, "webhooks-refused", "critical", "sending webhooks that are refused",      \
      "its events are lost: give it the token that webhook-ingest wants")                                         \
    X(WEBHOOKS_UNWATCHED, ALERT_OF_BRIDGE, "webhooks-unwatched", "warning",                                       \
      "sending webhooks, and no monitor watches it",                                                              \
      "send them to /webhook/NAME of a bridge that is configured, or configure this one")                         \
    X(SESSION_LOST, ALERT_OF_SESSION, "session-lost", "critical", "gone from the bridge",                         \
      "`zapkeep session pair` creates it again")                                                                       \
    X(SESSION_BANNED, ALERT_OF_SESSION, "session-banned", "critical", "refused by WhatsApp",                      \
      "a person has to see to it")                                                                                \
    X(SESSION_LOGGED_OUT, ALERT_OF_SESSION, "session-logged-out", "warning", "logged out",                        \
      "`zapkeep session pair` shows a new code")                                                                                   \
    X(SESSION_PARKED, ALERT_OF_SESSION, "session-parked", "warning", "parked",                                    \
      "nothing is tried until `zapkeep session unpark`")                                                               \
    X(SESSION_NEEDS_QR, ALERT_OF_SESSION, "session-needs-qr", "warning", "waiting for a QR scan",                 \
      "`zapkeep session pair` shows the code")                                                                            \
    X(SESSION_FLAPPING, ALERT_OF_SESSION, "session-flapping", "warning", "dropping again and again",              \
      "it is left alone for a while")                                                                             \
    X(SESSION_DOWN, ALERT_OF_SESSION, "session-down", "warning", "down for a while",                              \
      "`zapkeep session show` says what is tried")                                                                \
    X(SESSION_SILENT, ALERT_OF_SESSION, "session-silent", "warning", "silent",                                    \
      "connected, but it has not received anything for too long")                                                 \
    X(SESSION_ACTION_REQUIRED, ALERT_OF_SESSION, "session-action-required", "warning", "waiting for a person",     \
      "confirm it on the phone (a passkey), or at the bridge's own page")
/* clang-format on */

enum alert_kind {
    ALERT_NONE,
#define X(name, scope, text, severity, state, detail) ALERT_##name,
    ALERT_KINDS(X)
#undef X
        ALERT_KIND_N
};

const char *alert_kind_text(enum alert_kind k);    /* "session-lost"; "" for ALERT_NONE */
enum alert_kind alert_kind_find(const char *text); /* ALERT_NONE when there is none of that name */
const char *alert_severity(enum alert_kind k);     /* "critical", "warning" */
const char *alert_kind_state(enum alert_kind k);   /* "logged out": the session (bridge) is … */
const char *alert_kind_detail(enum alert_kind k);  /* "`zapkeep session pair` shows a new code" */
enum alert_scope alert_kind_scope(enum alert_kind k);

/* The program that raises and resolves alerts of a kind. */
enum alert_raiser { ALERT_BY_MONITOR, ALERT_BY_INGEST, ALERT_BY_FORWARDER, ALERT_RAISER_N };
enum alert_raiser alert_kind_raiser(enum alert_kind k);

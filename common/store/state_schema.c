/*
 * All tables of state.db. Times called …_wall, at, since are ms since the epoch, for people; all others are
 * steady ms (db.h). Before the first release a step may still be edited; after it only appended.
 */
#include <stddef.h>

#include "common/store/db.h"

static const char *const steps[] = {
    /* The anchor of steady time. The first row belongs to no boot, so that reading works before any write. */
    "CREATE TABLE steady ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  boot_id TEXT NOT NULL, boot_ms INTEGER NOT NULL,"
    "  steady_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO steady VALUES (1, '', 0, 1000, 0);"

    "CREATE TABLE cursor ("
    "  consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE bridge ("
    "  name TEXT PRIMARY KEY,"
    "  driver TEXT NOT NULL DEFAULT '',"
    "  health INTEGER NOT NULL DEFAULT 0, health_since INTEGER NOT NULL DEFAULT 0,"
    "  health_detail TEXT NOT NULL DEFAULT '',"
    "  incident_since INTEGER NOT NULL DEFAULT 0, incident_detail TEXT NOT NULL DEFAULT '',"
    "  outdated_since INTEGER NOT NULL DEFAULT 0,"
    "  swept_at INTEGER NOT NULL DEFAULT 0, swept_wall INTEGER NOT NULL DEFAULT 0,"
    "  fresh_until INTEGER NOT NULL DEFAULT 0,"
    "  bucket_micro INTEGER NOT NULL DEFAULT 0, bucket_at INTEGER NOT NULL DEFAULT 0,"
    "  slow_from INTEGER NOT NULL DEFAULT 0,"
    "  breaker INTEGER NOT NULL DEFAULT 0, breaker_until INTEGER NOT NULL DEFAULT 0,"
    "  breaker_opens INTEGER NOT NULL DEFAULT 0, breaker_gen INTEGER NOT NULL DEFAULT 0,"
    "  breaker_streak INTEGER NOT NULL DEFAULT 0, breaker_since INTEGER NOT NULL DEFAULT 0,"
    "  probes INTEGER NOT NULL DEFAULT 0, probes_ok INTEGER NOT NULL DEFAULT 0,"
    "  probes_bad INTEGER NOT NULL DEFAULT 0,"
    "  hook_at INTEGER NOT NULL DEFAULT 0, hook_runs INTEGER NOT NULL DEFAULT 0,"
    "  interval_ms INTEGER NOT NULL DEFAULT 0, rate_milli INTEGER NOT NULL DEFAULT 0,"
    "  burst INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE session ("
    "  bridge TEXT NOT NULL, id TEXT NOT NULL,"
    "  state INTEGER NOT NULL, cause TEXT NOT NULL DEFAULT '', code INTEGER NOT NULL DEFAULT 0,"
    "  since INTEGER NOT NULL, since_steady INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    "  occurred_at INTEGER NOT NULL DEFAULT 0,"
    "  raw_status TEXT NOT NULL DEFAULT '', phone TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '',"
    "  stable_since INTEGER NOT NULL DEFAULT 0,"
    "  flap_score INTEGER NOT NULL DEFAULT 0, flap_at INTEGER NOT NULL DEFAULT 0,"
    "  suppressed_until INTEGER NOT NULL DEFAULT 0,"
    "  silent_since INTEGER NOT NULL DEFAULT 0, last_received_at INTEGER NOT NULL DEFAULT 0,"
    "  heard_gap_ms INTEGER NOT NULL DEFAULT 0, heard_spread_ms INTEGER NOT NULL DEFAULT 0,"
    "  heard_n INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (bridge, id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE session_change ("
    "  n INTEGER PRIMARY KEY,"
    "  bridge TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,"
    "  from_state INTEGER NOT NULL, to_state INTEGER NOT NULL,"
    "  cause TEXT NOT NULL, code INTEGER NOT NULL, source TEXT NOT NULL, detail TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX session_change_of ON session_change (bridge, session, n);"

    "CREATE TABLE reconnect ("
    "  bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  phase INTEGER NOT NULL DEFAULT 0, reason INTEGER NOT NULL DEFAULT 0, park INTEGER NOT NULL DEFAULT 0,"
    "  due_at INTEGER NOT NULL DEFAULT 0,"
    "  shuffle_key INTEGER NOT NULL DEFAULT 0," /* random: the order of those that are due at the same time */
    "  attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,"
    "  last_sent INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER NOT NULL DEFAULT 0,"
    "  token INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0,"
    "  called_at INTEGER NOT NULL DEFAULT 0, verify_until INTEGER NOT NULL DEFAULT 0,"
    "  seen_at INTEGER NOT NULL DEFAULT 0,"
    "  at_once_used INTEGER NOT NULL DEFAULT 0, slow_used INTEGER NOT NULL DEFAULT 0,"
    "  forced INTEGER NOT NULL DEFAULT 0,"
    "  worker TEXT NOT NULL DEFAULT '', parked_since INTEGER NOT NULL DEFAULT 0,"
    "  park_detail TEXT NOT NULL DEFAULT '', park_published INTEGER NOT NULL DEFAULT 1,"
    "  PRIMARY KEY (bridge, session)"
    ") STRICT, WITHOUT ROWID;"
    /* Only rows in motion are in these: an idle stack of 10,000 sessions has empty indexes. */
    "CREATE INDEX reconnect_due ON reconnect (bridge, due_at, shuffle_key) WHERE phase = 1;"
    "CREATE INDEX reconnect_calling ON reconnect (bridge, lease_until) WHERE phase = 2;"
    "CREATE INDEX reconnect_verifying ON reconnect (bridge, verify_until) WHERE phase = 3;"
    "CREATE INDEX reconnect_parked ON reconnect (bridge, park) WHERE phase = 4;"
    "CREATE INDEX reconnect_unpublished ON reconnect (bridge) WHERE park_published = 0;"

    /* AUTOINCREMENT: a token is never given twice, also when old attempts have been removed. */
    "CREATE TABLE attempt ("
    "  token INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  attempt INTEGER NOT NULL, reason INTEGER NOT NULL, outcome INTEGER NOT NULL DEFAULT 0,"
    "  cause TEXT NOT NULL, worker TEXT NOT NULL, at INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,"
    "  http_status INTEGER NOT NULL DEFAULT 0, took_ms INTEGER NOT NULL DEFAULT -1,"
    "  next_at INTEGER NOT NULL DEFAULT 0, parked INTEGER NOT NULL DEFAULT 0,"
    "  breaker_gen INTEGER NOT NULL DEFAULT 0, answered_at INTEGER NOT NULL DEFAULT 0,"
    "  fault INTEGER NOT NULL DEFAULT 0," /* the answer was a fault of the bridge */
    "  published INTEGER NOT NULL DEFAULT 1, detail TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE INDEX attempt_of ON attempt (bridge, session, token);"
    "CREATE INDEX attempt_answered ON attempt (bridge, answered_at);"
    "CREATE INDEX attempt_unpublished ON attempt (bridge) WHERE published = 0;"

    /* What is wrong now, one row per root cause, and what the sinks have not taken yet. */
    "CREATE TABLE alert ("
    "  name TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  since INTEGER NOT NULL, cause TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',"
    "  grouped INTEGER NOT NULL DEFAULT 0," /* told as one of many, by the row without a session */
    "  PRIMARY KEY (name, bridge, session)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE alert_outbox ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL,"
    "  name TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, firing INTEGER NOT NULL,"
    "  since INTEGER NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL, detail TEXT NOT NULL,"
    "  tries INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX alert_outbox_of ON alert_outbox (sink, n);"

    /* What a session usually hears, hour by hour of the week; the monitor knows the format. */
    "CREATE TABLE activity_profile ("
    "  bridge TEXT NOT NULL, session TEXT NOT NULL, hours BLOB NOT NULL,"
    "  PRIMARY KEY (bridge, session)"
    ") STRICT, WITHOUT ROWID;",

    /* What operators want of the forwarder, which takes it and removes it (forward.h). */
    "CREATE TABLE forward_command ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, verb INTEGER NOT NULL, id INTEGER NOT NULL,"
    "  destination TEXT NOT NULL, session TEXT NOT NULL, type TEXT NOT NULL,"
    "  since_at INTEGER NOT NULL, until_at INTEGER NOT NULL, at INTEGER NOT NULL"
    ") STRICT;",

    /* Sessions that an operator deleted, for as long as their webhooks may still come (sessions.h). */
    "CREATE TABLE session_deleted ("
    "  bridge TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, steady INTEGER NOT NULL,"
    "  PRIMARY KEY (bridge, id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_deleted_by_age ON session_deleted (steady);",

    /* Why nothing can be attempted at this bridge, as the workers have it; "": there is a way. */
    "ALTER TABLE bridge ADD COLUMN no_reconnect_method TEXT NOT NULL DEFAULT ''",
    NULL,
};

const struct db_schema state_schema = { steps };

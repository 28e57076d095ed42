/*
 * All tables of state.db. Times called …_wall, at, since are ms since the epoch, for people; all others are
 * steady ms (db.h). Before the first release a step may still be edited; after it only appended.
 */
#include <stddef.h>

#include "common/store/columns.h"
#include "common/store/sqlite/schemas.h"

#define TABLE(name, columns, key) \
    "CREATE TABLE " name " (" columns ", PRIMARY KEY (" key ")) STRICT, WITHOUT ROWID;"
#define ATTEMPT_TABLE \
    "CREATE TABLE attempt (token INTEGER PRIMARY KEY AUTOINCREMENT, " ATTEMPT_COLUMNS(SQL_DECLS) ") STRICT;"

/* clang-format cannot lay out texts between which macros stand. */
/* clang-format off */
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

    TABLE("bridge", BRIDGE_COLUMNS(SQL_DECLS), "name")
        TABLE("session", SESSION_COLUMNS(SQL_DECLS), "bridge, id")

            "CREATE TABLE session_change ("
            "  n INTEGER PRIMARY KEY,"
            "  bridge TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,"
            "  from_state INTEGER NOT NULL, to_state INTEGER NOT NULL,"
            "  cause TEXT NOT NULL, code INTEGER NOT NULL, source TEXT NOT NULL, detail TEXT NOT NULL"
            ") STRICT;"
            "CREATE INDEX session_change_of ON session_change (bridge, session, n);"

    TABLE("reconnect", RECONNECT_COLUMNS(SQL_DECLS), "bridge, session")
    /* Only rows in motion are in these: an idle stack of 10,000 sessions has empty indexes. */
    "CREATE INDEX reconnect_due ON reconnect (bridge, due_at, shuffle_key) WHERE phase = " PHASE_DUE ";"
    "CREATE INDEX reconnect_asked ON reconnect (bridge, due_at, shuffle_key)"
    " WHERE phase = " PHASE_DUE " AND asked = 1;"
    "CREATE INDEX reconnect_calling ON reconnect (bridge, lease_until) WHERE phase = " PHASE_CALLING ";"
    "CREATE INDEX reconnect_verifying ON reconnect (bridge, verify_until) WHERE phase = " PHASE_VERIFYING ";"
    "CREATE INDEX reconnect_parked ON reconnect (bridge, park) WHERE phase = " PHASE_PARKED ";"
    "CREATE INDEX reconnect_unpublished ON reconnect (bridge) WHERE park_published = 0;"

    /* AUTOINCREMENT: a token is never given twice, also when old attempts have been removed. */
    ATTEMPT_TABLE "CREATE INDEX attempt_of ON attempt (bridge, session, token);"
    "CREATE INDEX attempt_answered ON attempt (bridge, answered_at);"
    "CREATE INDEX attempt_unpublished ON attempt (bridge) WHERE published = 0;"

    /* Active alerts, one row per root cause, and those that the sinks have not taken yet. */
    "CREATE TABLE alert ("
    "  name TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  since INTEGER NOT NULL, cause TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',"
    "  grouped INTEGER NOT NULL DEFAULT 0," /* one of many: the row without a session stands for it */
    "  PRIMARY KEY (name, bridge, session)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE alert_outbox ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL,"
    "  name TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, firing INTEGER NOT NULL,"
    "  since INTEGER NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL, detail TEXT NOT NULL,"
    "  tries INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX alert_outbox_of ON alert_outbox (sink, n);"

    /* The usual activity of a session, hour by hour of the week; the monitor knows the format. */
    "CREATE TABLE activity_profile ("
    "  bridge TEXT NOT NULL, session TEXT NOT NULL, hours BLOB NOT NULL,"
    "  PRIMARY KEY (bridge, session)"
    ") STRICT, WITHOUT ROWID;",

    /* Operator commands to the forwarder, which takes and removes them (forward_commands.h). */
    "CREATE TABLE forward_command ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, verb INTEGER NOT NULL, id INTEGER NOT NULL,"
    "  destination TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, type TEXT NOT NULL,"
    "  since_at INTEGER NOT NULL, until_at INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  done_at INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT ''"
    ") STRICT;",

    /* Sessions that an operator deleted, for as long as their webhooks may still come (sessions.h). */
    "CREATE TABLE session_deleted ("
    "  bridge TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, steady INTEGER NOT NULL,"
    "  PRIMARY KEY (bridge, id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_deleted_by_age ON session_deleted (steady);",

    /* Changes and their authors (audit.h), users of the console (access.h), messages minute by minute (message_counts.h). */
    "CREATE TABLE audit ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, address TEXT NOT NULL,"
    "  action TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, detail TEXT NOT NULL, ok INTEGER "
    "NOT NULL"
    ") STRICT;"
    "CREATE INDEX audit_of ON audit (bridge, session, n);"
    "CREATE TABLE access ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, role INTEGER NOT NULL, name TEXT NOT "
    "NULL,"
    "  hash TEXT NOT NULL UNIQUE, actor TEXT NOT NULL, created_at INTEGER NOT NULL, used_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE message_count ("
    "  bridge TEXT NOT NULL, session TEXT NOT NULL, hour INTEGER NOT NULL, received INTEGER NOT NULL,"
    "  events INTEGER NOT NULL, minutes BLOB NOT NULL, PRIMARY KEY (bridge, session, hour)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX message_count_by_age ON message_count (hour);"
    /* Alerts that began or ended (alerts.h). */
    "CREATE TABLE alert_change ("
    "  n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, firing INTEGER NOT NULL, name TEXT NOT NULL,"
    "  bridge TEXT NOT NULL, session TEXT NOT NULL, since INTEGER NOT NULL, cause TEXT NOT NULL,"
    "  detail TEXT NOT NULL"
    ") STRICT;"
    /* Webhook subscriptions of sessions, as they were found at the bridge (subscriptions.h). */
    TABLE("subscription", SUBSCRIPTION_COLUMNS(SQL_DECLS), "bridge, session"),
    NULL,
};
/* clang-format on */

const struct db_schema state_schema = { steps };

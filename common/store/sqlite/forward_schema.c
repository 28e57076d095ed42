/*
 * The tables of forward.db (forward.h).
 *
 * destination  per destination: the floor, and the done events above it as bits
 * status       as the forwarder last saw a destination, for the CLI
 * retry        the first event of a session, when it failed
 * blocked      the events behind it; their bodies stay in events.db
 * spilled      the rest of a session that has very many of them: where they are in events.db
 * dead         dead letters, each with its event
 */
#include <stddef.h>

#include "common/store/sqlite/schemas.h"

static const char *const steps[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE destination ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  floor INTEGER NOT NULL DEFAULT -1, done BLOB NOT NULL DEFAULT x'',"
    "  off_since INTEGER NOT NULL DEFAULT 0, paused_since INTEGER NOT NULL DEFAULT 0,"
    "  url TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE TABLE status ("
    "  destination INTEGER PRIMARY KEY, url TEXT NOT NULL, breaker TEXT NOT NULL, position INTEGER NOT NULL,"
    "  in_flight INTEGER NOT NULL, delivered INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  last_error TEXT NOT NULL, last_error_at INTEGER NOT NULL,"
    "  state TEXT NOT NULL, state_since INTEGER NOT NULL, last_status INTEGER NOT NULL,"
    "  last_session TEXT NOT NULL, last_answer TEXT NOT NULL,"
    "  matched INTEGER NOT NULL, filtered INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE retry ("
    "  destination INTEGER NOT NULL, seq INTEGER NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  tries INTEGER NOT NULL, sends INTEGER NOT NULL, next_at INTEGER NOT NULL,"
    "  status INTEGER NOT NULL, detail TEXT NOT NULL,"
    "  PRIMARY KEY (destination, seq)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE blocked ("
    "  destination INTEGER NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, seq INTEGER NOT NULL,"
    "  PRIMARY KEY (destination, bridge, session, seq)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE spilled ("
    "  destination INTEGER NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL,"
    "  from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY (destination, bridge, session)"
    ") STRICT, WITHOUT ROWID;"

    /* AUTOINCREMENT: an id that a person has seen never names another letter. */
    "CREATE TABLE dead ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL,"
    "  seq INTEGER NOT NULL, event_id TEXT NOT NULL, at INTEGER NOT NULL, occurred_at INTEGER NOT NULL,"
    "  type TEXT NOT NULL, bridge TEXT NOT NULL, session TEXT NOT NULL, message_id TEXT NOT NULL, body BLOB,"
    "  reason TEXT NOT NULL, tries INTEGER NOT NULL, status INTEGER NOT NULL, detail TEXT NOT NULL,"
    "  answer BLOB, dead_at INTEGER NOT NULL, redeliver INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX dead_redeliver ON dead (destination, id) WHERE redeliver = 1;",
    NULL,
};
const struct db_schema forward_schema = { steps };

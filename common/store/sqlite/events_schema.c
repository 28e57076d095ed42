/*
 * The tables of events.db.
 *
 * event     the log. seq is the rowid: dense, from 1, in commit order.
 * dedupe    one key per event, kept for the horizon. The key begins with a time that is the same in every
 *           retry, so that inserts land at the end of the table: a random key costs 2.7 times the throughput.
 * mark      "everything up to seq was received by this time", one row each ten minutes: how old a seq is,
 *           also when its event is gone already.
 * rejected  refused requests of senders that are known: its headers without credentials, the size of its body
 *           and the beginning of it.
 * meta      id: the log's id; id@<seq>: see events_ids.c; probe: a row to write when somebody asks whether it
 *           can be written.
 */
#include <stddef.h>

#include "common/store/sqlite/schemas.h"

static const char *const steps[] = {
    "CREATE TABLE event ("
    "  seq INTEGER PRIMARY KEY,"
    "  at INTEGER NOT NULL,"
    "  occurred_at INTEGER NOT NULL,"
    "  type TEXT NOT NULL,"
    "  bridge TEXT NOT NULL,"
    "  session TEXT NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  body BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE dedupe ("
    "  time_ms INTEGER NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  seq INTEGER NOT NULL,"
    "  PRIMARY KEY (time_ms, digest)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE mark (at INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;"
    "CREATE TABLE rejected ("
    "  id INTEGER PRIMARY KEY,"
    "  at INTEGER NOT NULL,"
    "  bridge TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  headers TEXT NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  body BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('id', lower(hex(randomblob(4)))), ('probe', '0');",
    NULL,
};

const struct db_schema events_schema = { .sql = steps };

/*
 * The tables, by steps: zapkeep.version counts those that were run. Before the first release a step may still be edited;
 * after it only appended.
 *
 * The tables have the names and columns that they have in SQLite, each part in a schema of its own. Rows that are updated
 * many times a second have room on their page (fillfactor) and no index on the columns that change, so that an update stays on the
 * page (HOT), and autovacuum comes after few of them.
 */
#include "common/store/postgres/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store/columns.h"
#include "common/store/events_ids.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/in_use.h"
#include "common/store/postgres/move_copy.h"
#include "common/store/postgres/place.h"

#define DECLS                          DECL_KEY, DECL_1, DECL
#define DECL_KEY(kind, column, member) #column " " DECL_##kind ", "
#define DECL_1(kind, column, member)   #column " " DECL_##kind
#define DECL(kind, column, member)     ", " #column " " DECL_##kind
#define DECL_TEXT                      "text NOT NULL DEFAULT ''"
#define DECL_INT                       "bigint NOT NULL DEFAULT 0"

#define NEW_ID "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
/* Few rows, many updates. */
#define HOT  " WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200)"
#define WARM " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)"

/* A user who may not make schemas may have been given them: CREATE SCHEMA IF NOT EXISTS asks for the right first. */
#define SCHEMAS                                                                                            \
    "DO $$ DECLARE name text; BEGIN"                                                                       \
    " FOREACH name IN ARRAY CAST('{zapkeep,zapkeep_state,zapkeep_events,zapkeep_forward}' AS text[]) LOOP" \
    "  IF to_regnamespace(name) IS NULL THEN EXECUTE 'CREATE SCHEMA ' || name; END IF;"                    \
    " END LOOP; END $$;"

/* Texts are ordered by their bytes, as in SQLite, whatever the database's own order is; and an index on them does not break when a
 * new version of the system's library orders letters otherwise. */
static const char order_by_bytes[] =
    "DO $$ DECLARE change text; BEGIN"
    " FOR change IN SELECT format('ALTER TABLE %s %s', attrelid::regclass,"
    "   string_agg(format('ALTER %I TYPE text COLLATE \"C\"', attname), ', '))"
    "  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
    "  WHERE nspname IN ('zapkeep', 'zapkeep_state', 'zapkeep_events', 'zapkeep_forward')"
    "   AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped"
    "   AND atttypid = 'text'::regtype AND attcollation <> 'pg_catalog.\"C\"'::regcollation"
    "  GROUP BY attrelid LOOP EXECUTE change; END LOOP; END $$";

/* clang-format cannot lay out texts between which macros stand. */
/* clang-format off */
static const char *const steps[] = {
    /* Of the stack: the roles, and a row that is written to see whether it can be. */
    SCHEMAS
    "CREATE TABLE zapkeep.version (version int NOT NULL);"
    "INSERT INTO zapkeep.version VALUES (0);"
    "CREATE TABLE zapkeep.probe (at timestamptz NOT NULL)" HOT ";"
    "INSERT INTO zapkeep.probe VALUES (now());"
    "CREATE TABLE zapkeep.role ("
    "  name text PRIMARY KEY, holder text NOT NULL, fence bigint NOT NULL, until timestamptz NOT NULL,"
    "  since timestamptz NOT NULL)" HOT ";"

    "SET LOCAL search_path = zapkeep_state;"
    /* steady = the server's clock in ms + shift; never below high (steady.c). */
    "CREATE TABLE steady (id int PRIMARY KEY, shift_ms bigint NOT NULL, high_ms bigint NOT NULL)" HOT ";"
    "INSERT INTO steady VALUES (1, 0, 0);"
    "CREATE TABLE cursor (consumer text PRIMARY KEY, seq bigint NOT NULL, at bigint NOT NULL)" HOT ";"
    "CREATE TABLE bridge (" BRIDGE_COLUMNS(DECLS) ", PRIMARY KEY (name))" HOT ";"
    "CREATE TABLE session (" SESSION_COLUMNS(DECLS) ", PRIMARY KEY (bridge, id))" WARM ";"
    "CREATE TABLE session_change ("
    "  n " NEW_ID ", bridge text NOT NULL, session text NOT NULL, at bigint NOT NULL,"
    "  from_state bigint NOT NULL, to_state bigint NOT NULL,"
    "  cause text NOT NULL, code bigint NOT NULL, source text NOT NULL, detail text NOT NULL);"
    "CREATE INDEX session_change_of ON session_change (bridge, session, n);"
    "CREATE TABLE reconnect (" RECONNECT_COLUMNS(DECLS) ", PRIMARY KEY (bridge, session))" WARM ";"
    "CREATE INDEX reconnect_due ON reconnect (bridge, due_at, shuffle_key) WHERE phase = " PHASE_DUE ";"
    "CREATE INDEX reconnect_asked ON reconnect (bridge, due_at, shuffle_key) WHERE phase = " PHASE_DUE
    " AND asked = 1;"
    "CREATE INDEX reconnect_calling ON reconnect (bridge, lease_until) WHERE phase = " PHASE_CALLING ";"
    "CREATE INDEX reconnect_verifying ON reconnect (bridge, verify_until) WHERE phase = " PHASE_VERIFYING ";"
    "CREATE INDEX reconnect_parked ON reconnect (bridge, park) WHERE phase = " PHASE_PARKED ";"
    "CREATE INDEX reconnect_unpublished ON reconnect (bridge) WHERE park_published = 0;"
    "CREATE TABLE attempt (token " NEW_ID ", " ATTEMPT_COLUMNS(DECLS) ")" WARM ";"
    "CREATE INDEX attempt_of ON attempt (bridge, session, token);"
    "CREATE INDEX attempt_answered ON attempt (bridge, answered_at);"
    "CREATE INDEX attempt_unpublished ON attempt (bridge) WHERE published = 0;"
    "CREATE TABLE alert ("
    "  name text NOT NULL, bridge text NOT NULL, session text NOT NULL, since bigint NOT NULL,"
    "  cause text NOT NULL DEFAULT '', detail text NOT NULL DEFAULT '', grouped bigint NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (name, bridge, session));"
    "CREATE TABLE alert_outbox ("
    "  n " NEW_ID ", sink text NOT NULL, name text NOT NULL, bridge text NOT NULL, session text NOT NULL,"
    "  firing bigint NOT NULL, since bigint NOT NULL, at bigint NOT NULL, cause text NOT NULL, detail text NOT NULL,"
    "  tries bigint NOT NULL DEFAULT 0);"
    "CREATE INDEX alert_outbox_of ON alert_outbox (sink, n);"
    "CREATE TABLE activity_profile ("
    "  bridge text NOT NULL, session text NOT NULL, hours bytea NOT NULL, PRIMARY KEY (bridge, session))" WARM ";"
    "CREATE TABLE forward_command ("
    "  n " NEW_ID ", verb bigint NOT NULL, id bigint NOT NULL, bridge text NOT NULL, destination text NOT NULL, session text NOT NULL,"
    "  type text NOT NULL, since_at bigint NOT NULL, until_at bigint NOT NULL, at bigint NOT NULL,"
    "  done_at bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0, result text NOT NULL DEFAULT '');"
    "CREATE TABLE session_deleted ("
    "  bridge text NOT NULL, id text NOT NULL, at bigint NOT NULL, steady bigint NOT NULL, PRIMARY KEY (bridge, id));"
    "CREATE INDEX session_deleted_by_age ON session_deleted (steady);"

    "CREATE TABLE audit ("
    "  n " NEW_ID ", at bigint NOT NULL, actor text NOT NULL, address text NOT NULL, action text NOT NULL,"
    "  bridge text NOT NULL, session text NOT NULL, detail text NOT NULL, ok bigint NOT NULL);"
    "CREATE INDEX audit_of ON audit (bridge, session, n);"
    "CREATE TABLE access ("
    "  id " NEW_ID ", kind bigint NOT NULL, role bigint NOT NULL, name text NOT NULL, hash text NOT NULL UNIQUE,"
    "  actor text NOT NULL, created_at bigint NOT NULL, used_at bigint NOT NULL, expires_at bigint NOT NULL);"
    "CREATE TABLE message_count ("
    "  bridge text NOT NULL, session text NOT NULL, hour bigint NOT NULL, received bigint NOT NULL,"
    "  events bigint NOT NULL, minutes bytea NOT NULL, PRIMARY KEY (bridge, session, hour))" WARM ";"
    "CREATE INDEX message_count_by_age ON message_count (hour);"
    "CREATE TABLE alert_change ("
    "  n " NEW_ID ", at bigint NOT NULL, firing bigint NOT NULL, name text NOT NULL,"
    "  bridge text NOT NULL, session text NOT NULL, since bigint NOT NULL,"
    "  cause text NOT NULL, detail text NOT NULL);"
    "CREATE TABLE subscription (" SUBSCRIPTION_COLUMNS(DECLS) ", PRIMARY KEY (bridge, session))" WARM ";"

    "SET LOCAL search_path = zapkeep_events;"
    /* The newest seq. An appending transaction holds this row until the commit is visible. */
    "CREATE TABLE log_head (id int PRIMARY KEY, seq bigint NOT NULL)" HOT ";"
    "INSERT INTO log_head VALUES (1, 0);"
    /* Partitions of a range of seq each (event_retain.c). No default: beside one no partition can be detached without a
     * lock that readers wait for. */
    "CREATE TABLE event ("
    "  seq bigint NOT NULL, at bigint NOT NULL, occurred_at bigint NOT NULL, type text NOT NULL, bridge text NOT NULL,"
    "  session text NOT NULL, message_id text NOT NULL, body bytea NOT NULL, PRIMARY KEY (seq)) PARTITION BY RANGE (seq);"
    "CREATE TABLE dedupe (time_ms bigint NOT NULL, digest bytea NOT NULL, seq bigint NOT NULL,"
    "  PRIMARY KEY (time_ms, digest));"
    "CREATE TABLE mark (at bigint PRIMARY KEY, seq bigint NOT NULL);"
    "CREATE TABLE rejected ("
    "  id " NEW_ID ", at bigint NOT NULL, bridge text NOT NULL, reason text NOT NULL, headers bytea NOT NULL,"
    "  size bigint NOT NULL, body bytea NOT NULL);"
    "CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);"
    /* The newest batch of each ingest: the answer to a commit whose connection broke. */
    "CREATE TABLE batch (ingest text PRIMARY KEY, id bigint NOT NULL, at timestamptz NOT NULL, head bigint NOT NULL)" HOT ";"

    /* A whole commit as one statement (batch_append(), batch.h): n events none of which is known yet. Returns the head before them,
     * or -1 and has done nothing: a key is known. */
    "CREATE FUNCTION append(n bigint, name text, id bigint, at bigint[], occurred_at bigint[], type text[],"
    "  bridge text[], session text[], message_id text[], body bytea[], key_time bigint[], digest bytea[])"
    " RETURNS bigint LANGUAGE plpgsql AS $$"
    " DECLARE was bigint;"
    " BEGIN"
    "  UPDATE zapkeep_events.log_head SET seq = seq + $1 WHERE log_head.id = 1 RETURNING seq - $1 INTO was;"
    "  INSERT INTO zapkeep_events.event SELECT was + i, a, b, c, d, e, f, g"
    "   FROM unnest($4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY u(a, b, c, d, e, f, g, i);"
    "  INSERT INTO zapkeep_events.dedupe SELECT a, b, was + i FROM unnest($11, $12) WITH ORDINALITY u(a, b, i);"
    "  UPDATE zapkeep_events.batch SET id = $3, at = clock_timestamp(), head = was"
    "   WHERE ingest = $2;"
    "  RETURN was;"
    " EXCEPTION WHEN unique_violation THEN RETURN -1; END $$;"

    "SET LOCAL search_path = zapkeep_forward;"
    "CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);"
    "CREATE TABLE destination ("
    "  id " NEW_ID ", name text NOT NULL UNIQUE, floor bigint NOT NULL DEFAULT -1, done bytea NOT NULL DEFAULT '',"
    "  off_since bigint NOT NULL DEFAULT 0, paused_since bigint NOT NULL DEFAULT 0, url text NOT NULL DEFAULT '')" HOT ";"
    "CREATE TABLE status ("
    "  destination bigint PRIMARY KEY, url text NOT NULL, breaker text NOT NULL, position bigint NOT NULL,"
    "  in_flight bigint NOT NULL, delivered bigint NOT NULL, at bigint NOT NULL,"
    "  last_error text NOT NULL, last_error_at bigint NOT NULL,"
    "  state text NOT NULL, state_since bigint NOT NULL, last_status bigint NOT NULL,"
    "  last_session text NOT NULL, last_answer text NOT NULL,"
    "  matched bigint NOT NULL, filtered bigint NOT NULL)" HOT ";"
    "CREATE TABLE retry ("
    "  destination bigint NOT NULL, seq bigint NOT NULL, bridge text NOT NULL, session text NOT NULL,"
    "  tries bigint NOT NULL, sends bigint NOT NULL, next_at bigint NOT NULL,"
    "  status bigint NOT NULL, detail text NOT NULL, PRIMARY KEY (destination, seq))" WARM ";"
    "CREATE TABLE blocked ("
    "  destination bigint NOT NULL, bridge text NOT NULL, session text NOT NULL, seq bigint NOT NULL,"
    "  PRIMARY KEY (destination, bridge, session, seq));"
    "CREATE TABLE spilled ("
    "  destination bigint NOT NULL, bridge text NOT NULL, session text NOT NULL,"
    "  from_seq bigint NOT NULL, to_seq bigint NOT NULL, n bigint NOT NULL,"
    "  PRIMARY KEY (destination, bridge, session));"
    "CREATE TABLE dead ("
    "  id " NEW_ID ", destination text NOT NULL,"
    "  seq bigint NOT NULL, event_id text NOT NULL, at bigint NOT NULL, occurred_at bigint NOT NULL,"
    "  type text NOT NULL, bridge text NOT NULL, session text NOT NULL, message_id text NOT NULL, body bytea,"
    "  reason text NOT NULL, tries bigint NOT NULL, status bigint NOT NULL, detail text NOT NULL,"
    "  answer bytea, dead_at bigint NOT NULL, redeliver bigint NOT NULL DEFAULT 0);"
    "CREATE INDEX dead_redeliver ON dead (destination, id) WHERE redeliver = 1;",
    NULL,
};
/* clang-format on */

const char *const *pg_schema_steps(void)
{
    return steps;
}

int pg_schema_known(void)
{
    int n = 0;

    while (steps[n])
        n++;
    return n;
}

int pg_schema_version(struct pg_db *d, int *ret)
{
    PGresult *res = NULL;
    int r = pg_ask(d, "SELECT to_regclass('zapkeep.version') IS NOT NULL", &res);

    *ret = 0;
    if (r != 0 || PQgetvalue(res, 0, 0)[0] != 't') {
        PQclear(res);
        return r;
    }
    PQclear(res);
    r = pg_ask(d, "SELECT max(version) FROM zapkeep.version", &res);
    if (r == 0)
        *ret = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return r;
}

/* ---- upgrading ------------------------------------------------------------------------------- */

/* The ids of its events begin with digits that no other log has. */
static int name_log(struct pg_db *d)
{
    char sql[160], digits[LOG_ID_MAX];

    event_ids_random(digits);
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO zapkeep_events.meta VALUES ('id', '%s'), ('probe', '0') ON CONFLICT DO NOTHING", digits);
    return pg_exec(&d->db, sql);
}

static int run_steps(struct pg_db *d)
{
    char sql[80];
    int version = 0;
    int r = pg_schema_version(d, &version);

    if (r == 0 && version > pg_schema_known())
        return -EPROTONOSUPPORT;
    if (r == 0 && version < 0)
        return -EINPROGRESS;
    for (int i = version; r == 0 && steps[i]; i++)
        r = pg_exec(&d->db, steps[i]);
    if (r != 0 || version == pg_schema_known())
        return r;
    r = pg_exec(&d->db, order_by_bytes);
    if (r != 0)
        return r;
    (void)snprintf(sql, sizeof sql, "UPDATE zapkeep.version SET version = %d", pg_schema_known());
    r = pg_exec(&d->db, sql);
    return r == 0 ? name_log(d) : r;
}

/* The mark of an unfinished move is a version below 0. */
int pg_schema_make_unfinished(struct pg_db *d)
{
    /* A target that was left half full takes its time to go. */
    int r = move_run(d,
                     "BEGIN; SELECT pg_advisory_xact_lock(2053206123, 100);"
                     "DROP SCHEMA IF EXISTS zapkeep, zapkeep_state, zapkeep_events, zapkeep_forward CASCADE",
                     NULL);

    if (r == 0)
        r = run_steps(d);
    if (r == 0)
        return move_run(d, "UPDATE zapkeep.version SET version = -version; COMMIT", NULL);
    if (pg_is_usable(d))
        (void)pg_exec(&d->db, "ROLLBACK");
    return r;
}

int pg_schema_upgrade(struct pg_db *d)
{
    /* Two who upgrade at once: the second finds it done. */
    int r = pg_exec(&d->db, "BEGIN; SELECT pg_advisory_xact_lock(2053206123, 100)");

    if (r == 0)
        r = run_steps(d);
    if (r == 0)
        return pg_exec(&d->db, "COMMIT");
    if (pg_is_usable(d))
        (void)pg_exec(&d->db, "ROLLBACK");
    return r;
}

/* ---- using ----------------------------------------------------------------------------------- */

int pg_schema_enter(struct pg_db *d)
{
    /* Parts may share a connection, so it has one path for all; dialect.c gives a table that two parts have its schema. A
     * statement waits for a lock for less than we wait for the statement; a process that was paused inside a transaction loses
     * it, so that the others go on. A transaction takes its lock by its first statement and has to see what was committed before it got
     * that. The rest are settings of a role or a database that would end a connection, or change a text that is read again. */
    return pg_exec(&d->db,
                   "SET search_path = zapkeep_state, zapkeep_events, zapkeep_forward; " PG_LOCK_TIMEOUT
                   "; SET statement_timeout = '4s'; SET idle_in_transaction_session_timeout = '5s';"
                   " SET idle_session_timeout = 0; SET default_transaction_isolation = 'read committed';"
                   " SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';"
                   " SET standard_conforming_strings = on; SET transform_null_equals = off;"
                   " SET plan_cache_mode = 'force_generic_plan'");
}

int pg_schema_check(struct pg_db *d)
{
    int version = 0;
    int r = pg_schema_version(d, &version);

    if (r != 0)
        return r;
    if (version == pg_schema_known()) {
        r = pg_place_check(d);
        return r == 0 ? pg_in_use_share(d) : r;
    }
    if (version <= 0)
        return version == 0 ? -ENOENT : -EINPROGRESS;
    return version > pg_schema_known() ? -EPROTONOSUPPORT : -EPROTOTYPE;
}

#include "common/store/sessions.h"

#include "common/base/mem.h"
#include "common/store/columns.h"
#include "common/store/txn.h"

#define COLUMNS SESSION_COLUMNS(SQL_NAMES)

#define SQL_ROW_STRUCT struct session_row
static const struct sql_column columns[] = { SESSION_COLUMNS(SQL_COLUMNS) };

static void read_row(const struct sql *q, struct session_row *ret)
{
    sql_read_row(q, 0, columns, ARRAY_LEN(columns), ret);
}

int sessions_find(struct db *db, const char *bridge, const char *id, struct session_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r =
        sql_query(db, "SELECT " COLUMNS " FROM session WHERE bridge = ?1 AND id = ?2", &q, "ss", bridge, id);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : SESSIONS_NONE;
    read_row(q, ret);
    return 0;
}

int sessions_save(struct db *db, const struct session_row *s)
{
    return sql_write_row(db,
                         "INSERT INTO session (" COLUMNS ") VALUES (" SESSION_COLUMNS(
                             SQL_MARKS) ")"
                                        " ON CONFLICT (bridge, id) DO UPDATE SET " SESSION_COLUMNS(SQL_SETS),
                         columns, ARRAY_LEN(columns), s);
}

#define KEEP_NEWEST " ON CONFLICT (bridge, id) DO UPDATE SET at = excluded.at, steady = excluded.steady"

static int mark_deleted(struct db *db, const struct now *now, const char *bridge, const char *id)
{
    int r = sql_run(
        db, "INSERT INTO session_deleted (bridge, id, at, steady) VALUES (?1, ?2, ?3, ?4)" KEEP_NEWEST,
        "ssii", bridge, id, now->wall_ms, now->steady_ms);

    if (r != 0)
        return r;
    return sql_run(db,
                   "DELETE FROM session_deleted WHERE steady < ?1 OR steady < (SELECT steady FROM"
                   " session_deleted ORDER BY steady DESC LIMIT 1 OFFSET ?2)",
                   "ii", now->steady_ms - SESSIONS_DELETED_KEEP_MS, (int64_t)SESSIONS_DELETED_MAX - 1);
}

int sessions_begin_removal(struct db *db, const struct now *now, const char *bridge, const char *id)
{
    return sql_run(db,
                   "INSERT INTO session_deleted (bridge, id, at, steady) VALUES (?1, ?2, 0, ?3)" KEEP_NEWEST,
                   "ssi", bridge, id, now->steady_ms + SESSIONS_REMOVAL_MS);
}

int sessions_keep(struct db *db, const char *bridge, const char *id)
{
    return sql_run(db, "DELETE FROM session_deleted WHERE bridge = ?1 AND id = ?2 AND at = 0", "ss", bridge,
                   id);
}

static int remove_rows(struct db *db, const char *bridge, const char *id)
{
    int r = sql_run(db, "DELETE FROM session WHERE bridge = ?1 AND id = ?2", "ss", bridge, id);

    if (r == 0 && sql_changes(db) == 0)
        return SESSIONS_NONE;
    if (r == 0)
        r = sql_run(db, "DELETE FROM session_change WHERE bridge = ?1 AND session = ?2", "ss", bridge, id);
    if (r == 0)
        r = sql_run(db, "DELETE FROM reconnect WHERE bridge = ?1 AND session = ?2", "ss", bridge, id);
    if (r == 0)
        r = sql_run(db, "DELETE FROM activity_profile WHERE bridge = ?1 AND session = ?2", "ss", bridge, id);
    if (r == 0)
        r = sql_run(db, "DELETE FROM subscription WHERE bridge = ?1 AND session = ?2", "ss", bridge, id);
    if (r == 0)
        r = sql_run(db, "DELETE FROM attempt WHERE bridge = ?1 AND session = ?2", "ss", bridge, id);
    return r;
}

static int remove_and_mark(struct db *db, const struct now *now, const char *bridge, const char *id)
{
    int r = mark_deleted(db, now, bridge, id);

    return r == 0 ? remove_rows(db, bridge, id) : r;
}

int sessions_remove(struct db *db, const struct now *now, const char *bridge, const char *id)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, remove_and_mark(db, now, bridge, id)) : r;
}

int sessions_find_deletion(struct db *db, const char *bridge, const char *id, struct session_deletion *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT at, steady FROM session_deleted WHERE bridge = ?1 AND id = ?2", &q, "ss",
                      bridge, id);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : SESSIONS_NONE;
    *ret = (struct session_deletion){ .at = sql_int(q, 0), .steady = sql_int(q, 1) };
    return 0;
}

int sessions_each(struct db *db, const char *bridge, int (*on_row)(void *ctx, const struct session_row *row),
                  void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct session_row row;
    int r = bridge ? sql_query(db, "SELECT " COLUMNS " FROM session WHERE bridge = ?1 ORDER BY bridge, id",
                               &q, "s", bridge)
                   : sql_query(db, "SELECT " COLUMNS " FROM session ORDER BY bridge, id", &q, "");

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int sessions_each_phone(struct db *db, int (*on_row)(void *ctx, const struct session_phone *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        db,
        "SELECT phone, bridge, id, state FROM session WHERE phone <> '' AND state IN (?1, ?2, ?3) "
        "AND bridge NOT IN (SELECT name FROM bridge WHERE unwatched_since > 0) "
        "ORDER BY phone, bridge, id",
        &q, "iii", (int64_t)SESSION_CONNECTED, (int64_t)SESSION_STARTING, (int64_t)SESSION_DISCONNECTED);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct session_phone row = { .state = (enum session_state)sql_int(q, 3) };

        str_copy(sql_text(q, 0), row.phone, sizeof row.phone);
        str_copy(sql_text(q, 1), row.bridge, sizeof row.bridge);
        str_copy(sql_text(q, 2), row.id, sizeof row.id);
        r = on_row(ctx, &row);
    }
    return r;
}

int sessions_count(struct db *db, const char *bridge, int64_t ret[SESSION_STATE_N])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int64_t count[SESSION_STATE_N] = { 0 };
    int r =
        sql_query(db, "SELECT state, count(*) FROM session WHERE ?1 IS NULL OR bridge = ?1 GROUP BY state",
                  &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        int64_t state = sql_int(q, 0);

        if (state >= 0 && state < SESSION_STATE_N)
            count[state] = sql_int(q, 1);
        r = 0;
    }
    for (int i = 0; r == 0 && i < SESSION_STATE_N; i++)
        ret[i] = count[i];
    return r;
}

/* ---- history --------------------------------------------------------------------------------- */

static int add_change(struct db *db, const char *bridge, const char *id, const struct session_change *c)
{
    int r = sql_run(db,
                    "INSERT INTO session_change (bridge, session, at, from_state, to_state, cause, code,"
                    " source, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    "ssiiisiss", bridge, id, c->at, (int64_t)c->from, (int64_t)c->to, c->cause,
                    (int64_t)c->code, c->source, c->detail);

    if (r != 0)
        return r;
    return sql_run(db,
                   "DELETE FROM session_change WHERE bridge = ?1 AND session = ?2 AND n <= (SELECT n FROM"
                   " session_change WHERE bridge = ?1 AND session = ?2 ORDER BY n DESC LIMIT 1 OFFSET ?3)",
                   "ssi", bridge, id, (int64_t)SESSIONS_CHANGES_MAX);
}

int sessions_add_change(struct db *db, const char *bridge, const char *id, const struct session_change *c)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, add_change(db, bridge, id, c)) : r;
}

int sessions_each_change(struct db *db, const char *bridge, const char *id, int limit,
                         int (*on_change)(void *ctx, const struct session_change *c), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT at, from_state, to_state, code, cause, source, detail FROM session_change"
                      " WHERE bridge = ?1 AND session = ?2 ORDER BY n DESC LIMIT ?3",
                      &q, "ssi", bridge, id, (int64_t)limit);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct session_change c = {
            .at = sql_int(q, 0),
            .from = (int)sql_int(q, 1),
            .to = (int)sql_int(q, 2),
            .code = (int)sql_int(q, 3),
        };

        str_copy(sql_text(q, 4), c.cause, sizeof c.cause);
        str_copy(sql_text(q, 5), c.source, sizeof c.source);
        str_copy(sql_text(q, 6), c.detail, sizeof c.detail);
        r = on_change(ctx, &c);
    }
    return r;
}

/* A row beside its texts, and its place in the index, as measured with PostgreSQL; SQLite takes 43. The names of bridge and
 * session stand in the index, too. */
#define CHANGE_BYTES 165

int sessions_changes_limit(struct db *db, int64_t now_ms, int64_t bytes_max, int64_t *ret_until)
{
    return sql_get_int(
        db,
        "SELECT coalesce(max(n), 0) FROM (SELECT n, at, sum(size) OVER (ORDER BY n DESC) AS bytes FROM"
        " (SELECT n, at, 2 * (octet_length(bridge) + octet_length(session)) + octet_length(cause)"
        " + octet_length(source) + octet_length(detail) + ?1 AS size FROM session_change) AS sized) AS summed"
        " WHERE bytes > ?2 OR at < ?3",
        ret_until, "iii", (int64_t)CHANGE_BYTES, bytes_max, now_ms - SESSIONS_CHANGES_KEEP_MS);
}

int sessions_prune_changes(struct db *db, int64_t until, int slice, int64_t *ret_n)
{
    int r = sql_run(db,
                    "DELETE FROM session_change WHERE n IN"
                    " (SELECT n FROM session_change WHERE n <= ?1 ORDER BY n LIMIT ?2)",
                    "ii", until, (int64_t)slice);

    *ret_n = r == 0 ? sql_changes(db) : 0;
    return r;
}

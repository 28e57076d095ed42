#include "common/store/sessions.h"

#include "common/base/mem.h"
#include "common/store/rows.h"

#define COLUMNS                                                                                        \
    "bridge, id, state, cause, code, since, since_steady, first_seen, occurred_at, raw_status, phone," \
    " name, stable_since, flap_score, flap_at, suppressed_until, silent_since, last_received_at, "     \
    "heard_gap_ms,"                                                                                    \
    " heard_spread_ms, heard_n"

static void read_row(const struct sql *q, struct session_row *ret)
{
    *ret = (struct session_row){
        .state = (enum session_state)sql_int(q, 2),
        .code = (int)sql_int(q, 4),
        .since = sql_int(q, 5),
        .since_steady = sql_int(q, 6),
        .first_seen = sql_int(q, 7),
        .occurred_at = sql_int(q, 8),
        .stable_since = sql_int(q, 12),
        .flap_score = sql_int(q, 13),
        .flap_at = sql_int(q, 14),
        .suppressed_until = sql_int(q, 15),
        .silent_since = sql_int(q, 16),
        .last_received_at = sql_int(q, 17),
        .heard_gap_ms = sql_int(q, 18),
        .heard_spread_ms = sql_int(q, 19),
        .heard_n = sql_int(q, 20),
    };
    str_copy(sql_text(q, 0), ret->bridge, sizeof ret->bridge);
    str_copy(sql_text(q, 1), ret->id, sizeof ret->id);
    str_copy(sql_text(q, 3), ret->cause, sizeof ret->cause);
    str_copy(sql_text(q, 9), ret->raw_status, sizeof ret->raw_status);
    str_copy(sql_text(q, 10), ret->phone, sizeof ret->phone);
    str_copy(sql_text(q, 11), ret->name, sizeof ret->name);
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
    return sql_run(db,
                   "INSERT OR REPLACE INTO session (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                   " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
                   "ssisiiiiisssiiiiiiiii", s->bridge, s->id, (int64_t)s->state, s->cause, (int64_t)s->code,
                   s->since, s->since_steady, s->first_seen, s->occurred_at, s->raw_status, s->phone, s->name,
                   s->stable_since, s->flap_score, s->flap_at, s->suppressed_until, s->silent_since,
                   s->last_received_at, s->heard_gap_ms, s->heard_spread_ms, s->heard_n);
}

static int mark_deleted(struct db *db, const struct now *now, const char *bridge, const char *id)
{
    int r =
        sql_run(db, "INSERT OR REPLACE INTO session_deleted (bridge, id, at, steady) VALUES (?1, ?2, ?3, ?4)",
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
                   "INSERT OR REPLACE INTO session_deleted (bridge, id, at, steady) VALUES (?1, ?2, 0, ?3)",
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

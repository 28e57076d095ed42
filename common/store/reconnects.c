#include "common/store/reconnects.h"

#include "common/base/mem.h"
#include "common/store/columns.h"

#define COLUMNS RECONNECT_COLUMNS(SQL_NAMES)
#define SELECT  "SELECT " COLUMNS " FROM reconnect"

#define SQL_ROW_STRUCT struct reconnect_row
static const struct sql_column columns[] = { RECONNECT_COLUMNS(SQL_COLUMNS) };

/* ---- the row --------------------------------------------------------------------------------- */

static void read_row(const struct sql *q, struct reconnect_row *ret)
{
    sql_read_row(q, 0, columns, ARRAY_LEN(columns), ret);
}

/* The one row of a query that was begun with @r. */
static int take_one(int r, struct sql *q, struct reconnect_row *ret)
{
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    read_row(q, ret);
    return 0;
}

static int each(struct sql *q, int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx)
{
    struct reconnect_row row;
    int r = 0;

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int reconnects_find(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, SELECT " WHERE bridge = ?1 AND session = ?2", &q, "ss", bridge, session);

    return take_one(r, q, ret);
}

int reconnects_get(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret)
{
    int r = reconnects_find(db, bridge, session, ret);

    if (r != RECONNECTS_NONE)
        return r;
    *ret = (struct reconnect_row){ .park_published = true };
    str_copy(str_from(bridge), ret->bridge, sizeof ret->bridge);
    str_copy(str_from(session), ret->session, sizeof ret->session);
    return 0;
}

int reconnects_save(struct db *db, const struct now *now, struct reconnect_row *row, const struct retry *next,
                    const char *detail, uint64_t rand64)
{
    bool parks =
        next->phase == RETRY_PARKED && (row->retry.phase != RETRY_PARKED || row->retry.park != next->park);

    if (next->phase == RETRY_DUE && (row->retry.phase != RETRY_DUE || row->retry.due_at != next->due_at))
        row->shuffle_key = (int64_t)(rand64 % INT32_MAX);
    if (parks) {
        row->parked_since = now->wall_ms;
        row->park_published = false;
        str_copy(str_from(detail ? detail : retry_park_message(next->park)), row->park_detail,
                 sizeof row->park_detail);
    } else if (next->phase != RETRY_PARKED) {
        row->parked_since = 0;
        row->park_published = true;
        row->park_detail[0] = '\0';
    }
    row->retry = *next;
    return sql_write_row(
        db,
        "INSERT INTO reconnect (" COLUMNS ") VALUES (" RECONNECT_COLUMNS(
            SQL_MARKS) ")"
                       " ON CONFLICT (bridge, session) DO UPDATE SET " RECONNECT_COLUMNS(SQL_SETS),
        columns, ARRAY_LEN(columns), row);
}

int reconnects_session(struct db *db, const char *bridge, const char *session, struct retry_session *ret,
                       char ret_cause[32])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT state, suppressed_until, cause FROM session WHERE bridge = ?1 AND id = ?2",
                      &q, "ss", bridge, session);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    ret->state = (enum session_state)sql_int(q, 0);
    ret->suppressed_until = sql_int(q, 1);
    if (ret_cause)
        str_copy(sql_text(q, 2), ret_cause, 32);
    return 0;
}

/* ---- by phase -------------------------------------------------------------------------------- */

int reconnects_each_open(struct db *db, const char *bridge,
                         int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    /* UNION ALL, so that each half is answered from its partial index */
    int r = sql_query(db,
                      SELECT " WHERE phase = " PHASE_CALLING " AND (?1 IS NULL OR bridge = ?1)"
                             " UNION ALL " SELECT " WHERE phase = " PHASE_VERIFYING
                             " AND (?1 IS NULL OR bridge = ?1)",
                      &q, "s", bridge);

    return r == 0 ? each(q, on_row, ctx) : r;
}

int reconnects_each(struct db *db, int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, SELECT " ORDER BY bridge, session", &q, "");

    return r == 0 ? each(q, on_row, ctx) : r;
}

int reconnects_each_parked(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, enum retry_park park), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT session, park FROM reconnect WHERE phase = " PHASE_PARKED
                      " AND (?1 IS NULL OR bridge = ?1)",
                      &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_row(ctx, sql_text(q, 0).p, (enum retry_park)sql_int(q, 1));
    return r;
}

int reconnects_first_due(struct db *db, const char *bridge, int64_t due_until, struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    /* Each half is the first row of its index; to order all by asked would read every row that is due. */
    int r = sql_query(db,
                      "SELECT * FROM (" SELECT " WHERE phase = " PHASE_DUE " AND asked = 1 AND bridge = ?1"
                      " AND due_at <= ?2 ORDER BY due_at, shuffle_key LIMIT 1) AS asked_for"
                      " UNION ALL "
                      "SELECT * FROM (" SELECT " WHERE phase = " PHASE_DUE " AND bridge = ?1"
                      " AND due_at <= ?2 ORDER BY due_at, shuffle_key LIMIT 1) AS others"
                      " ORDER BY asked DESC LIMIT 1",
                      &q, "si", bridge, due_until);

    return take_one(r, q, ret);
}

int reconnects_first_lapsed(struct db *db, const char *bridge, int64_t lease_until, int64_t verify_until,
                            struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      SELECT " WHERE phase = " PHASE_CALLING " AND bridge = ?1 AND lease_until <= ?2"
                             " UNION ALL " SELECT " WHERE phase = " PHASE_VERIFYING
                             " AND bridge = ?1 AND verify_until <= ?3 LIMIT 1",
                      &q, "sii", bridge, lease_until, verify_until);

    return take_one(r, q, ret);
}

int reconnects_first_parked(struct db *db, const char *bridge, enum retry_park park,
                            struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, SELECT " WHERE phase = " PHASE_PARKED " AND bridge = ?1 AND park = ?2 LIMIT 1", &q,
                      "si", bridge, (int64_t)park);

    return take_one(r, q, ret);
}

int reconnects_times(struct db *db, const char *bridge, struct reconnect_times *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        db,
        "SELECT (SELECT min(due_at) FROM reconnect WHERE phase = " PHASE_DUE " AND bridge = ?1),"
        " (SELECT min(lease_until) FROM reconnect WHERE phase = " PHASE_CALLING " AND bridge = ?1),"
        " (SELECT min(verify_until) FROM reconnect WHERE phase = " PHASE_VERIFYING " AND bridge = ?1)",
        &q, "s", bridge);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    *ret = (struct reconnect_times){ .due_at = sql_int(q, 0),
                                     .lease_until = sql_int(q, 1),
                                     .verify_until = sql_int(q, 2) };
    return 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static int count_phases(struct db *db, const char *bridge, struct reconnect_queue *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT phase, count(*) FROM reconnect WHERE bridge = ?1 GROUP BY phase", &q, "s",
                      bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        int64_t phase = sql_int(q, 0);

        if (phase >= 0 && phase < RETRY_PHASE_N)
            ret->phase[phase] = sql_int(q, 1);
        r = 0;
    }
    return r;
}

int reconnects_queue(struct db *db, const struct now *now, const char *bridge, struct reconnect_queue *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct reconnect_queue queue = { 0 };
    int r = count_phases(db, bridge, &queue);

    if (r == 0)
        r = sql_query(db,
                      "SELECT count(*), min(due_at) FROM reconnect WHERE phase = " PHASE_DUE
                      " AND bridge = ?1 AND due_at <= ?2",
                      &q, "si", bridge, now->steady_ms);
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    queue.waiting = sql_int(q, 0);
    queue.oldest_due_at = sql_int(q, 1);
    *ret = queue;
    return 0;
}

int reconnects_count_ahead(struct db *db, const struct now *now, const struct reconnect_row *row,
                           int64_t *ret)
{
    return sql_get_int(db,
                       "SELECT count(*) FROM reconnect WHERE phase = " PHASE_DUE
                       " AND bridge = ?1 AND due_at <= ?2"
                       " AND (asked > ?3 OR (asked = ?3 AND (due_at, shuffle_key) < (?4, ?5)))",
                       ret, "siiii", row->bridge, now->steady_ms, (int64_t)row->retry.asked,
                       row->retry.due_at, row->shuffle_key);
}

int reconnects_count_in_flight(struct db *db, const struct now *now, const char *bridge, int64_t *ret)
{
    return sql_get_int(db,
                       "SELECT count(*) FROM reconnect WHERE phase = " PHASE_CALLING
                       " AND bridge = ?1 AND lease_until > ?2",
                       ret, "si", bridge, now->steady_ms);
}

/* ---- publishing ------------------------------------------------------------------------------ */

/* INDEXED BY: without it SQLite takes the primary key and reads every session of the bridge. */
int reconnects_has_unpublished(struct db *db, const char *bridge, bool *ret)
{
    int64_t any = 0;
    int r = sql_get_int(db,
                        "SELECT EXISTS (SELECT 1 FROM attempt WHERE bridge = ?1 AND published = 0)"
                        " OR EXISTS (SELECT 1 FROM reconnect INDEXED BY reconnect_unpublished"
                        "  WHERE bridge = ?1 AND park_published = 0)",
                        &any, "s", bridge);

    *ret = any != 0;
    return r;
}

int reconnects_each_unpublished_park(struct db *db, const char *bridge, int limit,
                                     int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      SELECT " INDEXED BY reconnect_unpublished WHERE bridge = ?1 AND park_published = 0"
                             " LIMIT ?2",
                      &q, "si", bridge, (int64_t)limit);

    return r == 0 ? each(q, on_row, ctx) : r;
}

int reconnects_set_park_published(struct db *db, const char *bridge, const char *session)
{
    return sql_run(db, "UPDATE reconnect SET park_published = 1 WHERE bridge = ?1 AND session = ?2", "ss",
                   bridge, session);
}

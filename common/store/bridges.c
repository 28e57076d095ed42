/*
 * The row of a bridge is small and read and written as a whole, inside a transaction that holds the write
 * lock: no column can be lost to another process.
 */
#include "common/store/bridges.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/store/columns.h"
#include "common/store/txn.h"

#define COLUMNS BRIDGE_COLUMNS(SQL_NAMES)

#define SQL_ROW_STRUCT struct bridge_row
static const struct sql_column columns[] = { BRIDGE_COLUMNS(SQL_COLUMNS) };

/* ---- the row --------------------------------------------------------------------------------- */

static void read_row(const struct sql *q, struct bridge_row *ret)
{
    sql_read_row(q, 0, columns, ARRAY_LEN(columns), ret);
}

int bridges_find(struct db *db, const char *name, struct bridge_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT " COLUMNS " FROM bridge WHERE name = ?1", &q, "s", name);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : BRIDGES_NONE;
    read_row(q, ret);
    return 0;
}

int bridges_each(struct db *db, int (*on_row)(void *ctx, const struct bridge_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct bridge_row row;
    int r = sql_query(db, "SELECT " COLUMNS " FROM bridge ORDER BY name", &q, "");

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int bridges_get(struct db *db, const char *name, struct bridge_row *ret)
{
    int r = bridges_find(db, name, ret);

    if (r != BRIDGES_NONE)
        return r;
    *ret = (struct bridge_row){ 0 };
    str_copy(str_from(name), ret->name, sizeof ret->name);
    return 0;
}

int bridges_save(struct db *db, const struct bridge_row *b)
{
    return sql_write_row(db,
                         "INSERT INTO bridge (" COLUMNS ") VALUES (" BRIDGE_COLUMNS(
                             SQL_MARKS) ")"
                                        " ON CONFLICT (name) DO UPDATE SET " BRIDGE_COLUMNS(SQL_SETS),
                         columns, ARRAY_LEN(columns), b);
}

int bridges_hook_helped(struct db *db, const char *name)
{
    return sql_run(db, "UPDATE bridge SET hook_runs = 0 WHERE name = ?1 AND hook_runs > 0", "s", name);
}

int bridges_set_current(struct db *db, const char *name)
{
    return sql_run(db, "UPDATE bridge SET outdated_since = 0 WHERE name = ?1", "s", name);
}

/* ---- setters ----------------------------------------------------------------------------- */

/* A transaction that changes the row. */
static int begin_with_row(struct txn *t, struct db *db, const char *name, struct bridge_row *ret)
{
    int r = txn_begin(t, db);

    if (r != 0)
        return r;
    r = bridges_get(db, name, ret);
    return r == 0 ? 0 : txn_end(t, r);
}

static int end_with_row(const struct txn *t, const struct bridge_row *row)
{
    return txn_end(t, bridges_save(t->db, row));
}

int bridges_set_driver(struct db *db, const char *name, const char *driver)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = begin_with_row(&t, db, name, &row);

    if (r != 0)
        return r;
    str_copy(str_from(driver), row.driver, sizeof row.driver);
    return end_with_row(&t, &row);
}

int bridges_set_version(struct db *db, const char *name, const char *version)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = bridges_find(db, name, &row);

    if (r < 0 || strcmp(row.version, version) == 0)
        return r < 0 ? r : BRIDGES_SAME;
    r = begin_with_row(&t, db, name, &row);
    if (r != 0)
        return r;
    str_copy(str_from(version), row.version, sizeof row.version);
    return end_with_row(&t, &row);
}

int bridges_set_unwatched(struct db *db, const char *name, int64_t since)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = begin_with_row(&t, db, name, &row);

    if (r != 0)
        return r;
    row.unwatched_since = since;
    return end_with_row(&t, &row);
}

int bridges_set_feed(struct db *db, const char *name, int64_t after, int64_t seq)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = begin_with_row(&t, db, name, &row);

    if (r != 0)
        return r;
    row.feed_after = after;
    row.feed_seq = seq;
    return end_with_row(&t, &row);
}

int bridges_set_no_method(struct db *db, const char *name, const char *detail, bool hook_guarded)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = begin_with_row(&t, db, name, &row);

    if (r != 0)
        return r;
    str_copy(str_from(detail), row.no_reconnect_method, sizeof row.no_reconnect_method);
    row.hook_guarded = hook_guarded;
    return end_with_row(&t, &row);
}

int bridges_set_swept(struct db *db, const struct now *now, const char *name, int64_t from_ms,
                      int64_t freshness_ms)
{
    struct bridge_row row = { 0 };
    struct txn t;
    int r = begin_with_row(&t, db, name, &row);

    if (r != 0)
        return r;
    row.swept_at = from_ms;
    row.swept_wall = now->wall_ms;
    row.fresh_until = now->steady_ms + freshness_ms;
    return end_with_row(&t, &row);
}

/* ---- views ---------------------------------------------------------------------------- */

struct retry_bridge bridges_view(const struct bridge_row *row, int64_t in_flight)
{
    return (struct retry_bridge){
        .known = row->driver[0] != '\0',
        .unwatched = row->unwatched_since > 0,
        .health = row->health,
        .incident = row->incident_since > 0,
        .outdated = row->outdated_since > 0,
        .no_reconnect_method = row->no_reconnect_method[0] != '\0',
        .hook_guarded = row->hook_guarded,
        .swept_at = row->swept_at,
        .fresh_until = row->fresh_until,
        .in_flight = in_flight,
        .bucket = row->bucket,
        .breaker = row->breaker,
    };
}

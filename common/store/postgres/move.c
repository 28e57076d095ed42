/*
 * A database as a side of a move. It is held alone (in_use.h) from the opening to the end: no program starts on it meanwhile.
 *
 * A source is read in one transaction. A target is marked by a version below 0, in the transaction that makes its tables;
 * finish() takes the mark away.
 */
#include "common/store/postgres/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/postgres/in_use.h"
#include "common/store/postgres/move_copy.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"
#include "common/store/postgres/steady.h"
#include "common/store/sql.h"

#define SQL_BYTES 640
#define BEGIN     "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

struct side {
    struct move_side side; /* first */
    struct pg_db *d;
    bool reads; /* inside the transaction of the reads */
    struct move_reader reader;
    struct move_writer writer;
    char error[256];
};

static struct side *side_of(const struct move_side *s)
{
    return (struct side *)s;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int begin_reads(struct side *s)
{
    int r = s->reads ? 0 : move_run(s->d, BEGIN, NULL);

    s->reads = r == 0;
    return r;
}

static int count(struct move_side *side, const struct move_table *t, int64_t *ret)
{
    struct side *s = side_of(side);
    char sql[SQL_BYTES], path[MOVE_PATH_MAX];
    int r = begin_reads(s);

    move_path(t, path);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", path);
    return r == 0 ? move_run(s->d, sql, ret) : r;
}

static int read_table(struct move_side *side, const struct move_table *t)
{
    struct side *s = side_of(side);
    int r = begin_reads(s);

    return r == 0 ? move_read_begin(&s->reader, t) : r;
}

static int next(struct move_side *side, struct move_value *ret)
{
    return move_read_next(&side_of(side)->reader, ret);
}

/* ---- ids, time ------------------------------------------------------------------------------- */

/* The sequence of a table's key; NULL in SQL when it has none. */
static void sequence_of(const struct move_table *t, char *ret, size_t n)
{
    char path[MOVE_PATH_MAX];

    move_path(t, path);
    (void)snprintf(ret, n, "CAST(pg_get_serial_sequence('%s', '%s') AS regclass)", path,
                   t->column[t->key[0]].name);
}

static int highest_id(struct move_side *side, const struct move_table *t, int64_t *ret)
{
    struct side *s = side_of(side);
    char sql[SQL_BYTES], sequence[MOVE_PATH_MAX + MOVE_NAME_MAX + 64];

    *ret = 0;
    if (move_table_is_log(t))
        return move_run(s->d, "SELECT seq FROM zapkeep_events.log_head", ret);
    if (!t->gives_ids)
        return 0;
    sequence_of(t, sequence, sizeof sequence);
    (void)snprintf(sql, sizeof sql, "SELECT coalesce(pg_sequence_last_value(%s), 0)", sequence);
    return move_run(s->d, sql, ret);
}

static int set_highest_id(struct move_side *side, const struct move_table *t, int64_t id)
{
    struct side *s = side_of(side);
    char sql[SQL_BYTES], sequence[MOVE_PATH_MAX + MOVE_NAME_MAX + 64];

    if (move_table_is_log(t)) {
        (void)snprintf(sql, sizeof sql, "UPDATE zapkeep_events.log_head SET seq = %" PRId64, id);
        return move_run(s->d, sql, NULL);
    }
    if (!t->gives_ids || id == 0)
        return 0;
    sequence_of(t, sequence, sizeof sequence);
    (void)snprintf(sql, sizeof sql, "SELECT setval(%s, %" PRId64 ")", sequence, id);
    return move_run(s->d, sql, NULL);
}

static int steady(struct move_side *side, struct clock *clock, int64_t *ret_ms)
{
    struct now now = { 0 };
    int r = pg_steady_now(&side_of(side)->d->db, clock, &now);

    *ret_ms = now.steady_ms;
    return r;
}

static int set_steady(struct move_side *side, struct clock *clock, int64_t steady_ms)
{
    char sql[SQL_BYTES];

    (void)clock; /* the server's counts */
    (void)snprintf(sql, sizeof sql,
                   "UPDATE zapkeep_state.steady SET high_ms = %" PRId64 ", shift_ms = %" PRId64
                   " - CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
                   steady_ms, steady_ms);
    return move_run(side_of(side)->d, sql, NULL);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int put(struct move_side *side, const struct move_table *t, struct move_value *row)
{
    return move_write_put(&side_of(side)->writer, t, row);
}

/* The ids that the table gives go on behind the highest one that is there. */
static int put_end(struct move_side *side, const struct move_table *t)
{
    struct side *s = side_of(side);
    char sql[SQL_BYTES], path[MOVE_PATH_MAX], sequence[MOVE_PATH_MAX + MOVE_NAME_MAX + 64];
    int r = move_write_end(&s->writer);

    if (r != 0 || t->n_keys != 1 || t->column[t->key[0]].kind != MOVE_INT)
        return r;
    move_path(t, path);
    sequence_of(t, sequence, sizeof sequence);
    (void)snprintf(sql, sizeof sql,
                   "SELECT setval(s, m) FROM (SELECT %s AS s, max(%s) AS m FROM %s) x"
                   " WHERE s IS NOT NULL AND m > 0",
                   sequence, t->column[t->key[0]].name, path);
    return move_run(s->d, sql, NULL);
}

static int reopen(struct move_side *side)
{
    return begin_reads(side_of(side));
}

/* The statistics are made now: the first queries of the programs need them. */
static int finish(struct move_side *side)
{
    struct side *s = side_of(side);
    int r;

    move_read_end(&s->reader);
    r = move_run(s->d, "COMMIT", NULL);
    if (r == 0)
        r = move_run(s->d, "ANALYZE", NULL);
    return r == 0 ? move_run(s->d, "UPDATE zapkeep.version SET version = -version", NULL) : r;
}

static const char *error_of(const struct move_side *side)
{
    struct side *s = side_of(side);

    return s->d ? s->d->db.error : s->error;
}

static void close_side(struct move_side *side)
{
    struct side *s = side_of(side);

    if (s->d) {
        move_read_end(&s->reader);
        (void)move_write_end(&s->writer);
        sql_cache_free(&s->d->db);
        pg_close(&s->d->db);
    }
    mem_free(s);
}

static const struct move_side_engine side_engine = {
    .count = count,
    .read = read_table,
    .next = next,
    .highest_id = highest_id,
    .steady = steady,
    .put = put,
    .put_end = put_end,
    .set_highest_id = set_highest_id,
    .set_steady = set_steady,
    .reopen = reopen,
    .finish = finish,
    .error = error_of,
    .close = close_side,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* MOVE_NOT_EMPTY when any table has a row, besides those that every new store has. */
static int check_empty(struct side *s)
{
    static const char sql[] =
        "SELECT string_agg(format('SELECT 1 WHERE EXISTS (SELECT FROM %I.%I)', schemaname, tablename), ' "
        "UNION ALL ')"
        " FROM pg_tables WHERE schemaname IN ('zapkeep_state', 'zapkeep_events', 'zapkeep_forward')"
        " AND tablename NOT IN ('steady', 'meta', 'log_head', 'batch', 'mark')";
    PGresult *res = NULL;
    int64_t any = 0;
    int r = 0;

    if (PQsendQuery(s->d->conn, sql) == 0)
        return pg_lost(s->d, PQerrorMessage(s->d->conn));
    r = pg_result(s->d, MOVE_ANSWER_MS, &res);
    if (r == 0 && PQntuples(res) > 0 && *PQgetvalue(res, 0, 0))
        r = move_run(s->d, PQgetvalue(res, 0, 0), &any);
    PQclear(res);
    if (r == 0 && any == 0)
        r = move_run(s->d, "SELECT 1 FROM zapkeep_events.log_head WHERE seq > 0", &any);
    return r == 0 && any != 0 ? MOVE_NOT_EMPTY : r;
}

static int check_version(int version, enum move_role role)
{
    if (version > pg_schema_known())
        return -EPROTONOSUPPORT;
    if (version > 0 && version < pg_schema_known())
        return -EPROTOTYPE;
    if (role == MOVE_SOURCE && version <= 0)
        return version == 0 ? -ENOENT : -EINPROGRESS;
    return 0;
}

/* Also of tables that are missing, or of another schema: a standby takes none. */
static int check_writable(struct side *s)
{
    int64_t standby = 0;
    int r = move_run(s->d, "SELECT CAST(pg_is_in_recovery() AS int)", &standby);

    return r == 0 && standby ? -EROFS : r;
}

static int open_role(struct side *s, enum move_role role)
{
    int version = 0;
    int r = move_run(s->d,
                     "SET statement_timeout = 0; SET lock_timeout = '10s';"
                     " SET idle_in_transaction_session_timeout = 0",
                     NULL);

    if (r == 0)
        r = pg_in_use_alone(s->d, s->error, sizeof s->error);
    if (r != 0)
        return r == PG_IN_USE ? MOVE_IN_USE : r;
    r = pg_schema_version(s->d, &version);
    if (r == 0)
        r = check_version(version, role);
    if (r == 0 && role == MOVE_SOURCE)
        return begin_reads(s);
    if (r == 0)
        r = check_writable(s);
    if (r == 0 && version > 0)
        r = check_empty(s);
    return r == 0 && role == MOVE_TARGET ? pg_schema_make_unfinished(s->d) : r;
}

int pg_move_open(const char *where, enum move_role role, struct move_side **ret, char *ret_detail, size_t n)
{
    struct side *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->side.engine = &side_engine;
    r = pg_connect(where, PG_CONTROL, &s->d, s->error, sizeof s->error);
    if (r == 0) {
        s->reader.d = s->writer.d = s->d;
        r = open_role(s, role);
        if (r < 0)
            (void)snprintf(s->error, sizeof s->error, "%.250s", s->d->db.error);
    }
    pg_problem_keep(r < 0 ? r : 0, s->error);
    (void)snprintf(ret_detail, n, "%s", s->error);
    if (r == 0)
        *ret = &s->side;
    else
        close_side(&s->side);
    return r;
}

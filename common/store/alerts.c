#include "common/store/alerts.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/sql.h"

#define COPY(field, text) \
    (void)snprintf((field), sizeof(field), "%.*s", (int)(text).n, (text).p ? (text).p : "")

int alerts_raise(struct db *db, const struct alert_row *row)
{
    return sql_run(db,
                   "INSERT INTO alert (name, bridge, session, since, cause, detail, grouped)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name, bridge, session) DO UPDATE SET"
                   " since = excluded.since, cause = excluded.cause, detail = excluded.detail,"
                   " grouped = excluded.grouped",
                   "sssissi", row->name, row->bridge, row->session, row->since, row->cause, row->detail,
                   (int64_t)row->grouped);
}

int alerts_begin(struct db *db, const struct alert_row *row)
{
    int r = sql_run(db,
                    "INSERT INTO alert (name, bridge, session, since, cause, detail, grouped)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name, bridge, session) DO NOTHING",
                    "sssissi", row->name, row->bridge, row->session, row->since, row->cause, row->detail,
                    (int64_t)row->grouped);

    return r == 0 && sql_changes(db) == 0 ? ALERTS_THERE : r;
}

int alerts_clear(struct db *db, const char *name, const char *bridge, const char *session)
{
    int r = sql_run(db, "DELETE FROM alert WHERE name = ?1 AND bridge = ?2 AND session = ?3", "sss", name,
                    bridge, session);

    return r == 0 && sql_changes(db) == 0 ? ALERTS_NONE : r;
}

/* name, bridge, session, since, cause, detail from the first column on. */
static void read_row(const struct sql *q, int first, struct alert_row *ret)
{
    COPY(ret->name, sql_text(q, first));
    COPY(ret->bridge, sql_text(q, first + 1));
    COPY(ret->session, sql_text(q, first + 2));
    ret->since = sql_int(q, first + 3);
    COPY(ret->cause, sql_text(q, first + 4));
    COPY(ret->detail, sql_text(q, first + 5));
}

int alerts_each(struct db *db, const char *bridge, int (*on_row)(void *ctx, const struct alert_row *row),
                void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct alert_row row = { 0 };
    int r = sql_query(db,
                      "SELECT name, bridge, session, since, cause, detail, grouped FROM alert"
                      " WHERE ?1 IS NULL OR bridge = ?1 ORDER BY name, bridge, session",
                      &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, 0, &row);
        row.grouped = sql_int(q, 6) != 0;
        r = on_row(ctx, &row);
    }
    return r;
}

static int make_room(struct db *db, const char *sink, int64_t *ret_dropped)
{
    int64_t waiting = 0;
    int r = alerts_waiting(db, sink, &waiting);

    if (r != 0 || waiting < ALERTS_OUTBOX_MAX)
        return r;
    r = sql_run(db, "DELETE FROM alert_outbox WHERE n = (SELECT min(n) FROM alert_outbox WHERE sink = ?1)",
                "s", sink);
    if (r == 0)
        (*ret_dropped)++;
    return r;
}

int alerts_post(struct db *db, const char *sink, const struct alert_row *row, bool firing, int64_t at,
                int64_t *ret_dropped)
{
    int r = make_room(db, sink, ret_dropped);

    if (r != 0)
        return r;
    return sql_run(db,
                   "INSERT INTO alert_outbox (sink, name, bridge, session, firing, since, at, cause, detail)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   "ssssiiiss", sink, row->name, row->bridge, row->session, (int64_t)firing, row->since, at,
                   row->cause, row->detail);
}

int alerts_read(struct db *db, const char *sink, struct alert_note *ret, int max, int *ret_n)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT n, firing, at, tries, name, bridge, session, since, cause, detail"
                      " FROM alert_outbox WHERE sink = ?1 ORDER BY n LIMIT ?2",
                      &q, "si", sink, (int64_t)max);
    int n = 0;

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        ret[n] = (struct alert_note){
            .n = sql_int(q, 0), .firing = sql_int(q, 1) != 0, .at = sql_int(q, 2), .tries = sql_int(q, 3)
        };
        read_row(q, 4, &ret[n++].row);
        r = 0;
    }
    *ret_n = n;
    return r;
}

int alerts_sent(struct db *db, const char *sink, int64_t n)
{
    return sql_run(db, "DELETE FROM alert_outbox WHERE sink = ?1 AND n <= ?2", "si", sink, n);
}

int alerts_release(struct db *db, const char *from, const char *to)
{
    int r = sql_run(db,
                    "DELETE FROM alert_outbox WHERE sink = ?1 AND EXISTS (SELECT 1 FROM alert_outbox o"
                    " WHERE o.sink = ?1 AND o.name = alert_outbox.name AND o.bridge = alert_outbox.bridge"
                    " AND o.session = alert_outbox.session AND o.since = alert_outbox.since"
                    " AND o.firing <> alert_outbox.firing)",
                    "s", from);

    if (r == 0)
        r = sql_run(db,
                    "INSERT INTO alert_outbox (sink, firing, at, tries, name, bridge, session, since, cause,"
                    " detail) SELECT ?2, firing, at, 0, name, bridge, session, since, cause, detail"
                    " FROM alert_outbox WHERE sink = ?1 ORDER BY n",
                    "ss", from, to);
    return r == 0 ? alerts_forget_sink(db, from) : r;
}

int alerts_failed(struct db *db, int64_t n)
{
    return sql_run(db, "UPDATE alert_outbox SET tries = tries + 1 WHERE n = ?1", "i", n);
}

int alerts_waiting(struct db *db, const char *sink, int64_t *ret)
{
    return sql_get_int(db, "SELECT count(*) FROM alert_outbox WHERE sink = ?1", ret, "s", sink);
}

int alerts_forget_sink(struct db *db, const char *sink)
{
    return sql_run(db, "DELETE FROM alert_outbox WHERE sink = ?1", "s", sink);
}

/* More than were ever set. The rest waits for the next start. */
#define SINKS_SEEN_MAX 64
#define SINK_BYTES     64

int alerts_sinks_each(struct db *db, int (*on_sink)(void *ctx, const char *sink), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    char names[SINKS_SEEN_MAX][SINK_BYTES];
    int n = 0;
    int r =
        sql_query(db, "SELECT DISTINCT sink FROM alert_outbox LIMIT ?1", &q, "i", (int64_t)SINKS_SEEN_MAX);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        COPY(names[n], sql_text(q, 0));
        n++;
        r = 0;
    }
    for (int i = 0; r == 0 && i < n; i++)
        r = on_sink(ctx, names[i]);
    return r;
}

int alerts_note_change(struct db *db, const struct alert_row *row, bool firing, int64_t at)
{
    int64_t n = 0;
    int r = sql_insert(db,
                       "INSERT INTO alert_change (at, firing, name, bridge, session, since, cause, detail)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING n",
                       &n, "iisssiss", at, (int64_t)firing, row->name, row->bridge, row->session, row->since,
                       row->cause, row->detail);

    return r == 0 ? sql_run(db, "DELETE FROM alert_change WHERE n <= ?1", "i", n - ALERTS_CHANGES_MAX) : r;
}

int alerts_each_change(struct db *db, int64_t before_n, int limit,
                       int (*on_change)(void *ctx, const struct alert_change *c), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT n, at, firing, name, bridge, session, since, cause, detail FROM alert_change"
                      " WHERE n < ?1 ORDER BY n DESC LIMIT ?2",
                      &q, "ii", before_n > 0 ? before_n : INT64_MAX, (int64_t)limit);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct alert_change c = { .n = sql_int(q, 0), .at = sql_int(q, 1), .firing = sql_int(q, 2) != 0 };

        read_row(q, 3, &c.row);
        r = on_change(ctx, &c);
    }
    return r;
}

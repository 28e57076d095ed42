#include "common/store/forward.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/engine.h"
#include "common/store/sql.h"

int forward_checkpoint(struct db *db, bool *ret_all)
{
    return db->engine->forward_checkpoint(db, ret_all);
}

int forward_log_id(struct db *db, char ret[16])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT value FROM meta WHERE key = 'log'", &q, "");

    if (r == 0)
        r = sql_next(q);
    if (r < 0)
        return r;
    str_copy(r == SQL_ROW ? sql_text(q, 0) : STR_NULL, ret, 16);
    return 0;
}

int forward_set_log_id(struct db *db, const char *log_id)
{
    return sql_run(
        db, "INSERT INTO meta VALUES ('log', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value", "s",
        log_id);
}

/* Both in one statement each: the file may be without a transaction. */
int forward_key(struct db *db, uint64_t *ret)
{
    int64_t key;
    int r;

    rng_secret(&key, sizeof key);
    r = sql_run(db, "INSERT INTO meta VALUES ('key', CAST(?1 AS TEXT)) ON CONFLICT DO NOTHING", "i", key);
    if (r == 0)
        r = sql_get_int(db, "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'key'", &key, "");
    if (r == 0)
        *ret = (uint64_t)key;
    return r;
}

/* ---- destinations ---------------------------------------------------------------------------- */

#define DESTINATION_COLUMNS                                                                              \
    "SELECT d.id, d.name, d.floor, d.off_since, d.url, s.breaker, s.position, s.in_flight,"              \
    " s.delivered, s.at, s.last_error, s.last_error_at, d.done, d.paused_since, s.state, s.state_since," \
    " s.last_status, s.last_session, s.last_answer, s.matched, s.filtered"                               \
    " FROM destination d LEFT JOIN status s ON s.destination = d.id"

static int64_t count_bits(struct str bits)
{
    int64_t n = 0;

    for (size_t i = 0; i < bits.n; i++)
        n += __builtin_popcount((unsigned char)bits.p[i]);
    return n;
}

static void read_destination(const struct sql *q, struct forward_destination *d)
{
    *d = (struct forward_destination){ .id = sql_int(q, 0),
                                       .floor = sql_int(q, 2),
                                       .above = count_bits(sql_blob(q, 12)),
                                       .off_since = sql_int(q, 3),
                                       .position = sql_int(q, 6),
                                       .in_flight = sql_int(q, 7),
                                       .delivered = sql_int(q, 8),
                                       .at = sql_int(q, 9),
                                       .last_error_at = sql_int(q, 11),
                                       .paused_since = sql_int(q, 13),
                                       .state_since = sql_int(q, 15),
                                       .last_status = sql_int(q, 16),
                                       .matched = sql_int(q, 19),
                                       .filtered = sql_int(q, 20) };
    str_copy(sql_text(q, 1), d->name, sizeof d->name);
    str_copy(sql_text(q, 4), d->url, sizeof d->url);
    str_copy(sql_text(q, 5), d->breaker, sizeof d->breaker);
    str_copy(sql_text(q, 10), d->last_error, sizeof d->last_error);
    str_copy(sql_text(q, 14), d->state, sizeof d->state);
    str_copy(sql_text(q, 17), d->last_session, sizeof d->last_session);
    str_copy(sql_text(q, 18), d->last_answer, sizeof d->last_answer);
}

int forward_destination_open(struct db *db, const char *name, const char *url,
                             struct forward_destination *ret, bool *ret_new, struct buf *done)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_run(db, "INSERT INTO destination (name) VALUES (?1) ON CONFLICT DO NOTHING", "s", name);
    struct str bits;

    if (r == 0)
        *ret_new = sql_changes(db) > 0;
    if (r == 0)
        r = sql_run(db, "UPDATE destination SET url = ?2 WHERE name = ?1 AND url <> ?2", "ss", name, url);
    if (r == 0)
        r = sql_query(db, DESTINATION_COLUMNS " WHERE d.name = ?1", &q, "s", name);
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    bits = sql_blob(q, 12);
    r = done ? buf_add(done, bits.p, bits.n) : 0;
    if (r == 0)
        read_destination(q, ret);
    return r;
}

int forward_destinations_each(struct db *db, int (*on_row)(void *ctx, const struct forward_destination *row),
                              void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct forward_destination row;
    int r = sql_query(db, DESTINATION_COLUMNS " ORDER BY d.name", &q, "");

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_destination(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int forward_destinations_count(struct db *db, int64_t *ret)
{
    return sql_get_int(db, "SELECT count(*) FROM destination", ret, "");
}

int forward_needs(struct db *db, const char *name, int64_t *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r =
        sql_query(db,
                  "SELECT min(n) FROM ("
                  "SELECT floor AS n FROM destination WHERE name = ?1 AND off_since = 0"
                  " UNION ALL SELECT r.seq - 1 FROM retry r JOIN destination d ON r.destination = d.id"
                  "  WHERE d.name = ?1 AND off_since = 0"
                  " UNION ALL SELECT b.seq - 1 FROM blocked b JOIN destination d ON b.destination = d.id"
                  "  WHERE d.name = ?1 AND off_since = 0"
                  " UNION ALL SELECT s.from_seq - 1 FROM spilled s JOIN destination d ON s.destination = d.id"
                  "  WHERE d.name = ?1 AND off_since = 0) AS needs",
                  &q, "s", name);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    *ret = sql_is_null(q, 0) ? INT64_MAX : sql_int(q, 0);
    *ret = *ret < 0 ? 0 : *ret;
    return 0;
}

int forward_save_window(struct db *db, int64_t destination, int64_t floor, struct str done)
{
    return sql_run(db, "UPDATE destination SET floor = ?2, done = ?3 WHERE id = ?1", "iib", destination,
                   floor, done);
}

int forward_save_off(struct db *db, int64_t destination, int64_t off_since, int64_t paused_since)
{
    return sql_run(db, "UPDATE destination SET off_since = ?2, paused_since = ?3 WHERE id = ?1", "iii",
                   destination, off_since, paused_since);
}

int forward_destination_rename(struct db *db, const char *from, const char *to)
{
    int r = sql_run(db, "UPDATE destination SET name = ?2 WHERE name = ?1", "ss", from, to);

    return r == 0 ? sql_run(db, "UPDATE dead SET destination = ?2 WHERE destination = ?1", "ss", from, to)
                  : r;
}

int forward_destination_forget(struct db *db, const char *name, bool *ret_found)
{
    static const char *const removals[] = {
        "DELETE FROM retry WHERE destination = (SELECT id FROM destination WHERE name = ?1)",
        "DELETE FROM blocked WHERE destination = (SELECT id FROM destination WHERE name = ?1)",
        "DELETE FROM spilled WHERE destination = (SELECT id FROM destination WHERE name = ?1)",
        "DELETE FROM status WHERE destination = (SELECT id FROM destination WHERE name = ?1)",
        "DELETE FROM dead WHERE destination = ?1",
        "DELETE FROM destination WHERE name = ?1",
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof removals / sizeof removals[0]; i++)
        r = sql_run(db, removals[i], "s", name);
    if (r == 0)
        *ret_found = sql_changes(db) > 0;
    return r;
}

int forward_save_status(struct db *db, const struct forward_destination *d)
{
    return sql_run(
        db,
        "INSERT INTO status (destination, url, breaker, position, in_flight, delivered, at,"
        " last_error, last_error_at, state, state_since, last_status, last_session, last_answer, matched,"
        " filtered) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        " ON CONFLICT (destination) DO UPDATE SET url = excluded.url, breaker = excluded.breaker,"
        " position = excluded.position, in_flight = excluded.in_flight, delivered = excluded.delivered,"
        " at = excluded.at, last_error = excluded.last_error, last_error_at = excluded.last_error_at,"
        " state = excluded.state, state_since = excluded.state_since, last_status = excluded.last_status,"
        " last_session = excluded.last_session, last_answer = excluded.last_answer,"
        " matched = excluded.matched, filtered = excluded.filtered",
        "issiiiisisiissii", d->id, d->url, d->breaker, d->position, d->in_flight, d->delivered, d->at,
        d->last_error, d->last_error_at, d->state, d->state_since, d->last_status, d->last_session,
        d->last_answer, d->matched, d->filtered);
}

int forward_counts(struct db *db, const struct forward_destination *d, struct forward_counts *ret)
{
    struct forward_counts c;
    int r = sql_get_int(db, "SELECT count(*) FROM retry WHERE destination = ?1", &c.retrying, "i", d->id);

    if (r == 0)
        r = sql_get_int(
            db,
            "SELECT coalesce(min(first), 0) FROM (SELECT min(seq) AS first FROM retry WHERE destination = ?1"
            " UNION ALL SELECT min(seq) FROM blocked WHERE destination = ?1"
            " UNION ALL SELECT min(from_seq) FROM spilled WHERE destination = ?1) AS waiting",
            &c.oldest, "i", d->id);
    if (r == 0)
        r = sql_get_int(db,
                        "SELECT (SELECT count(*) FROM blocked WHERE destination = ?1)"
                        " + (SELECT coalesce(sum(n), 0) FROM spilled WHERE destination = ?1)",
                        &c.blocked, "i", d->id);
    if (r == 0)
        r = sql_get_int(db, "SELECT count(*) FROM dead WHERE destination = ?1", &c.dead, "s", d->name);
    if (r == 0)
        *ret = c;
    return r;
}

int forward_forget_log(struct db *db, int64_t *ret_lost)
{
    int64_t lost = 0;
    int r =
        sql_get_int(db, "SELECT (SELECT count(*) FROM retry) + (SELECT count(*) FROM blocked)", &lost, "");

    if (r == 0)
        r = sql_run(db, "DELETE FROM retry", "");
    if (r == 0)
        r = sql_run(db, "DELETE FROM blocked", "");
    if (r == 0)
        r = sql_run(db, "DELETE FROM spilled", "");
    if (r == 0)
        r = sql_run(db, "UPDATE destination SET floor = -1, done = ?1", "b", STR_LIT(""));
    if (r == 0)
        r = sql_run(db, "DELETE FROM meta WHERE key = 'key'", "");
    if (r == 0)
        *ret_lost = lost;
    return r;
}

/* ---- events that wait ------------------------------------------------------------------------ */

int forward_retry_put(struct db *db, int64_t destination, const struct forward_retry *row)
{
    return sql_run(db,
                   "INSERT INTO retry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                   " ON CONFLICT (destination, seq) DO UPDATE SET bridge = excluded.bridge,"
                   " session = excluded.session, tries = excluded.tries, sends = excluded.sends,"
                   " next_at = excluded.next_at, status = excluded.status, detail = excluded.detail",
                   "iittiiiit", destination, row->seq, row->bridge, row->session, row->tries, row->sends,
                   row->next_at, row->status, row->detail);
}

int forward_retry_remove(struct db *db, int64_t destination, int64_t seq)
{
    return sql_run(db, "DELETE FROM retry WHERE destination = ?1 AND seq = ?2", "ii", destination, seq);
}

int forward_retry_each(struct db *db, int64_t destination,
                       int (*on_row)(void *ctx, const struct forward_retry *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT seq, bridge, session, tries, sends, next_at, status, detail FROM retry"
                      " WHERE destination = ?1 ORDER BY seq",
                      &q, "i", destination);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_row(ctx, &(struct forward_retry){ .seq = sql_int(q, 0),
                                                 .bridge = sql_text(q, 1),
                                                 .session = sql_text(q, 2),
                                                 .tries = sql_int(q, 3),
                                                 .sends = sql_int(q, 4),
                                                 .next_at = sql_int(q, 5),
                                                 .status = sql_int(q, 6),
                                                 .detail = sql_text(q, 7) });
    return r;
}

int forward_blocked_put(struct db *db, int64_t destination, struct str bridge, struct str session,
                        int64_t seq)
{
    return sql_run(db, "INSERT INTO blocked VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", "itti",
                   destination, bridge, session, seq);
}

int forward_blocked_remove(struct db *db, int64_t destination, struct str bridge, struct str session,
                           int64_t seq)
{
    return sql_run(db,
                   "DELETE FROM blocked WHERE destination = ?1 AND bridge = ?2 AND session = ?3 AND seq = ?4",
                   "itti", destination, bridge, session, seq);
}

int forward_blocked_first(struct db *db, int64_t destination, struct str bridge, struct str session,
                          int64_t *ret_seq)
{
    return sql_get_int(db,
                       "SELECT coalesce(min(seq), 0) FROM blocked"
                       " WHERE destination = ?1 AND bridge = ?2 AND session = ?3",
                       ret_seq, "itt", destination, bridge, session);
}

int forward_spill_put(struct db *db, int64_t destination, const struct forward_spill *s)
{
    if (s->n == 0)
        return sql_run(db, "DELETE FROM spilled WHERE destination = ?1 AND bridge = ?2 AND session = ?3",
                       "itt", destination, s->bridge, s->session);
    return sql_run(db,
                   "INSERT INTO spilled VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                   " ON CONFLICT (destination, bridge, session) DO UPDATE SET from_seq = excluded.from_seq,"
                   " to_seq = excluded.to_seq, n = excluded.n",
                   "ittiii", destination, s->bridge, s->session, s->from_seq, s->to_seq, s->n);
}

int forward_spill_each(struct db *db, int64_t destination,
                       int (*on_row)(void *ctx, const struct forward_spill *s), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT bridge, session, from_seq, to_seq, n FROM spilled WHERE destination = ?1",
                      &q, "i", destination);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_row(ctx, &(struct forward_spill){ .bridge = sql_text(q, 0),
                                                 .session = sql_text(q, 1),
                                                 .from_seq = sql_int(q, 2),
                                                 .to_seq = sql_int(q, 3),
                                                 .n = sql_int(q, 4) });
    return r;
}

int forward_blocked_session(struct db *db, int64_t destination, int64_t seq, struct buf *bridge,
                            struct buf *session, bool *ret_found)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT bridge, session FROM blocked WHERE destination = ?1 AND seq = ?2", &q, "ii",
                      destination, seq);

    if (r == 0)
        r = sql_next(q);
    if (r < 0)
        return r;
    *ret_found = r == SQL_ROW;
    if (r != SQL_ROW)
        return 0;
    r = buf_add(bridge, sql_text(q, 0).p, sql_text(q, 0).n);
    return r == 0 ? buf_add(session, sql_text(q, 1).p, sql_text(q, 1).n) : r;
}

int forward_blocked_each(struct db *db, int64_t destination,
                         int (*on_session)(void *ctx, struct str bridge, struct str session, int64_t n,
                                           int64_t first_seq),
                         void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT bridge, session, count(*), min(seq) FROM blocked WHERE destination = ?1"
                      " GROUP BY bridge, session",
                      &q, "i", destination);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_session(ctx, sql_text(q, 0), sql_text(q, 1), sql_int(q, 2), sql_int(q, 3));
    return r;
}

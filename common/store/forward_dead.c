/* Dead letters, and the commands that operators give about them. */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/forward.h"
#include "common/store/sql.h"

static struct str text_or_empty(struct str s)
{
    return s.p ? s : STR_LIT("");
}

int forward_dead_put(struct db *db, const struct forward_dead *d)
{
    const struct event *e = &d->event;

    return sql_run(db,
                   "INSERT INTO dead (destination, seq, event_id, at, occurred_at, type, bridge, session,"
                   " message_id, body, reason, tries, status, detail, answer, dead_at)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                   "sisiittttbsiitbi", d->destination, e->seq, e->id, e->at, e->occurred_at,
                   text_or_empty(e->type), text_or_empty(e->bridge), text_or_empty(e->session),
                   text_or_empty(e->message_id), e->body, d->reason, d->tries, d->status,
                   text_or_empty(d->detail), d->answer, d->dead_at);
}

/* ---- going through them ---------------------------------------------------------------------- */

#define DEAD_COLUMNS                                                                                   \
    "SELECT id, destination, seq, event_id, at, occurred_at, type, bridge, session, message_id, body," \
    " reason, tries, status, detail, answer, dead_at, redeliver FROM dead"
/* ?1 … ?7 are the filter. */
#define DEAD_MATCHES                                                                       \
    " (?1 = 0 OR id = ?1) AND (?2 = '' OR destination = ?2) AND (?3 = '' OR session = ?3)" \
    " AND (?4 = '' OR substr(type, 1, length(?4)) = ?4) AND (?5 = 0 OR dead_at >= ?5)"     \
    " AND (?6 = 0 OR dead_at < ?6) AND (?7 = '' OR bridge = ?7)"
#define FILTER_FORMAT "isssiis"
#define FILTER_VALUES(f)                                                                                    \
    (f)->id, or_empty((f)->destination), or_empty((f)->session), or_empty((f)->type_prefix), (f)->since_at, \
        (f)->until_at, or_empty((f)->bridge)

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

int forward_dead_count(struct db *db, const struct forward_dead_filter *f, int64_t *ret)
{
    static const struct forward_dead_filter all = { 0 };

    if (!f)
        f = &all;
    return sql_get_int(db, "SELECT count(*) FROM dead WHERE" DEAD_MATCHES, ret, FILTER_FORMAT,
                       FILTER_VALUES(f));
}

static void read_dead(const struct sql *q, struct forward_dead *d)
{
    *d = (struct forward_dead){ .id = sql_int(q, 0),
                                .tries = sql_int(q, 12),
                                .status = sql_int(q, 13),
                                .detail = sql_text(q, 14),
                                .answer = sql_blob(q, 15),
                                .dead_at = sql_int(q, 16),
                                .redeliver = sql_int(q, 17) != 0,
                                .event = { .seq = sql_int(q, 2),
                                           .at = sql_int(q, 4),
                                           .occurred_at = sql_int(q, 5),
                                           .type = sql_text(q, 6),
                                           .bridge = sql_text(q, 7),
                                           .session = sql_text(q, 8),
                                           .message_id = sql_text(q, 9),
                                           .body = sql_blob(q, 10) } };
    str_copy(sql_text(q, 1), d->destination, sizeof d->destination);
    str_copy(sql_text(q, 3), d->event.id, sizeof d->event.id);
    str_copy(sql_text(q, 11), d->reason, sizeof d->reason);
}

static int each(struct sql *q, int (*on_row)(void *ctx, const struct forward_dead *row), void *ctx)
{
    struct forward_dead row;
    int r = 0;

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_dead(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int forward_dead_each(struct db *db, const struct forward_dead_filter *f, int64_t after_id, int64_t limit,
                      int (*on_row)(void *ctx, const struct forward_dead *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, DEAD_COLUMNS " WHERE id > ?8 AND" DEAD_MATCHES " ORDER BY id LIMIT ?9", &q,
                      FILTER_FORMAT "ii", FILTER_VALUES(f), after_id, limit);

    return r == 0 ? each(q, on_row, ctx) : r;
}

int forward_dead_redeliver_each(struct db *db, const char *destination, int64_t after_id, int64_t limit,
                                int (*on_row)(void *ctx, const struct forward_dead *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        db, DEAD_COLUMNS " WHERE redeliver = 1 AND destination = ?1 AND id > ?2 ORDER BY id LIMIT ?3", &q,
        "sii", destination, after_id, limit);

    return r == 0 ? each(q, on_row, ctx) : r;
}

/* By id it does not look at the others: 100,000 letters that are redelivered are removed one by one. */
int forward_dead_remove_one(struct db *db, int64_t id, bool *ret_found)
{
    int r = sql_run(db, "DELETE FROM dead WHERE id = ?1", "i", id);

    if (r == 0)
        *ret_found = sql_changes(db) > 0;
    return r;
}

int forward_dead_remove(struct db *db, const struct forward_dead_filter *f, int64_t *ret_n)
{
    int r = sql_run(db, "DELETE FROM dead WHERE" DEAD_MATCHES, FILTER_FORMAT, FILTER_VALUES(f));

    if (r == 0)
        *ret_n = sql_changes(db);
    return r;
}

int forward_dead_redeliver(struct db *db, const struct forward_dead_filter *f, int64_t *ret_n)
{
    int r = sql_run(db, "UPDATE dead SET redeliver = 1 WHERE body IS NOT NULL AND" DEAD_MATCHES,
                    FILTER_FORMAT, FILTER_VALUES(f));

    if (r == 0)
        *ret_n = sql_changes(db);
    return r;
}

int forward_dead_returned(struct db *db, const struct forward_dead *d)
{
    return sql_run(db,
                   "UPDATE dead SET redeliver = 0, tries = tries + 1, reason = ?2, status = ?3, detail = ?4,"
                   " answer = ?5, dead_at = ?6 WHERE id = ?1",
                   "isitbi", d->id, d->reason, d->status, text_or_empty(d->detail), d->answer, d->dead_at);
}

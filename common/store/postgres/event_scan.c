/* Reading the log: the server filters, and sends no more bodies than one read may have. */
#include "common/store/postgres/event_scan.h"

#include "common/base/mem.h"
#include "common/store/events.h"
#include "common/store/events_reader.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/transactions.h"
#include "common/store/sql.h"

/* Rows looked at in one read. */
#define SCAN_ROWS_MAX 20000

bool pg_log_is_stale(const struct db *db)
{
    /* Another database is another address; but the connection may be one that another part has lost. */
    return db->broken;
}

int pg_begin_snapshot(struct db *db)
{
    return pg_begin_reads(db);
}

void pg_end_snapshot(struct db *db)
{
    pg_end_reads(db);
}

#define WANTED                                                                                    \
    "seq >= ?1 AND seq < ?2 AND (?3 = '' OR starts_with(type, ?3)) AND (?4 = '' OR session = ?4)" \
    " AND (?5 = '' OR bridge = ?5) AND (?6 = 0 OR at >= ?6) AND (?7 = 0 OR at < ?7) ORDER BY seq LIMIT ?8"

static struct str or_empty(struct str s)
{
    return s.p ? s : STR_LIT("");
}

/* The newest seq and the rows in one statement, which is a snapshot and one round trip; the newest stands in each row, and in
 * one without an event when there are none. */
static int query(struct db *db, int64_t from_seq, int64_t end_seq, const struct event_filter *f, int limit,
                 struct sql **ret)
{
    return sql_query(db,
                     "SELECT seq, at, occurred_at, type, bridge, session, message_id, body, head"
                     " FROM (SELECT coalesce(max(seq), 0) AS head FROM event) h LEFT JOIN (SELECT e.*,"
                     " sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before FROM"
                     " (SELECT * FROM event WHERE " WANTED ") e) w ON before < ?9 ORDER BY seq",
                     ret, "iitttiiii", from_seq, end_seq, or_empty(f->type_prefix), or_empty(f->session),
                     or_empty(f->bridge), f->since_at, f->until_at, (int64_t)limit,
                     (int64_t)EVENT_READ_BYTES_MAX);
}

static void add_row(const struct event_ids *ids, const struct sql *q, struct event_rows *rows)
{
    event_rows_add(rows, ids,
                   &(struct event){ .seq = sql_int(q, 0),
                                    .at = sql_int(q, 1),
                                    .occurred_at = sql_int(q, 2),
                                    .type = sql_text(q, 3),
                                    .bridge = sql_text(q, 4),
                                    .session = sql_text(q, 5),
                                    .message_id = sql_text(q, 6),
                                    .body = sql_blob(q, 7) });
}

/* The first seq from @from_seq on that is there: retention may have removed some. */
static int first_from(struct db *db, int64_t from_seq, int64_t *ret)
{
    *ret = from_seq;
    return sql_get_int(db, "SELECT coalesce(min(seq), ?1) FROM event WHERE seq >= ?1", ret, "i", from_seq);
}

static int read_range(struct db *db, const struct event_ids *ids, int64_t from_seq,
                      const struct event_filter *filter, int limit, struct event_rows *rows)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    static const struct event_filter all;
    int64_t end = from_seq + SCAN_ROWS_MAX;
    size_t bytes = 0;
    int r = query(db, from_seq, end, filter ? filter : &all, limit, &q);

    rows->next_seq = from_seq;
    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        rows->head_seq = sql_int(q, 8);
        if (!sql_is_null(q, 0)) {
            bytes += sql_blob(q, 7).n;
            add_row(ids, q, rows);
            rows->next_seq = sql_int(q, 0) + 1;
        }
        r = buf_error(&rows->bytes);
    }
    if (r == 0 && (from_seq > rows->head_seq || (rows->n < limit && bytes < EVENT_READ_BYTES_MAX)))
        rows->next_seq = end <= rows->head_seq ? end : rows->head_seq + 1; /* the range has no more of them */
    return r;
}

int pg_scan(struct db *db, const struct event_ids *ids, int64_t from_seq, const struct event_filter *filter,
            int limit, struct event_rows *rows)
{
    int64_t first = from_seq;
    int r = read_range(db, ids, from_seq, filter, limit, rows);

    if (r != 0 || rows->n > 0 || rows->next_seq > rows->head_seq)
        return r;
    r = first_from(db, from_seq, &first);
    return r == 0 && first > from_seq ? read_range(db, ids, first, filter, limit, rows) : r;
}

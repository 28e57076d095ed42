/* Reading the log: the rows after a seq, filtered here, one by one out of the file. */
#include "common/store/sqlite/event_scan.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/events.h"
#include "common/store/events_reader.h"
#include "common/store/sql.h"
#include "common/store/sqlite/handle.h"

/* Rows looked at in one read: some 10 ms when none of them matches. */
#define SCAN_ROWS_MAX 20000

bool sqlite_log_is_stale(const struct db *db)
{
    const struct sqlite_db *d = (const struct sqlite_db *)db;

    return !sqlite_file_is_at(&d->file, d->read_path);
}

int sqlite_begin_snapshot(struct db *db)
{
    return sql_run(db, "BEGIN", "");
}

void sqlite_end_snapshot(struct db *db)
{
    db_rollback(db); /* nothing was written */
}

enum { COL_SEQ, COL_AT, COL_OCCURRED_AT, COL_TYPE, COL_BRIDGE, COL_SESSION, COL_MESSAGE_ID, COL_BODY };

static void add_row(const struct event_ids *ids, const struct sql *q, struct event_rows *rows)
{
    event_rows_add(rows, ids,
                   &(struct event){ .seq = sql_int(q, COL_SEQ),
                                    .at = sql_int(q, COL_AT),
                                    .occurred_at = sql_int(q, COL_OCCURRED_AT),
                                    .type = sql_text(q, COL_TYPE),
                                    .bridge = sql_text(q, COL_BRIDGE),
                                    .session = sql_text(q, COL_SESSION),
                                    .message_id = sql_text(q, COL_MESSAGE_ID),
                                    .body = sql_blob(q, COL_BODY) });
}

static bool has_prefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_same((struct str){ s.p, prefix.n }, prefix);
}

static bool matches(const struct event_filter *f, const struct sql *q)
{
    int64_t at = sql_int(q, COL_AT);

    if ((f->since_at && at < f->since_at) || (f->until_at && at >= f->until_at))
        return false;
    if (f->type_prefix.n && !has_prefix(sql_text(q, COL_TYPE), f->type_prefix))
        return false;
    if (f->session.n && !str_same(sql_text(q, COL_SESSION), f->session))
        return false;
    return !f->bridge.n || str_same(sql_text(q, COL_BRIDGE), f->bridge);
}

/* Returns 0 or -errno; rows->next_seq is one past the last row looked at. */
static int read_rows(struct db *db, const struct event_ids *ids, int64_t from_seq,
                     const struct event_filter *filter, int limit, struct event_rows *rows)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int rc = sql_query(db,
                       "SELECT seq, at, occurred_at, type, bridge, session, message_id, body FROM event"
                       " WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
                       &q, "ii", from_seq, (int64_t)SCAN_ROWS_MAX);

    while (rc == 0 && rows->n < limit && rows->bytes.len < EVENT_READ_BYTES_MAX &&
           (rc = sql_next(q)) == SQL_ROW) {
        rows->next_seq = sql_int(q, COL_SEQ) + 1;
        if (!filter || matches(filter, q))
            add_row(ids, q, rows);
        rc = buf_error(&rows->bytes);
    }
    return rc;
}

int sqlite_scan(struct db *db, const struct event_ids *ids, int64_t from_seq,
                const struct event_filter *filter, int limit, struct event_rows *rows)
{
    int rc = sqlite_begin_snapshot(db);

    if (rc == 0)
        rc = sql_get_int(db, "SELECT coalesce(max(seq), 0) FROM event", &rows->head_seq, "");
    rows->next_seq = from_seq <= rows->head_seq ? from_seq : rows->head_seq + 1;
    if (rc == 0 && from_seq <= rows->head_seq)
        rc = read_rows(db, ids, from_seq, filter, limit, rows);
    sqlite_end_snapshot(db);
    return rc;
}

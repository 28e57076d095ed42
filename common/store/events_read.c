/*
 * Reading the event log. A read sees one state of the log: the newest seq and the rows come from one snapshot,
 * the rows are copied out, the snapshot is let go. Nothing a reader does can hold the WAL back for longer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/domain/event_type.h"
#include "common/store/db.h"
#include "common/store/engine.h"
#include "common/store/events_ids.h"
#include "common/store/events_log.h"
#include "common/store/events_reader.h"
#include "common/store/sql.h"

/* A reader's buffer is kept between reads, but not the one a giant body made. */
#define KEEP_BYTES (256 * 1024)

struct event_reader {
    struct db *db;
    struct event_ids ids;
};

/* ---- opening --------------------------------------------------------------------------------- */

void event_reader_close(struct event_reader *r)
{
    if (!r)
        return;
    db_close(r->db);
    mem_free(r);
}

static void reader_closep(struct event_reader **r)
{
    event_reader_close(*r);
}

int event_reader_new(struct db *db, struct event_reader **ret)
{
    CLEANUP(reader_closep) struct event_reader *r = mem_zalloc(sizeof *r);
    int rc;

    if (!r) {
        db_close(db);
        return -ENOMEM;
    }
    r->db = db;
    rc = event_ids_load(db, &r->ids);
    if (rc == 0)
        *ret = TAKE(r);
    return rc;
}

const char *event_reader_error(const struct event_reader *r)
{
    return db_error(r->db);
}

bool event_reader_is_stale(const struct event_reader *r)
{
    return r->db->engine->log_is_stale(r->db);
}

struct db *event_reader_db(struct event_reader *r)
{
    return r->db;
}

const char *event_reader_log_id(const struct event_reader *r)
{
    return r->ids.log;
}

void event_reader_event_id(const struct event_reader *r, int64_t seq, char ret[EVENT_ID_MAX])
{
    event_id_format(event_ids_of(&r->ids, seq), seq, ret);
}

/* ---- one snapshot ---------------------------------------------------------------------------- */

static int snapshot_begin(struct event_reader *r)
{
    return r->db->engine->begin_snapshot(r->db);
}

static void snapshot_end(struct event_reader *r)
{
    r->db->engine->end_snapshot(r->db);
}

static int read_head(struct event_reader *r, int64_t *ret)
{
    return sql_get_int(r->db, "SELECT coalesce(max(seq), 0) FROM event", ret, "");
}

/* ---- rows ------------------------------------------------------------------------------------ */

void event_rows_fini(struct event_rows *rows)
{
    mem_free(rows->rows);
    buf_fini(&rows->bytes);
    *rows = EVENT_ROWS_NULL;
}

static int rows_prepare(struct event_rows *rows)
{
    rows->n = 0;
    if (rows->bytes.cap > KEEP_BYTES)
        buf_fini(&rows->bytes);
    if (!rows->bytes.data)
        buf_init(&rows->bytes, SIZE_MAX / 2); /* bounded by EVENT_READ_BYTES_MAX and one row */
    buf_reset(&rows->bytes);
    if (rows->cap > 0)
        return 0;
    rows->rows = mem_alloc(EVENT_READ_ROWS_MAX * sizeof *rows->rows);
    if (!rows->rows)
        return -ENOMEM;
    rows->cap = EVENT_READ_ROWS_MAX;
    return 0;
}

/* While rows are added their texts are offsets into bytes, which may move; rows_settle() makes them point. */
static struct str add_text(struct event_rows *rows, struct str s)
{
    size_t at = rows->bytes.len;

    (void)buf_add(&rows->bytes, s.p ? s.p : "", s.n); /* a failure sticks, seen at the end */
    return (struct str){ (const char *)at, s.n };     // NOLINT(performance-no-int-to-ptr)
}

static void settle(const struct event_rows *rows, struct str *s)
{
    s->p = buf_str(&rows->bytes) + (size_t)s->p;
}

static void rows_settle(struct event_rows *rows)
{
    for (int i = 0; i < rows->n; i++) {
        struct event *e = &rows->rows[i];

        settle(rows, &e->type);
        settle(rows, &e->bridge);
        settle(rows, &e->session);
        settle(rows, &e->message_id);
        settle(rows, &e->body);
    }
}

void event_rows_add(struct event_rows *rows, const struct event_ids *ids, const struct event *row)
{
    struct event *e = &rows->rows[rows->n++];

    e->seq = row->seq;
    event_id_format(event_ids_of(ids, row->seq), row->seq, e->id);
    e->at = row->at;
    e->occurred_at = row->occurred_at;
    e->type = add_text(rows, row->type);
    e->bridge = add_text(rows, row->bridge);
    e->session = add_text(rows, row->session);
    e->message_id = add_text(rows, row->message_id);
    e->body = add_text(rows, row->body);
}

int event_read(struct event_reader *r, int64_t from_seq, const struct event_filter *filter, int limit,
               struct event_rows *ret)
{
    int rc = rows_prepare(ret);

    if (limit > EVENT_READ_ROWS_MAX)
        limit = EVENT_READ_ROWS_MAX;
    if (from_seq < 1) /* there is no such row, and a reader that goes on at next_seq has to get on */
        from_seq = 1;
    if (rc == 0)
        rc = r->db->engine->scan(r->db, &r->ids, from_seq, filter, limit, ret);
    rows_settle(ret);
    if (rc != 0)
        ret->n = 0;
    return rc;
}

/* ---- when did each session receive something? ------------------------------------------------- */

static int each_received(struct event_reader *r, int64_t from_seq, int64_t end_seq,
                         int (*on_session)(void *ctx, struct str bridge, struct str session, int64_t at),
                         void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int rc = sql_query(r->db,
                       "SELECT bridge, session, max(at) FROM event WHERE seq >= ?1 AND seq < ?2"
                       " AND type = ?3 AND session <> '' GROUP BY bridge, session",
                       &q, "iis", from_seq, end_seq, event_type_text(EVENT_TYPE_MESSAGE_RECEIVED));

    while (rc == 0 && (rc = sql_next(q)) == SQL_ROW)
        rc = on_session(ctx, sql_text(q, 0), sql_text(q, 1), sql_int(q, 2));
    return rc;
}

int event_last_received(struct event_reader *r, int64_t from_seq,
                        int (*on_session)(void *ctx, struct str bridge, struct str session, int64_t at),
                        void *ctx, int64_t *ret_next_seq)
{
    int64_t head = 0, end_seq;
    int rc = snapshot_begin(r);

    if (rc == 0)
        rc = read_head(r, &head);
    end_seq = head + 1 - from_seq > EVENT_RECEIVED_ROWS_MAX ? from_seq + EVENT_RECEIVED_ROWS_MAX : head + 1;
    if (rc == 0 && from_seq < end_seq)
        rc = each_received(r, from_seq, end_seq, on_session, ctx);
    snapshot_end(r);
    if (rc == 0)
        *ret_next_seq = end_seq;
    return rc;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

int event_bounds(struct event_reader *r, int64_t *ret_oldest, int64_t *ret_head)
{
    int64_t oldest = 0;
    int64_t head = 0;
    int rc = snapshot_begin(r);

    if (rc == 0)
        rc = read_head(r, &head);
    if (rc == 0)
        rc = sql_get_int(r->db, "SELECT coalesce(min(seq), 0) FROM event", &oldest, "");
    snapshot_end(r);
    if (rc != 0)
        return rc;
    *ret_oldest = oldest;
    *ret_head = head;
    return 0;
}

/* The first row with seq >= @seq: rows may be removed while we search. Returns 0, SQL_NO_ROW or -errno. */
static int read_at(struct event_reader *r, int64_t seq, int64_t *ret_at)
{
    return sql_get_int(r->db, "SELECT at FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1", ret_at, "i", seq);
}

int event_seq_at(struct event_reader *r, int64_t at_ms, int64_t *ret_seq)
{
    int64_t low = 0;
    int64_t high = 0;
    int rc = event_bounds(r, &low, &high);

    if (rc != 0)
        return rc;
    high++; /* the answer is in [low, high] */
    if (low == 0)
        low = high;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t at = 0;

        rc = read_at(r, middle, &at);
        if (rc < 0)
            return rc;
        if (rc == 0 && at >= at_ms)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_seq = low;
    return 0;
}

/* ---- rejected -------------------------------------------------------------------------------- */

/* Copies a row out, so that no snapshot is held while the caller looks at it. Returns 0, SQL_NO_ROW, -errno.
 */
static int read_rejected(struct event_reader *r, int64_t before, struct buf *bytes, struct rejected *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int rc = sql_query(r->db,
                       "SELECT id, at, bridge, reason, headers, body, size FROM rejected WHERE id < ?1"
                       " ORDER BY id DESC LIMIT 1",
                       &q, "i", before);

    if (rc == 0)
        rc = sql_next(q);
    if (rc != SQL_ROW)
        return rc < 0 ? rc : SQL_NO_ROW;
    buf_reset(bytes);
    for (int column = 2; column <= 5; column++) {
        struct str s = sql_blob(q, column);

        (void)buf_add(bytes, s.p ? s.p : "", s.n);
    }
    if (buf_error(bytes) != 0)
        return buf_error(bytes);
    ret->id = sql_int(q, 0);
    ret->at = sql_int(q, 1);
    ret->bridge = (struct str){ buf_str(bytes), sql_text(q, 2).n };
    ret->reason = (struct str){ ret->bridge.p + ret->bridge.n, sql_text(q, 3).n };
    ret->headers = (struct str){ ret->reason.p + ret->reason.n, sql_text(q, 4).n };
    ret->body = (struct str){ ret->headers.p + ret->headers.n, sql_blob(q, 5).n };
    ret->size = sql_int(q, 6);
    return 0;
}

int event_read_rejected(struct event_reader *r, int limit,
                        int (*on_row)(void *ctx, const struct rejected *row), void *ctx)
{
    CLEANUP(buf_fini) struct buf bytes = BUF_INIT(EVENT_REJECTED_BODY_MAX + 64 * 1024);
    struct rejected row = { .id = INT64_MAX };
    int rc = 0;

    for (int i = 0; rc == 0 && i < limit; i++) {
        rc = read_rejected(r, row.id, &bytes, &row);
        if (rc == 0)
            rc = on_row(ctx, &row);
    }
    return rc == SQL_NO_ROW ? 0 : rc;
}

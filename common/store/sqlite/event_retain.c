/*
 * Retention, a slice at a time inside a commit: events by age and size, deduplication keys by
 * the age of their event.
 *
 * Keys are looked at in the order of their time by a cursor that goes round: from the oldest to those of the
 * horizon, then over those that claim to be from the future, then from the start. A key goes when its seq is
 * older than the horizon; the time that it claims does not count, so a bridge with a wrong clock neither
 * loses its protection early nor fills the table.
 */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/retention.h"
#include "common/store/sql.h"
#include "common/store/sqlite/event_internal.h"

/* One mark each ten minutes: 576 rows over the horizon, and a key lives at most that much longer. */
#define MARK_EVERY_MS (10LL * 60 * 1000)
/* Bytes of a key in its table, measured: keys live for the horizon, so they do not count for its limits; else
 * a fast sender's keys would push all events out. */
#define KEY_BYTES 37
/* Keys whose time is further ahead than this were made by a wrong clock. */
#define FUTURE_MS (60LL * 60 * 1000)

/* ---- how old is a seq? ----------------------------------------------------------------------- */

static int mark(struct sqlite_log *l, int64_t now_ms)
{
    int r;

    if (now_ms >= l->new_mark_at && now_ms - l->new_mark_at < MARK_EVERY_MS)
        return 0;
    r = sql_run(l->db, "INSERT OR REPLACE INTO mark VALUES (?1, ?2)", "ii", now_ms, l->new_head);
    if (r == 0)
        l->new_mark_at = now_ms;
    return r;
}

/* Newest seq that was received before @before, 0: none. */
static int seq_before(struct sqlite_log *l, int64_t before, int64_t *ret)
{
    return sql_get_int(l->db, "SELECT coalesce(max(seq), 0) FROM mark WHERE at <= ?1", ret, "i", before);
}

/* Newest seq that is older than the horizon, 0: none. */
static int horizon_seq(struct sqlite_log *l, int64_t now_ms, int64_t *ret)
{
    int64_t before = now_ms - EVENT_DEDUPE_HORIZON_MS;
    int r = seq_before(l, before, ret);

    if (r == 0 && *ret > 0)
        r = sql_run(l->db, "DELETE FROM mark WHERE at < (SELECT max(at) FROM mark WHERE at <= ?1)", "i",
                    before);
    return r;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int delete_key(struct sqlite_log *l, const struct key_cursor *k)
{
    struct str digest = { (const char *)k->digest, EVENT_DIGEST_BYTES };

    return sql_run(l->db, "DELETE FROM dedupe WHERE time_ms = ?1 AND digest = ?2", "ib", k->time_ms, digest);
}

static void expiry_jump(struct sqlite_log *l, int64_t time_ms)
{
    l->expiry.time_ms = time_ms;
    memset(l->expiry.digest, 0, sizeof l->expiry.digest);
}

struct key_row {
    struct key_cursor key;
    int64_t seq;
};

/* Up to max keys after the cursor. Rows are copied: the table is changed while they are gone through. */
static int read_keys(struct sqlite_log *l, struct key_row *ret, int max, int *ret_n)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct str digest = { (const char *)l->expiry.digest, EVENT_DIGEST_BYTES };
    int n = 0;
    int r = sql_query(l->db,
                      "SELECT time_ms, digest, seq FROM dedupe WHERE (time_ms, digest) > (?1, ?2)"
                      " ORDER BY time_ms, digest LIMIT ?3",
                      &q, "ibi", l->expiry.time_ms, digest, (int64_t)max);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct str d = sql_blob(q, 1);

        ret[n].key.time_ms = sql_int(q, 0);
        memcpy(ret[n].key.digest, d.p, d.n < EVENT_DIGEST_BYTES ? d.n : EVENT_DIGEST_BYTES);
        ret[n++].seq = sql_int(q, 2);
        r = 0;
    }
    if (r == 0)
        *ret_n = n;
    return r;
}

/* Goes on behind the live keys, which stand between the horizon and now; at the end from the start. */
static void expiry_advance(struct sqlite_log *l, const struct key_row *rows, int n, int max, int64_t now_ms,
                           int64_t live_ms)
{
    if (n < max) {
        expiry_jump(l, INT64_MIN);
        return;
    }
    l->expiry = rows[n - 1].key;
    if (l->expiry.time_ms > now_ms - live_ms && l->expiry.time_ms < now_ms + FUTURE_MS)
        expiry_jump(l, now_ms + FUTURE_MS);
}

/* @early: the keys up to this seq go as well, for want of room; 0: none do. */
static int expire_keys(struct sqlite_log *l, int64_t now_ms, int64_t horizon, int64_t early, int max,
                       struct event_pruned *ret)
{
    int64_t last = early > horizon ? early : horizon;
    CLEANUP(mem_freep) struct key_row *rows = NULL;
    int n = 0;
    int r;

    if (last == 0)
        return 0;
    rows = mem_alloc((size_t)max * sizeof *rows);
    if (!rows)
        return -ENOMEM;
    r = read_keys(l, rows, max, &n);
    for (int i = 0; r == 0 && i < n; i++) {
        if (rows[i].seq > last)
            continue;
        r = delete_key(l, &rows[i].key);
        ret->keys++;
        ret->keys_early += rows[i].seq > horizon ? 1 : 0;
    }
    if (r == 0)
        expiry_advance(l, rows, n, max, now_ms, early ? EVENT_DEDUPE_KEEP_MS : EVENT_DEDUPE_HORIZON_MS);
    return r;
}

/* ---- events ---------------------------------------------------------------------------------- */

int sqlite_log_used_bytes(struct event_log *log, int64_t *ret)
{
    struct sqlite_log *l = sqlite_log(log);
    int64_t pages = 0;
    int64_t unused = 0;
    int64_t size = 0;
    int r = sql_get_int(l->db, "PRAGMA page_count", &pages, "");

    if (r == 0)
        r = sql_get_int(l->db, "PRAGMA freelist_count", &unused, "");
    if (r == 0)
        r = sql_get_int(l->db, "PRAGMA page_size", &size, "");
    if (r == 0)
        *ret = (pages - unused) * size;
    return r;
}

static int events_bytes(struct sqlite_log *l, int64_t horizon_seq, int64_t *ret)
{
    int64_t keys = (l->new_head - horizon_seq) * KEY_BYTES;
    int64_t used = 0;
    int r = sqlite_log_used_bytes(&l->log, &used);

    if (r == 0)
        *ret = used > keys ? used - keys : 0;
    return r;
}

/* Newest seq among the oldest @max rows that is due by age; 0: none is. */
static int due_by_age(struct sqlite_log *l, const struct event_retention *rule, int64_t now_ms, int max,
                      int64_t *ret_seq)
{
    *ret_seq = 0;
    if (rule->age_ms <= 0)
        return 0;
    return sql_get_int(l->db,
                       "SELECT coalesce(max(seq), 0) FROM (SELECT seq, at FROM event ORDER BY seq LIMIT ?2)"
                       " WHERE at < ?1",
                       ret_seq, "ii", now_ms - rule->age_ms, (int64_t)max);
}

static int remove_up_to(struct sqlite_log *l, int64_t last, struct event_pruned *ret)
{
    int r = sql_run(l->db, "DELETE FROM event WHERE seq <= ?1", "i", last);

    if (r != 0)
        return r;
    ret->rows = last - l->new_oldest + 1;
    l->new_oldest = last + 1;
    return 0;
}

static int remove_events(struct sqlite_log *l, const struct event_retention *rule, int64_t now_ms,
                         int64_t horizon, int max, struct event_pruned *ret)
{
    struct retention_removal plan;
    int64_t used = 0;
    int64_t due = 0;
    int r = events_bytes(l, horizon, &used);

    if (r == 0)
        r = due_by_age(l, rule, now_ms, max, &due);
    if (r != 0 || l->new_head == 0)
        return r;
    plan =
        retention_plan(l->new_oldest, l->new_head, rule, used, ret->over && ret->keys_early == 0, due, max);
    ret->held = plan.held;
    if (plan.last < l->new_oldest)
        return 0;
    ret->forced = plan.forced;
    ret->more = plan.more;
    return remove_up_to(l, plan.last, ret);
}

/* Over the limit of all stores: the newest seq whose key may go early; 0: none, or there is room. */
static int early_seq(struct sqlite_log *l, const struct event_retention *rule, int64_t now_ms,
                     int64_t *ret_seq, bool *ret_over)
{
    int64_t used = 0;
    int r;

    *ret_seq = 0;
    *ret_over = false;
    if (rule->disk_bytes <= 0)
        return 0;
    r = sqlite_log_used_bytes(&l->log, &used);
    *ret_over = r == 0 && used + rule->other_bytes > rule->disk_bytes;
    return *ret_over ? seq_before(l, now_ms - EVENT_DEDUPE_KEEP_MS, ret_seq) : r;
}

int sqlite_log_prune(struct event_log *log, const struct event_retention *rule, int64_t now_ms, int rows_max,
                     struct event_pruned *ret)
{
    struct sqlite_log *l = sqlite_log(log);
    struct event_pruned pruned = { 0 };
    int64_t horizon = 0, early = 0;
    int r = mark(l, now_ms);

    if (r == 0)
        r = horizon_seq(l, now_ms, &horizon);
    if (r == 0)
        r = early_seq(l, rule, now_ms, &early, &pruned.over);
    if (r == 0)
        r = expire_keys(l, now_ms, horizon, early, rows_max, &pruned);
    if (r == 0)
        r = remove_events(l, rule, now_ms, horizon, rows_max, &pruned);
    if (r == 0)
        *ret = pruned;
    return r;
}

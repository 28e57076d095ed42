/*
 * Retention and expiry of keys. At most once a second, outside of the commits: no sender waits
 * for it. Two ingests that do it at once do no harm: each statement is right by itself.
 *
 * Events go by whole partitions, detached without a lock that readers or writers would wait for; of a partition that is
 * not due as a whole the rows at its beginning go, so that a quiet log keeps to its age as well.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/postgres/event_log_inside.h"
#include "common/store/retention.h"
#include "common/store/sql.h"

#define EVERY_MS 1000
/* While nothing is written here: age alone makes something due. */
#define IDLE_EVERY_MS (10LL * 1000)
/* Sizes are asked for so often. */
#define USED_EVERY_MS 5000
/* One mark each ten minutes, as in SQLite: how old a seq is. */
#define MARK_EVERY_MS (10LL * 60 * 1000)
/* Rows looked at in a step: some milliseconds. */
#define ROWS_MAX  10000
#define FUTURE_MS (60LL * 60 * 1000)

static int64_t mono_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- how old is a seq? ----------------------------------------------------------------------- */

static int mark(struct pg_log *l, int64_t now_ms)
{
    int r;

    if (now_ms >= l->mark_at_ms && now_ms - l->mark_at_ms < MARK_EVERY_MS)
        return 0;
    r = sql_run(&l->d->db,
                "INSERT INTO mark VALUES (?1, ?2) ON CONFLICT (at) DO UPDATE SET seq = excluded.seq", "ii",
                now_ms, l->log.head);
    if (r == 0)
        l->mark_at_ms = now_ms;
    return r;
}

/* Newest seq that is older than the horizon, 0: none. */
static int horizon_seq(struct pg_log *l, int64_t now_ms, int64_t *ret)
{
    int64_t before = now_ms - EVENT_DEDUPE_HORIZON_MS;
    int r = sql_get_int(&l->d->db, "SELECT coalesce(max(seq), 0) FROM mark WHERE at <= ?1", ret, "i", before);

    if (r == 0 && *ret > 0)
        r = sql_run(&l->d->db, "DELETE FROM mark WHERE at < (SELECT max(at) FROM mark WHERE at <= ?1)", "i",
                    before);
    return r;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Some of the oldest by their own time, and some of those that claim to be from the future; a key goes when its seq is
 * older than the horizon. */
static int expire_keys(struct pg_log *l, int64_t now_ms, int64_t horizon, struct event_pruned *ret)
{
    /* Each half is a range of the key: as one condition they, and a join by the key, would read every key each second. */
    static const char sql[] =
        "DELETE FROM dedupe WHERE ctid = ANY (ARRAY("
        "(SELECT ctid FROM dedupe WHERE time_ms < ?1 AND seq <= ?3 ORDER BY time_ms LIMIT ?4)"
        " UNION ALL "
        "(SELECT ctid FROM dedupe WHERE time_ms > ?2 AND seq <= ?3 ORDER BY time_ms LIMIT ?4)))";
    int r;

    if (horizon == 0)
        return 0;
    r = sql_run(&l->d->db, sql, "iiii", now_ms - EVENT_DEDUPE_HORIZON_MS + FUTURE_MS, now_ms + FUTURE_MS,
                horizon, (int64_t)ROWS_MAX);
    if (r == 0)
        ret->keys = sql_changes(&l->d->db);
    return r;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Rows that are removed from the beginning of a partition leave its size as it is: their part of it does not count as used. */
static int measure_used_bytes(struct pg_log *l, int64_t *ret)
{
    int64_t number = l->log.oldest / PG_PARTITION_EVENTS;
    int64_t end = (number + 1) * PG_PARTITION_EVENTS - 1;
    int64_t gone = l->log.oldest - number * PG_PARTITION_EVENTS;
    int64_t there = (l->log.head < end ? l->log.head : end) - l->log.oldest + 1;
    int64_t first = 0;
    char name[64];
    int r = pg_log_connect(l);

    (void)snprintf(name, sizeof name, "zapkeep_events.event_p%" PRId64, number);
    if (r == 0)
        r = sql_get_int(&l->d->db,
                        "SELECT CAST(coalesce(sum(pg_total_relation_size(inhrelid)), 0) AS bigint)"
                        " FROM pg_inherits WHERE inhparent = CAST('zapkeep_events.event' AS regclass)",
                        ret, "");
    if (r == 0 && gone > 0 && there > 0)
        r = sql_get_int(&l->d->db, "SELECT coalesce(pg_total_relation_size(to_regclass(?1)), 0)", &first, "s",
                        name);
    if (r == 0 && first > 0)
        *ret -= (int64_t)((double)first * (double)gone / (double)(gone + there));
    return r;
}

static int used_bytes(struct pg_log *l, int64_t *ret)
{
    int r = 0;

    if (l->used_at_ms == 0 || mono_ms() - l->used_at_ms >= USED_EVERY_MS) {
        r = measure_used_bytes(l, &l->used_bytes);
        l->used_at_ms = mono_ms();
    }
    *ret = l->used_bytes;
    return r;
}

static int due_by_age(struct pg_log *l, const struct event_retention *rule, int64_t now_ms, int64_t max,
                      int64_t *ret_seq)
{
    *ret_seq = 0;
    if (rule->age_ms <= 0)
        return 0;
    return sql_get_int(&l->d->db,
                       "SELECT coalesce(max(seq), 0) FROM (SELECT seq, at FROM event ORDER BY seq LIMIT ?2) e"
                       " WHERE at < ?1 AND (SELECT at FROM event ORDER BY seq LIMIT 1) < ?1",
                       ret_seq, "ii", now_ms - rule->age_ms, max);
}

static int remove_up_to(struct pg_log *l, int64_t last, struct event_pruned *ret)
{
    int64_t number = l->log.oldest / PG_PARTITION_EVENTS;
    int64_t end = (number + 1) * PG_PARTITION_EVENTS - 1;
    int r;

    last = last < end ? last : end;
    r = last == end ? pg_log_drop_partition(l, number) : 0;
    if (r == 0 && last < end)
        r = sql_run(&l->d->db, "DELETE FROM event WHERE seq <= ?1", "i", last);
    if (r != 0)
        return r;
    ret->rows = last - l->log.oldest + 1;
    l->log.oldest = last + 1;
    l->used_at_ms = 0;
    return 0;
}

/* How far beyond its nearest limit the log is, 0: it is within all of them. */
static int64_t excess_bytes(const struct event_retention *rule, int64_t used, bool over)
{
    bool hard = rule->hard_bytes > 0 && used > rule->hard_bytes;
    int64_t limit = hard ? rule->hard_bytes : rule->size_bytes;
    int64_t excess = limit > 0 && used > limit ? used - limit : 0;
    int64_t of_disk = over ? used + rule->other_bytes - rule->disk_bytes : 0;

    return excess == 0 || (of_disk > 0 && of_disk < excess) ? of_disk : excess;
}

/* So many of the oldest rows are @bytes, by the average. */
static int64_t rows_of(const struct pg_log *l, int64_t bytes, int64_t used)
{
    int64_t rows = l->log.head - l->log.oldest + 1;
    double n = (double)bytes * (double)rows / (double)(used > 0 ? used : 1);

    return n < (double)rows ? (int64_t)n + 1 : rows;
}

/* A whole partition when it is due, else as many rows as a step takes and no more than are beyond a limit. */
static int remove_events(struct pg_log *l, const struct event_retention *rule, int64_t now_ms,
                         struct event_pruned *ret)
{
    int64_t due = 0, used = 0, newest_at = 0, excess;
    int64_t end = (l->log.oldest / PG_PARTITION_EVENTS + 1) * PG_PARTITION_EVENTS - 1;
    int64_t max = ROWS_MAX;
    struct retention_removal plan;
    int r = used_bytes(l, &used);

    if (r != 0 || l->log.head == 0 || l->log.oldest == 0)
        return r;
    if (end < l->log.head && rule->age_ms > 0) {
        r = sql_get_int(&l->d->db, "SELECT at FROM event WHERE seq = ?1", &newest_at, "i", end);
        if (r == 0 && newest_at < now_ms - rule->age_ms) {
            max = end - l->log.oldest + 1;
            due = end;
        }
    }
    ret->over = rule->disk_bytes > 0 && used + rule->other_bytes > rule->disk_bytes;
    excess = excess_bytes(rule, used, ret->over);
    if (excess > 0 && due == 0 && rows_of(l, excess, used) < max)
        max = rows_of(l, excess, used);
    if (r >= 0 && due == 0)
        r = due_by_age(l, rule, now_ms, max, &due);
    if (r < 0)
        return r;
    plan = retention_plan(l->log.oldest, l->log.head, rule, used, ret->over, due, max);
    ret->held = plan.held;
    if (plan.last < l->log.oldest)
        return 0;
    ret->forced = plan.forced;
    ret->more = plan.more;
    return remove_up_to(l, plan.last, ret);
}

/* ---- rejected -------------------------------------------------------------------------------- */

static int drop_rejected(struct pg_log *l)
{
    return sql_run(&l->d->db,
                   "DELETE FROM rejected WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER w AS n,"
                   " sum(octet_length(body)) OVER w AS bytes FROM rejected WINDOW w AS (ORDER BY id DESC)) r"
                   " WHERE n > ?1 OR bytes > ?2)",
                   "ii", (int64_t)EVENT_REJECTED_ROWS_MAX, EVENT_REJECTED_BYTES_MAX);
}

/* The newest seq and the oldest, which other ingests have moved. */
static int look(struct pg_log *l)
{
    int64_t oldest = 0;
    int r = sql_get_int(&l->d->db, "SELECT seq FROM log_head WHERE id = 1", &l->log.head, "");

    if (r == 0)
        r = sql_get_int(&l->d->db, "SELECT coalesce(min(seq), 0) FROM event", &oldest, "");
    if (r == 0)
        l->log.oldest = oldest;
    return r;
}

static int64_t every_ms(const struct pg_log *l)
{
    return l->batch_id == l->pruned_batch_id ? IDLE_EVERY_MS : EVERY_MS;
}

int pg_log_prune(struct event_log *log, const struct event_retention *rule, int64_t now_ms, int rows_max,
                 struct event_pruned *ret)
{
    struct pg_log *l = pg_log(log);
    struct event_pruned pruned = { 0 };
    int64_t horizon = 0;
    int r;

    (void)rows_max;
    *ret = (struct event_pruned){ .held = l->prune_held, .over = l->prune_over }; /* as a second ago */
    if (l->begun || (!l->prune_more && now_ms >= l->pruned_at_ms && now_ms - l->pruned_at_ms < every_ms(l)))
        return 0;
    l->pruned_at_ms = now_ms;
    l->pruned_batch_id = l->batch_id;
    r = pg_log_connect(l);
    if (r == 0)
        r = pg_log_drop_leftover(l);
    if (r == 0)
        r = look(l);
    if (r == 0)
        r = pg_log_partitions(l, l->log.head + PG_PARTITION_EVENTS / 2);
    if (r == 0)
        r = mark(l, now_ms);
    if (r == 0)
        r = horizon_seq(l, now_ms, &horizon);
    if (r == 0)
        r = expire_keys(l, now_ms, horizon, &pruned);
    if (r == 0)
        r = remove_events(l, rule, now_ms, &pruned);
    if (r == 0)
        r = drop_rejected(l);
    if (r == -EAGAIN) /* a long transaction has a lock: the log is well, and this is done later */
        r = 0;
    l->prune_more = r == 0 && pruned.more;
    l->prune_held = pruned.held;
    l->prune_over = pruned.over;
    if (r == 0)
        *ret = pruned;
    return r;
}

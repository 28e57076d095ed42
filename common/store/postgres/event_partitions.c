/*
 * The partitions of the log: made ahead of it, dropped behind it. The commit thread does both, so neither may wait: a lock that
 * somebody holds (a backup, a forgotten psql) is asked for later.
 *
 *   attached ──DETACH CONCURRENTLY──► pending ──FINALIZE──► detached ──DROP──► gone
 *
 * From pending on nobody who begins to read sees its rows. It becomes detached when those who read before have ended, and goes when nobody
 * has read it: a backup that runs for hours has locks on all tables.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/store/postgres/event_log_inside.h"
#include "common/store/postgres/schema.h"
#include "common/store/sql.h"

/* Partitions that could not be dropped at once are tried again so often. */
#define LEFTOVER_EVERY_MS (10LL * 1000)

/* ---- making ---------------------------------------------------------------------------------- */

/* Attached and not created as a partition: that needs no lock that readers or writers would wait for. One that somebody has detached
 * comes back with its events. */
int pg_make_partition(struct pg_db *d, int64_t number)
{
    char sql[1024];

    (void)snprintf(
        sql, sizeof sql,
        "SELECT pg_advisory_xact_lock(2053206123, 101); DO $$ BEGIN"
        " IF to_regclass('zapkeep_events.event_p%" PRId64 "') IS NULL THEN"
        "  CREATE TABLE zapkeep_events.event_p%" PRId64 " (LIKE zapkeep_events.event);"
        "  IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY "
        "(enumvals)) THEN"
        "   ALTER TABLE zapkeep_events.event_p%" PRId64 " ALTER COLUMN body SET COMPRESSION lz4;"
        "  END IF;"
        " END IF;"
        " IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = CAST('zapkeep_events.event_p%" PRId64
        "' AS regclass)) THEN"
        "  ALTER TABLE zapkeep_events.event ATTACH PARTITION zapkeep_events.event_p%" PRId64
        "   FOR VALUES FROM (%" PRId64 ") TO (%" PRId64 ");"
        " END IF; END $$",
        number, number, number, number, number, number * PG_PARTITION_EVENTS,
        (number + 1) * PG_PARTITION_EVENTS);
    return pg_exec(&d->db, sql);
}

int pg_log_partitions(struct pg_log *l, int64_t last)
{
    int64_t number = (l->partitions_end > 0 ? l->partitions_end : l->log.head + 1) / PG_PARTITION_EVENTS;
    int r = 0;

    for (; r == 0 && last >= l->partitions_end; number++) {
        r = pg_make_partition(l->d, number);
        if (r == 0)
            l->partitions_end = (number + 1) * PG_PARTITION_EVENTS;
    }
    return r;
}

/* ---- dropping -------------------------------------------------------------------------------- */

/* Waits for a lock for a moment only. */
static int exec_briefly(struct pg_log *l, const char *before, int64_t number, const char *after)
{
    char sql[160];
    int r = pg_exec(&l->d->db, "SET lock_timeout = '100ms'");
    int back;

    (void)snprintf(sql, sizeof sql, "%s%" PRId64 "%s", before, number, after);
    if (r == 0)
        r = pg_exec(&l->d->db, sql);
    back = pg_is_usable(l->d) ? pg_exec(&l->d->db, PG_LOCK_TIMEOUT) : -ENOTCONN;
    return r == 0 ? back : r;
}

/* Stands at a table that retention drops; one that somebody else has detached, to keep it, is not touched. */
#define MARK "zapkeep drops this table"

/* The first one that is pending, or that retention has detached; -1: none is. */
static int leftover(struct pg_log *l, int64_t *ret_number)
{
    return sql_get_int(
        &l->d->db,
        "SELECT coalesce(min(CAST(substr(c.relname, 8) AS bigint)), -1) FROM pg_class c"
        " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
        " WHERE c.relnamespace = CAST('zapkeep_events' AS regnamespace) AND c.relkind = 'r'"
        " AND starts_with(c.relname, 'event_p')"
        " AND (i.inhdetachpending OR (i.inhrelid IS NULL AND obj_description(c.oid, 'pg_class') = '" MARK
        "'))",
        ret_number, "");
}

/* From pending or detached on. */
static int finish_drop(struct pg_log *l, int64_t number)
{
    int64_t left = -1;
    int r = exec_briefly(l, "ALTER TABLE event DETACH PARTITION event_p", number, " FINALIZE");

    if (r != 0 && r != -EPROTO) /* it is detached already */
        return r;
    r = leftover(l, &left); /* without the mark it is none any more */
    return r == 0 && left == number ? exec_briefly(l, "DROP TABLE IF EXISTS event_p", number, "") : r;
}

int pg_log_drop_partition(struct pg_log *l, int64_t number)
{
    int64_t left = -1;
    int r = exec_briefly(l, "COMMENT ON TABLE event_p", number, " IS '" MARK "'");

    if (r == 0)
        r = exec_briefly(l, "ALTER TABLE event DETACH PARTITION event_p", number, " CONCURRENTLY");
    if (r == 0)
        r = exec_briefly(l, "DROP TABLE IF EXISTS event_p", number, "");
    if (r == 0 || (r != -EAGAIN && r != -EPROTO))
        return r;
    r = leftover(l, &left); /* one at a time can be pending */
    return r != 0 ? r : left == number ? 0 : -EAGAIN;
}

int pg_log_drop_leftover(struct pg_log *l)
{
    int64_t now_ms = clock_mono_us() / 1000;
    int64_t number = -1;
    int r;

    if (l->leftover_at_ms > 0 && now_ms - l->leftover_at_ms < LEFTOVER_EVERY_MS)
        return 0;
    l->leftover_at_ms = now_ms;
    r = leftover(l, &number);
    if (r != 0 || number < 0)
        return r;
    r = finish_drop(l, number);
    return r == -EAGAIN ? 0 : r;
}

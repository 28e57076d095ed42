/*
 * Steady time, anchored in state.db.
 *
 * Within a boot CLOCK_BOOTTIME says how much time has passed since the anchor. In another boot (or with the
 * file moved to another machine, whose boot may be long ago) two things bound it from above: the time since
 * that boot, and the time by the wall clock; the smaller one holds. A wall clock that was set back then costs
 * waiting, one that was set forward gains nothing, so an interval measured in steady time is never too short.
 */
#include "common/store/sqlite/steady.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sql.h"

/* The anchor may be this old within a boot. A new boot takes longer than this, so its steady times are past
 * all that was committed before it. */
#define ANCHOR_AGE_MAX_MS 1000

struct anchor {
    char boot_id[CLOCK_BOOT_ID_MAX];
    int64_t boot_ms, steady_ms, wall_ms;
};

static int read_anchor(struct db *db, struct anchor *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT boot_id, boot_ms, steady_ms, wall_ms FROM steady WHERE id = 1", &q, "");

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    str_copy(sql_text(q, 0), ret->boot_id, sizeof ret->boot_id);
    ret->boot_ms = sql_int(q, 1);
    ret->steady_ms = sql_int(q, 2);
    ret->wall_ms = sql_int(q, 3);
    return 0;
}

static bool is_same_boot(const struct anchor *a, const struct clock *clock, int64_t boot_ms)
{
    return strcmp(a->boot_id, clock->boot_id) == 0 && boot_ms >= a->boot_ms;
}

static int64_t elapsed_ms(const struct anchor *a, bool same_boot, int64_t boot_ms, int64_t wall_ms)
{
    int64_t by_wall = wall_ms > a->wall_ms ? wall_ms - a->wall_ms : 0;

    if (same_boot)
        return boot_ms - a->boot_ms;
    return by_wall < boot_ms ? by_wall : boot_ms;
}

static int write_anchor(struct db *db, const struct clock *clock, int64_t boot_ms, const struct now *now)
{
    return sql_run(db,
                   "UPDATE steady SET boot_id = ?1, boot_ms = ?2, steady_ms = ?3, wall_ms = ?4 WHERE id = 1",
                   "siii", clock->boot_id, boot_ms, now->steady_ms, now->wall_ms);
}

int sqlite_steady_now(struct db *db, struct clock *clock, struct now *ret)
{
    struct anchor a = { 0 };
    struct now now;
    int64_t boot_ms, elapsed;
    bool same_boot;
    int r = read_anchor(db, &a);

    if (r != 0)
        return r;
    boot_ms = clock->boot_ms(clock); /* after the anchor: it cannot lie behind it */
    now.wall_ms = clock->wall_ms(clock);
    same_boot = is_same_boot(&a, clock, boot_ms);
    elapsed = elapsed_ms(&a, same_boot, boot_ms, now.wall_ms);
    now.steady_ms = a.steady_ms + elapsed;
    if (db_in_transaction(db) && (!same_boot || elapsed > ANCHOR_AGE_MAX_MS))
        r = write_anchor(db, clock, boot_ms, &now);
    if (r == 0)
        *ret = now;
    return r;
}

/*
 * Steady time of a stack on several machines: the server's clock plus a shift that is stored, the same for all.
 *
 * The server's clock may jump (somebody sets it) or run behind after a failover. Each process knows how much time has
 * really passed since its last reading, by its own CLOCK_BOOTTIME. When the server's differs by more than a second, it
 * changes the shift by the difference: time then goes on as it really passed, for everybody. A process that has just
 * started knows nothing; for it the stored high-water mark holds, below which time never goes. So an interval measured
 * in steady time is never too short by more than a second, and never while all are down.
 */
#include "common/store/postgres/steady.h"

#include <errno.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/deferred.h"
#include "common/store/postgres/thread.h"
#include "common/store/sql.h"

/* Two clocks that run drift apart by less between two readings; more is a jump. */
#define JUMP_MS 1000
/* The high-water mark is written at most so often, in a transaction that writes anyway. */
#define HIGH_EVERY_MS 1000

struct reading {
    int64_t server_ms, shift_ms, high_ms;
};

static bool by_caller;

void pg_steady_by_caller(bool on)
{
    by_caller = on;
    pg_thread()->after_ms = 0;
}

static int ask_server(struct db *db, struct clock *clock, struct reading *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint), shift_ms, high_ms"
                      " FROM zapkeep_state.steady WHERE id = 1",
                      &q, "");

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    *ret = (struct reading){ .server_ms = by_caller ? clock->wall_ms(clock) : sql_int(q, 0),
                             .shift_ms = sql_int(q, 1),
                             .high_ms = sql_int(q, 2) };
    return 0;
}

/* Puts the row back when somebody has deleted it; a process that knows the time has the shift changed again (jump_of()). */
static int read_server(struct db *db, struct clock *clock, struct reading *ret)
{
    int r = ask_server(db, clock, ret);

    if (r != -EBADMSG)
        return r;
    r = sql_run(db, "INSERT INTO zapkeep_state.steady VALUES (1, 0, 0) ON CONFLICT DO NOTHING", "");
    return r == 0 ? ask_server(db, clock, ret) : r;
}

/* The error of the server's time, as far as this process can tell; 0: it may be right. The server read its clock at some time
 * between the question and its answer, which a slow network, or a pause of this process, keeps apart. */
static int64_t jump_of(int64_t steady_ms, int64_t before_ms, int64_t after_ms)
{
    const struct pg_thread *seen = pg_thread();
    int64_t least = seen->steady_ms + (before_ms - seen->after_ms);
    int64_t most = seen->steady_ms + (after_ms - seen->before_ms);

    if (seen->after_ms == 0 || (steady_ms <= most + JUMP_MS && steady_ms >= least - JUMP_MS))
        return 0;
    return steady_ms - least;
}

/* Unless another process has done it meanwhile: then its shift is read next time. Returns 0 or -errno. */
static int shift(struct db *db, struct reading *r, int64_t by_ms)
{
    int rc = sql_run(db, "UPDATE zapkeep_state.steady SET shift_ms = ?1 WHERE id = 1 AND shift_ms = ?2", "ii",
                     r->shift_ms + by_ms, r->shift_ms);

    if (rc == 0)
        r->shift_ms += by_ms;
    return rc;
}

static int write_high(struct db *db, const struct reading *r, int64_t steady_ms)
{
    bool wrote = pg_db(db)->wrote;
    int rc;

    if (!db_in_transaction(db) || steady_ms - r->high_ms <= HIGH_EVERY_MS)
        return 0;
    rc = sql_run(db, "UPDATE zapkeep_state.steady SET high_ms = ?1 WHERE id = 1 AND high_ms < ?1", "i",
                 steady_ms);
    if (rc == 0)
        rc = pg_settle(pg_db(db));
    pg_db(db)->wrote = wrote; /* nobody waits for this row */
    return rc;
}

int pg_steady_now(struct db *db, struct clock *clock, struct now *ret)
{
    struct reading now = { 0 };
    int64_t before_ms = clock->boot_ms(clock);
    int64_t after_ms, steady_ms, jump;
    int r = read_server(db, clock, &now);

    if (r != 0)
        return r;
    after_ms = clock->boot_ms(clock);
    steady_ms = now.server_ms + now.shift_ms;
    if (steady_ms < now.high_ms) /* a failover to a server whose clock is behind */
        steady_ms = now.high_ms;
    jump = jump_of(steady_ms, before_ms, after_ms);
    if (jump != 0) {
        r = shift(db, &now, -jump);
        steady_ms -= jump;
    }
    if (r == 0)
        r = write_high(db, &now, steady_ms);
    if (r != 0)
        return r;
    pg_thread()->steady_ms = steady_ms;
    pg_thread()->before_ms = before_ms;
    pg_thread()->after_ms = after_ms;
    *ret = (struct now){ .wall_ms = now.server_ms, .steady_ms = steady_ms };
    return 0;
}

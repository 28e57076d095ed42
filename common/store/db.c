/* Each function by the engine of the connection. */
#include "common/store/db.h"

#include <errno.h>

#include "common/store/engine.h"
#include "common/store/sql.h"

void db_close(struct db *db)
{
    if (!db)
        return;
    sql_cache_free(db);
    db->engine->close(db);
}

/* ---- transactions ---------------------------------------------------------------------------- */

int db_begin(struct db *db)
{
    return db->engine->begin(db);
}

int db_begin_bridge(struct db *db, const char *bridge)
{
    return db->engine->begin_bridge ? db->engine->begin_bridge(db, bridge) : db_begin(db);
}

int db_commit(struct db *db)
{
    return db->engine->commit(db);
}

void db_rollback(struct db *db)
{
    db->engine->rollback(db);
}

bool db_in_transaction(const struct db *db)
{
    return db->engine->in_transaction(db);
}

int db_begin_reads(struct db *db)
{
    return db->engine->begin_reads(db);
}

void db_end_reads(struct db *db)
{
    db->engine->end_reads(db);
}

int db_data_version(struct db *db, int64_t *ret)
{
    return db->engine->data_version(db, ret);
}

void db_notify_as(struct db *db, const char *who)
{
    if (db->engine->notify_as)
        db->engine->notify_as(db, who);
}

int db_notify_fd(struct db *db, int *ret)
{
    *ret = -1;
    return db->engine->notify_fd ? db->engine->notify_fd(db, ret) : 0;
}

int db_notify_take(struct db *db)
{
    return db->engine->notify_take ? db->engine->notify_take(db) : 0;
}

int db_check_writable(struct db *db)
{
    return db->engine->check_writable(db);
}

int db_ping(struct db *db)
{
    return db->engine->ping ? db->engine->ping(db) : 0;
}

bool db_error_passes(int r)
{
    return r == -ENOSPC || r == -EAGAIN || r == -EIO || r == -ENOTCONN || r == -EROFS || r == -EPERM;
}

/* ---- errors ---------------------------------------------------------------------------------- */

const char *db_error(const struct db *db)
{
    return db->error;
}

bool db_sync_failed(const struct db *db)
{
    return db->broken;
}

/* ---- time ------------------------------------------------------------------------------------ */

int steady_now(struct db *db, struct clock *clock, struct now *ret)
{
    return db->engine->steady_now(db, clock, ret);
}

int64_t steady_to_wall(const struct now *now, int64_t steady_ms)
{
    return now->wall_ms + steady_ms - now->steady_ms;
}

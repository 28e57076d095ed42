/* Each function by the engine of the log; its bounds and a rejected event's row are the same in both. */
#include "common/store/events_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/store/log_engine.h"
#include "common/store/sql.h"

void event_id_format(const char *digits, int64_t seq, char ret[EVENT_ID_MAX])
{
    (void)snprintf(ret, EVENT_ID_MAX, "evt_%.8s_%" PRId64, digits, seq);
}

void event_log_close(struct event_log *l)
{
    if (l)
        l->engine->close(l);
}

const char *event_log_error(const struct event_log *l)
{
    return l->engine->error(l);
}

bool event_log_sync_failed(const struct event_log *l)
{
    return l->engine->sync_failed(l);
}

int64_t event_log_head(const struct event_log *l)
{
    return l->head;
}

int64_t event_log_oldest(const struct event_log *l)
{
    return l->oldest;
}

const char *event_log_id(const struct event_log *l)
{
    return event_ids_of(&l->ids, l->head + 1);
}

/* ---- writing --------------------------------------------------------------------------------- */

int event_log_begin(struct event_log *l)
{
    return l->engine->begin(l);
}

int event_log_add(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq)
{
    return l->engine->add(l, e, ret_result, ret_seq);
}

int event_log_append(struct event_log *l, const struct event_new *e, int64_t *ret_seq)
{
    return l->engine->append(l, e, ret_seq);
}

int event_log_reject(struct event_log *l, const struct event_rejected *e)
{
    struct event_rejected row = *e;

    row.bridge = e->bridge.p ? e->bridge : STR_LIT("");
    row.headers = e->headers.p ? e->headers : STR_LIT("");
    row.body = e->body.p ? e->body : STR_LIT("");
    if (row.body.n > EVENT_REJECTED_BODY_MAX)
        row.body.n = EVENT_REJECTED_BODY_MAX;
    return l->engine->reject(l, &row);
}

int event_rejected_insert(struct db *db, const struct event_rejected *e, const char *fmt)
{
    return sql_run(db,
                   "INSERT INTO rejected (at, bridge, reason, headers, size, body)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   fmt, e->at, e->bridge, e->reason, e->headers, e->size, e->body);
}

int event_log_probe(struct event_log *l, int64_t now_ms)
{
    return l->engine->probe(l, now_ms);
}

int event_log_commit(struct event_log *l)
{
    return l->engine->commit(l);
}

int64_t event_log_touch(struct event_log *l)
{
    return l->engine->touch(l);
}

void event_log_rollback(struct event_log *l)
{
    l->engine->rollback(l);
}

/* ---- room ------------------------------------------------------------------------------------ */

void event_log_wal(const struct event_log *l, struct event_wal *ret)
{
    l->engine->wal(l, ret);
}

int event_log_checkpoint(struct event_log *l)
{
    return l->engine->checkpoint(l);
}

int event_log_truncate(struct event_log *l)
{
    return l->engine->truncate(l);
}

int event_log_holders(const struct event_log *l, int64_t *ret_pids, int max)
{
    return l->engine->holders(l, ret_pids, max);
}

int event_log_prune(struct event_log *l, const struct event_retention *rule, int64_t now_ms, int rows_max,
                    struct event_pruned *ret)
{
    return l->engine->prune(l, rule, now_ms, rows_max, ret);
}

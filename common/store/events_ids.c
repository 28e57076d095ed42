/*
 * The first part of the ids of events. A log has 8 hex digits of its own, meta's 'id'. A copy of it has other
 * digits for the events after its end, meta's 'id@<seq>' (20 digits, so that they sort): a stack that goes on
 * from a backup gives seqs again that were given before, and a receiver that knows those ids would drop the
 * new events as repeats.
 */
#include "common/store/events_ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/sql.h"

static int load_log(struct db *db, struct event_ids *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT value FROM meta WHERE key = 'id'", &q, "");

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    str_copy(sql_text(q, 0), ret->log, sizeof ret->log);
    return 0;
}

int event_ids_load(struct db *db, struct event_ids *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = load_log(db, ret);

    ret->n = 0;
    if (r == 0)
        r = sql_query(db,
                      "SELECT CAST(substr(key, 4) AS BIGINT), value FROM meta WHERE key LIKE 'id@%'"
                      " ORDER BY key DESC LIMIT ?1",
                      &q, "i", (int64_t)EVENT_IDS_MAX);
    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        ret->from[ret->n].seq = sql_int(q, 0);
        str_copy(sql_text(q, 1), ret->from[ret->n].digits, sizeof ret->from[0].digits);
        ret->n++;
        r = 0;
    }
    return r;
}

const char *event_ids_of(const struct event_ids *ids, int64_t seq)
{
    for (int i = 0; i < ids->n; i++) {
        if (seq >= ids->from[i].seq)
            return ids->from[i].digits;
    }
    return ids->log;
}

void event_ids_random(char ret[LOG_ID_MAX])
{
    uint32_t id;

    rng_secret(&id, sizeof id);
    (void)snprintf(ret, LOG_ID_MAX, "%08" PRIx32, id);
}

int event_ids_fork(struct db *db, int64_t head)
{
    char key[32], digits[LOG_ID_MAX];

    (void)snprintf(key, sizeof key, "id@%020" PRId64, head + 1);
    event_ids_random(digits);
    return sql_run(db,
                   "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                   "ss", key, digits);
}

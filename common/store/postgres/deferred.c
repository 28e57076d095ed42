#include "common/store/postgres/deferred.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/postgres/wire.h"

/* Answers that are waited for at once. */
#define DEFERRED_MAX 256

bool pg_defers(const struct pg_db *d)
{
    return d->part == PG_FORWARD && d->role && !d->reader;
}

void pg_defer_begin(struct pg_db *d)
{
    d->in_transaction = d->begin_deferred = true;
}

/* Fails, with all after it, when the role is another program's: only then is there a division by zero. Planned once, and
 * not for each transaction: that costs the server more than running it. */
#define FENCE_SQL                                                                                     \
    "PREPARE zk_fence (text, bigint) AS SELECT 1 / (SELECT count(*) FROM (SELECT 1 FROM zapkeep.role" \
    " WHERE name = $1 AND fence = $2 FOR KEY SHARE) held)"

int pg_defer_prepare(struct pg_db *d)
{
    int r = d->wire->has_fence ? 0 : pg_exec(&d->db, FENCE_SQL);

    d->wire->has_fence = r == 0;
    return r;
}

static int send(struct pg_db *d, const char *sql)
{
    if (PQsendQueryParams(d->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    d->n_deferred++;
    return 0;
}

static int send_fence(struct pg_db *d)
{
    char fence[24];
    const char *const values[] = { d->role, fence };

    (void)snprintf(fence, sizeof fence, "%" PRId64, d->fence);
    if (PQsendQueryPrepared(d->conn, "zk_fence", 2, values, NULL, NULL, 0) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    d->n_deferred++;
    return 0;
}

static int send_begin(struct pg_db *d)
{
    int r = send(d, "BEGIN");

    d->begin_deferred = false;
    return r == 0 ? send_fence(d) : r;
}

static int start(struct pg_db *d)
{
    int r = pg_may_send(d);

    if (r != 0)
        return r;
    if (PQpipelineStatus(d->conn) == PQ_PIPELINE_OFF && PQenterPipelineMode(d->conn) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    pg_wire_own(d);
    return d->begin_deferred ? send_begin(d) : 0;
}

int pg_defer(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
             const int *formats)
{
    int r = start(d);

    if (r == 0 && PQsendQueryPrepared(d->conn, name, n, values, lengths, formats, 1) == 0)
        r = pg_lost(d, PQerrorMessage(d->conn));
    if (r != 0)
        return r;
    return ++d->n_deferred >= DEFERRED_MAX ? pg_settle(d) : 0;
}

/* Up to the one of the end, which comes also after a failure. */
static int read_answers(struct pg_db *d)
{
    int r = 0;

    while (pg_is_usable(d)) {
        PGresult *res = NULL;
        bool end;

        if (pg_next_result(d, PG_ANSWER_MS, &res) != 0)
            break;
        end = res && PQresultStatus(res) == PGRES_PIPELINE_SYNC;
        if (res && !end && r == 0)
            r = pg_check(d, res);
        if (res && !end) {
            d->changes = strtoll(PQcmdTuples(res), NULL, 10);
            d->committed = strcmp(PQcmdStatus(res), "COMMIT") == 0;
        }
        PQclear(res);
        if (end)
            return r;
    }
    return -ENOTCONN;
}

int pg_settle(struct pg_db *d)
{
    int r = 0;

    if (!d->begin_deferred && d->n_deferred == 0)
        return 0;
    r = pg_may_send(d);
    if (r != 0)
        return r;
    r = start(d);
    if (r == 0 && PQpipelineSync(d->conn) == 0)
        r = pg_lost(d, PQerrorMessage(d->conn));
    if (r == 0)
        r = pg_flush(d, PG_ANSWER_MS);
    if (r == 0)
        r = read_answers(d);
    d->n_deferred = 0;
    d->begin_deferred = false;
    if (pg_is_usable(d) && PQexitPipelineMode(d->conn) == 0)
        r = pg_lost(d, PQerrorMessage(d->conn));
    d->role_lost = d->role_lost || r == -EPERM;
    return r;
}

int pg_defer_commit(struct pg_db *d)
{
    int r;

    if (d->begin_deferred) {
        d->begin_deferred = false;
        return 0;
    }
    r = start(d);
    if (r == 0)
        r = send(d, "COMMIT");
    d->committed = false;
    if (r == 0)
        r = pg_settle(d);
    return r == 0 && !d->committed ? -EPROTO : r;
}

/* Declared in connection.h, which knows nothing of deferred statements. */
int pg_exec(struct db *db, const char *sql)
{
    struct pg_db *d = pg_db(db);
    PGresult *res = NULL;
    int r = pg_may_send(d);

    if (r == 0)
        r = pg_settle(d);
    if (r == 0)
        r = pg_ask(d, sql, &res);
    PQclear(res);
    return r;
}

#include "common/store/postgres/deferred.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/postgres/wire.h"

/* Answers that are waited for at once. */
#define DEFERRED_MAX 256

/* Any two numbers that no other program uses with pg_advisory_lock(): "zapk", and the part. */
#define LOCK_CLASS "2053206123"
/* … and the bridge. Two bridges with one number wait for each other, no more. */
#define BRIDGE_CLASS "2053206124"

/* Planned once, and not for each transaction: that costs the server more than running them. The fence fails, with all after it,
 * when the role is another program's: only then is there a division by zero. */
#define BEGIN_SQL                                                                                     \
    "PREPARE zk_lock (int) AS SELECT pg_advisory_xact_lock(" LOCK_CLASS ", $1);"                      \
    "PREPARE zk_lock_bridge (int, text) AS SELECT pg_advisory_xact_lock_shared(" LOCK_CLASS ", $1),"  \
    " pg_advisory_xact_lock(" BRIDGE_CLASS ", hashtext($2));"                                         \
    "PREPARE zk_fence (text, bigint) AS SELECT 1 / (SELECT count(*) FROM (SELECT 1 FROM zapkeep.role" \
    " WHERE name = $1 AND fence = $2 FOR KEY SHARE) held)"

int pg_defer_begin(struct pg_db *d)
{
    int r = d->wire->has_begin ? 0 : pg_exec(&d->db, BEGIN_SQL);

    d->wire->has_begin = r == 0;
    if (r == 0)
        d->in_transaction = d->defers = d->begin_deferred = true;
    return r;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int send(struct pg_db *d, const char *sql)
{
    if (PQsendQueryParams(d->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    d->n_deferred++;
    return 0;
}

static int send_prepared(struct pg_db *d, const char *name, int n, const char *const *values,
                         const int *lengths, const int *formats)
{
    if (PQsendQueryPrepared(d->conn, name, n, values, lengths, formats, 1) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    d->n_deferred++;
    return 0;
}

/* The rows of a destination are its holder's alone; the holder has one connection for them, so the fence is lock enough.
 * A forwarder has several destinations' transactions open at once; with a lock of the part it would wait for itself. */
static bool has_rows_of_its_own(const struct pg_db *d)
{
    return d->part == PG_FORWARD && d->role;
}

static int send_lock(struct pg_db *d)
{
    char part[8];
    const char *const values[] = { part, d->bridge };

    (void)snprintf(part, sizeof part, "%d", (int)d->part);
    if (has_rows_of_its_own(d))
        return 0;
    return *d->bridge ? send_prepared(d, "zk_lock_bridge", 2, values, NULL, NULL)
                      : send_prepared(d, "zk_lock", 1, values, NULL, NULL);
}

static int send_fence(struct pg_db *d)
{
    char fence[24];
    const char *const values[] = { d->role, fence };

    (void)snprintf(fence, sizeof fence, "%" PRId64, d->fence);
    return d->role ? send_prepared(d, "zk_fence", 2, values, NULL, NULL) : 0;
}

static int send_begin(struct pg_db *d)
{
    int r;

    d->begin_deferred = false;
    if (d->snapshot)
        return send(d, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    r = send(d, "BEGIN");
    if (r == 0)
        r = send_lock(d);
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

/* ---- answers --------------------------------------------------------------------------------- */

static void note(struct pg_db *d, PGresult *res)
{
    const char *rows = PQcmdTuples(res);

    d->committed = strcmp(PQcmdStatus(res), "COMMIT") == 0;
    if (PQresultStatus(res) != PGRES_COMMAND_OK || !*rows) /* it has not written */
        return;
    d->changes = strtoll(rows, NULL, 10);
    d->wrote = d->wrote || d->changes > 0;
}

/* Up to the one of the end, which comes also after a failure. *ret_last: the last before it. */
static int read_answers(struct pg_db *d, PGresult **ret_last)
{
    int r = 0;

    while (pg_is_usable(d)) {
        PGresult *res = NULL;

        if (pg_next_result(d, PG_ANSWER_MS, &res) != 0)
            break;
        if (!res)
            continue;
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            return r;
        }
        if (r == 0)
            r = pg_check(d, res);
        note(d, res);
        PQclear(*ret_last);
        *ret_last = res;
    }
    return -ENOTCONN;
}

static int settle(struct pg_db *d, PGresult **ret_last)
{
    int r = start(d);

    if (r == 0 && PQpipelineSync(d->conn) == 0)
        r = pg_lost(d, PQerrorMessage(d->conn));
    if (r == 0)
        r = pg_flush(d, PG_ANSWER_MS);
    if (r == 0)
        r = read_answers(d, ret_last);
    d->n_deferred = 0;
    d->begin_deferred = false;
    if (pg_is_usable(d)) {
        if (PQexitPipelineMode(d->conn) == 0)
            return pg_lost(d, PQerrorMessage(d->conn));
        pg_take_notifications(d);
    }
    d->role_lost = d->role_lost || r == -EPERM;
    return r;
}

/* ---- for the others -------------------------------------------------------------------------- */

int pg_settle(struct pg_db *d)
{
    PGresult *last = NULL;
    int r = pg_has_deferred(d) ? settle(d, &last) : 0;

    PQclear(last);
    return r;
}

int pg_defer(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
             const int *formats)
{
    int r = start(d);

    if (r == 0)
        r = send_prepared(d, name, n, values, lengths, formats);
    return r == 0 && d->n_deferred >= DEFERRED_MAX ? pg_settle(d) : r;
}

int pg_defer_query(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
                   const int *formats, PGresult **ret)
{
    int r = start(d);

    *ret = NULL;
    if (r == 0)
        r = send_prepared(d, name, n, values, lengths, formats);
    return r == 0 ? settle(d, ret) : r;
}

static int send_notify(struct pg_db *d)
{
    char sql[96];

    if (d->part != PG_STATE || !d->wrote)
        return 0;
    (void)snprintf(sql, sizeof sql, "NOTIFY zapkeep_state, '%s'", d->who ? d->who : "");
    return send(d, sql);
}

/* A transaction without changes wakes nobody, so whether there are any has to be known before its end is sent. */
static int settle_unknown(struct pg_db *d)
{
    return d->part == PG_STATE && !d->wrote ? pg_settle(d) : 0;
}

int pg_defer_commit(struct pg_db *d)
{
    int r;

    if (d->begin_deferred) {
        d->begin_deferred = false;
        return 0;
    }
    r = settle_unknown(d);
    if (r == 0)
        r = start(d);
    if (r == 0)
        r = send_notify(d);
    if (r == 0)
        r = send(d, "COMMIT");
    d->committed = false;
    if (r == 0)
        r = pg_settle(d);
    /* Without it a statement had failed: the server rolls back and calls that done. */
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

/*
 * Transactions of one connection.
 *
 * One that may write takes the lock of its part first, so that transactions of a part run one after the other, as in
 * SQLite: the rows that a claim has read (the bucket, the breaker, calls in flight, the spacing) are still true when it writes.
 * One of a single bridge shares the lock of the part and takes that of the bridge: those of other bridges run beside it, and none
 * that takes the lock of the part alone.
 * The lock is the server's and ends with the commit; a process that stops in the middle loses its session after
 * idle_in_transaction_session_timeout (schema.c), and with it the lock.
 *
 * A commit to the state notifies the other programs: NOTIFY in the same transaction. The event log never does (ingest
 * would wait for all other notifiers of the server).
 */
#include "common/store/postgres/transactions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/postgres/connection.h"
#include "common/store/postgres/deferred.h"
#include "common/store/postgres/pipeline.h"
#include "common/store/postgres/wire.h"

void pg_set_fence(struct db *db, const char *role, int64_t fence)
{
    struct pg_db *d = pg_db(db);

    str_copy(str_from(role), d->role_name, sizeof d->role_name);
    d->role = d->role_name;
    d->fence = fence;
}

int pg_begin(struct db *db)
{
    return pg_begin_bridge(db, "");
}

int pg_begin_bridge(struct db *db, const char *bridge)
{
    struct pg_db *d = pg_db(db);
    int r = pg_may_send(d);

    if (r != 0)
        return r;
    if (d->in_transaction)
        return -EPROTO;
    if (d->reader)
        return -EROFS;
    d->wrote = false;
    str_copy(str_from(bridge), d->bridge, sizeof d->bridge);
    return pg_defer_begin(d);
}

int pg_commit(struct db *db)
{
    struct pg_db *d = pg_db(db);
    int r = pg_may_send(d);

    if (r == 0)
        r = pg_defer_commit(d);
    if (r != 0)
        pg_rollback(db);
    d->in_transaction = d->defers = false;
    pg_wire_disown(d);
    return r;
}

void pg_rollback(struct db *db)
{
    struct pg_db *d = pg_db(db);
    char error[sizeof db->error];

    if (!d->in_transaction && !d->snapshot)
        return;
    d->in_transaction = d->snapshot = d->defers = false;
    if (d->begin_deferred) { /* nothing was sent */
        d->begin_deferred = false;
        return;
    }
    (void)snprintf(error, sizeof error, "%s", db->error);
    (void)pg_settle(d); /* its answers come first; a failure among them is rolled back, too */
    if (pg_is_usable(d))
        (void)pg_exec(db, "ROLLBACK");
    pg_wire_disown(d);
    (void)snprintf(db->error, sizeof db->error, "%s", error); /* of the failure before it */
    if (d->role_lost) {
        db->broken = true;
        pg_keep_error(d, "another program has taken over this role");
    }
}

bool pg_in_transaction(const struct db *db)
{
    return pg_db(db)->in_transaction;
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* The snapshot is the first statement's, with which BEGIN is sent. */
int pg_begin_reads(struct db *db)
{
    struct pg_db *d = pg_db(db);
    int r = pg_may_send(d);

    d->snapshot = d->begin_deferred = db->reading = r == 0;
    return r;
}

void pg_end_reads(struct db *db)
{
    db->reading = false;
    pg_rollback(db);
}

/* Nothing is asked: the notifications of the others' commits have come by themselves. */
int pg_data_version(struct db *db, int64_t *ret)
{
    struct pg_db *d = pg_db(db);

    if (d->db.broken)
        return -ENOTCONN;
    if (!pg_is_usable(d) || PQconsumeInput(d->conn) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    pg_take_notifications(d);
    *ret = d->n_notified;
    return 0;
}

void pg_notify_as(struct db *db, const char *who)
{
    pg_db(db)->who = who;
}

/* A connection to the state listens already, for pg_data_version(). */
int pg_notify_fd(struct db *db, int *ret)
{
    struct pg_db *d = pg_db(db);
    int r = d->part == PG_EVENTS ? pg_exec(db, "LISTEN zapkeep_events") : 0;

    *ret = -1;
    if (r == 0 && pg_wire_is_shared(d))
        return pg_wire_watch(d, ret);
    if (r == 0)
        *ret = PQsocket(d->conn);
    return r;
}

int pg_notify_take(struct db *db)
{
    struct pg_db *d = pg_db(db);
    int64_t version;
    int r;
    bool others;

    pg_wire_woken(d);
    r = pg_data_version(db, &version);
    others = d->others;
    d->others = false;
    return r == 0 ? others : r;
}

int pg_check_writable(struct db *db)
{
    int r = pg_begin(db);

    if (r == 0)
        r = pg_exec(db, "UPDATE zapkeep.probe SET at = clock_timestamp()");
    if (r == 0)
        return pg_commit(db);
    pg_rollback(db);
    return r;
}

/* A pipeline of nothing: the server answers its end, and begins no transaction for it. */
int pg_ping(struct db *db)
{
    struct pg_db *d = pg_db(db);
    struct pg_pipeline p;
    int r;

    if (d->wire->owner)
        return 0;
    pg_pipeline_begin(&p, d);
    r = pg_pipeline_run(&p, PG_ANSWER_MS);
    pg_pipeline_fini(&p);
    return r == -EAGAIN ? 0 : r;
}

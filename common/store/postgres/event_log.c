/*
 * Appending to the log. Any number of ingests do so at the same time.
 *
 * One commit is one round trip when all its events are new (batch_append()), else two (pipeline.h):
 *   add      collects the events
 *   commit   BEGIN, moves the row of the newest seq (log_head) on by the number of events and so locks it, with the id of
 *            this batch; asks which keys are known
 *            numbers the new events; writes them and their keys, takes the newest seq back by the duplicates, COMMIT
 * The row is held until the commit is visible, so seq is dense and in commit order: a reader that has seen seq N has seen
 * all below it.
 *
 * When the connection breaks during the last trip, nobody knows whether the commit happened. The batch's id stands in the
 * same transaction: after reconnecting its row is locked (so that the old session is over) and read, and the senders are
 * answered by that.
 */
#include "common/store/postgres/event_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/events.h"
#include "common/store/postgres/event_log_inside.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"
#include "common/store/sql.h"
#include "common/store/waiting.h"

/* After a connection failed senders are refused at once for this long. */
#define RETRY_MS 300
/* After a batch with an event that is known so many go the way of two trips: senders who repeat do so for a while. */
#define CAREFUL_BATCHES 64
/* How long an answer to an ambiguous commit is worth waiting for. */
#define RESOLVE_MS 6000

static int64_t mono_ms(void)
{
    return clock_mono_us() / 1000;
}

static int fail(struct pg_log *l, int r)
{
    if (l->d && *l->d->db.error)
        (void)snprintf(l->error, sizeof l->error, "%s", l->d->db.error);
    if (l->d && !pg_is_usable(l->d)) {
        sql_cache_free(&l->d->db);
        pg_close(&l->d->db);
        l->d = NULL;
        l->retry_at_ms = mono_ms() + RETRY_MS;
    }
    return r;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int query_int(struct pg_log *l, const char *sql, int64_t *ret)
{
    PGresult *res = NULL;
    int r = pg_ask(l->d, sql, &res);

    if (r == 0 && PQntuples(res) > 0)
        *ret = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return r;
}

/* This process's row in the table of batches, so that there is one to lock. */
static int add_batch_row(struct pg_log *l)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO batch VALUES ('%s', 0, clock_timestamp(), 0) ON CONFLICT DO NOTHING;"
                   "DELETE FROM batch WHERE at < clock_timestamp() - interval '7 days' AND ingest <> '%s'",
                   l->ingest, l->ingest);
    return pg_exec(&l->d->db, sql);
}

static int prepare(struct pg_db *d)
{
    struct pg_pipeline p;
    int r;

    pg_pipeline_begin(&p, d);
    pg_pipeline_prepare(&p, "begin", "BEGIN");
    pg_pipeline_prepare(&p, "hold",
                        "WITH b AS (UPDATE zapkeep_events.batch SET id = $2::bigint, at = clock_timestamp()"
                        " WHERE ingest = $3::text)"
                        " UPDATE zapkeep_events.log_head SET seq = seq + $1::bigint WHERE id = 1"
                        " RETURNING seq - $1::bigint");
    pg_pipeline_prepare(&p, "set_head", "UPDATE zapkeep_events.log_head SET seq = $1::bigint WHERE id = 1");
    pg_pipeline_prepare(&p, "commit", "COMMIT");
    batch_prepare(&p);
    r = pg_pipeline_run(&p, PG_ANSWER_MS);
    pg_pipeline_fini(&p);
    return r;
}

/* Somebody has deleted the row of the head: the log goes on behind all that anybody knows of it, with new ids. */
static int put_back_head(struct pg_log *l)
{
    int64_t head = -1;
    int r = query_int(l,
                      "INSERT INTO log_head SELECT 1, greatest("
                      "(SELECT coalesce(max(seq), 0) FROM zapkeep_events.event),"
                      " (SELECT coalesce(max(seq), 0) FROM zapkeep_events.dedupe),"
                      " (SELECT coalesce(max(seq), 0) FROM zapkeep_state.cursor),"
                      " (SELECT coalesce(max(floor), 0) FROM zapkeep_forward.destination))"
                      " WHERE NOT EXISTS (SELECT FROM log_head) ON CONFLICT DO NOTHING RETURNING seq",
                      &head);

    return r == 0 && head >= 0 ? event_ids_fork(&l->d->db, head) : r;
}

static int load(struct pg_log *l)
{
    int64_t head = 0;
    int r = put_back_head(l);

    if (r == 0)
        r = event_ids_load(&l->d->db, &l->log.ids);
    if (r == 0)
        r = query_int(l, "SELECT seq FROM log_head WHERE id = 1", &head);
    if (r == 0)
        r = query_int(l, "SELECT coalesce(min(seq), 0) FROM event", &l->log.oldest);
    if (r != 0)
        return r;
    /* The files of the server were put back under its programs. (After a failover place.c has seen to it.) */
    if (head < l->log.head && strcmp(l->d->timeline, l->timeline) == 0) {
        r = event_ids_fork(&l->d->db, head);
        if (r == 0)
            r = event_ids_load(&l->d->db, &l->log.ids);
    }
    (void)snprintf(l->timeline, sizeof l->timeline, "%s", l->d->timeline);
    l->log.head = head;
    return r;
}

static int set_up(struct pg_log *l)
{
    int r = pg_schema_check(l->d);

    /* The keys are looked up by their index, also while the table is small and not analysed yet. */
    if (r == 0)
        r = pg_exec(&l->d->db,
                    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off");
    if (r == 0)
        r = add_batch_row(l);
    if (r == 0)
        r = prepare(l->d);
    return r == 0 ? load(l) : r;
}

int pg_log_connect(struct pg_log *l)
{
    int r;

    if (l->d && pg_is_usable(l->d))
        return 0;
    if (l->d)
        (void)fail(l, -ENOTCONN);
    if (mono_ms() < l->retry_at_ms)
        return -ENOTCONN;
    r = pg_connect(l->where, PG_EVENTS, &l->d, l->error, sizeof l->error);
    if (r == 0 && (r = set_up(l)) != 0) {
        (void)pg_lost(l->d, l->d->db.error);
        (void)fail(l, r);
    } else if (r != 0) {
        l->retry_at_ms = mono_ms() + RETRY_MS;
    }
    pg_problem_keep(r, l->error);
    return r;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int add_number(struct pg_pipeline *p, const char *name, int64_t v)
{
    char text[24];
    const char *values[] = { text };

    (void)snprintf(text, sizeof text, "%" PRId64, v);
    return pg_pipeline_add(p, name, 1, values, NULL, NULL);
}

/* Returns the index of the head. */
static int add_hold(struct pg_log *l, struct pg_pipeline *p, int n_events)
{
    char n[24], id[24];
    const char *values[] = { n, id, l->ingest };

    (void)snprintf(n, sizeof n, "%d", n_events);
    (void)snprintf(id, sizeof id, "%" PRId64, ++l->batch_id);
    (void)pg_pipeline_add(p, "begin", 0, NULL, NULL, NULL);
    return pg_pipeline_add(p, "hold", 3, values, NULL, NULL);
}

/* The first trip: holds the head, and numbers the @n events of the batch; 0: they come later. */
static int number(struct pg_log *l, int n)
{
    struct pg_pipeline p;
    bool begins = !l->begun;
    int head = 0, keys = 0, r;

    pg_pipeline_begin(&p, l->d);
    if (begins)
        head = add_hold(l, &p, n);
    if (n > 0)
        keys = batch_find_keys(&l->batch, &p);
    r = pg_pipeline_run(&p, PG_ANSWER_MS);
    l->begun = l->d->in_transaction = true;
    if (r == 0 && keys < 0)
        r = keys;
    if (r == 0 && begins) {
        l->log.head = l->new_head = pg_pipeline_int(&p, head);
        l->row_head = l->log.head + n;
    }
    if (r == 0 && n > 0)
        batch_number(&l->batch, p.results[keys], &l->new_head);
    pg_pipeline_fini(&p);
    return r;
}

int pg_log_hold(struct pg_log *l)
{
    return l->begun ? 0 : number(l, 0);
}

/* The second trip: writes the batch and, with @commit, commits. *ret_sent: from then on it may be committed. */
static int write_rows(struct pg_log *l, bool commit, bool *ret_sent)
{
    struct pg_pipeline p;
    int at = 0;
    int r;

    pg_pipeline_begin(&p, l->d);
    r = batch_add_rows(&l->batch, &p);
    if (l->new_head != l->row_head)
        (void)add_number(&p, "set_head", l->new_head);
    l->row_head = l->new_head;
    if (commit && r == 0) {
        at = pg_pipeline_add(&p, "commit", 0, NULL, NULL, NULL);
        *ret_sent = true;
    }
    if (r == 0)
        r = pg_pipeline_run(&p, PG_ANSWER_MS);
    else
        (void)pg_lost(l->d, "out of memory"); /* half a trip cannot be taken back */
    if (r == 0 && commit && strcmp(PQcmdStatus(p.results[at]), "COMMIT") != 0)
        r = -EPROTO;
    pg_pipeline_fini(&p);
    return r;
}

static int flush(struct pg_log *l, bool commit, bool *ret_sent)
{
    int r = l->begun && l->batch.n == 0 ? 0 : number(l, l->batch.n);

    if (r == 0)
        r = pg_log_partitions(l, l->new_head);
    if (r == 0)
        r = write_rows(l, commit, ret_sent);
    batch_clear(&l->batch);
    return r;
}

static void log_rollback(struct event_log *log)
{
    struct pg_log *l = pg_log(log);

    batch_clear(&l->batch);
    if (l->begun && l->d && pg_is_usable(l->d))
        (void)pg_exec(&l->d->db, "ROLLBACK");
    if (l->d)
        l->d->in_transaction = false;
    l->begun = false;
    l->new_head = l->log.head;
    l->partitions_end = 0; /* one may have been made by the transaction that is undone */
}

static int log_begin(struct event_log *log)
{
    struct pg_log *l = pg_log(log);

    batch_clear(&l->batch);
    return pg_log_connect(l);
}

static int log_add(struct event_log *log, const struct event_new *e, int *ret_result, int64_t *ret_seq)
{
    return batch_add(&pg_log(log)->batch, e, ret_result, ret_seq);
}

static int log_append(struct event_log *log, const struct event_new *e, int64_t *ret_seq)
{
    struct pg_log *l = pg_log(log);
    int result = 0;
    bool sent;
    int r = batch_add(&l->batch, e, &result, ret_seq);

    if (r == 0)
        r = flush(l, false, &sent);
    return r == 0 ? result : fail(l, r);
}

static int log_reject(struct event_log *log, const struct event_rejected *e)
{
    struct pg_log *l = pg_log(log);
    int r = pg_log_hold(l);

    if (r == 0) /* headers are bytes: a sender may put anything into them */
        r = event_rejected_insert(&l->d->db, e, "itsbib");
    return r == 0 ? 0 : fail(l, r);
}

static int log_probe(struct event_log *log, int64_t now_ms)
{
    struct pg_log *l = pg_log(log);
    int r = pg_log_hold(l);

    (void)now_ms;
    if (r == 0)
        r = pg_exec(&l->d->db, "UPDATE zapkeep.probe SET at = clock_timestamp()");
    return r == 0 ? 0 : fail(l, r);
}

/* ---- the commit ------------------------------------------------------------------------------ */

/* The newest batch of this process that is committed. Waits until the old session is over. */
static int read_batch(struct pg_log *l, int64_t *ret_id, int64_t *ret_head)
{
    PGresult *res = NULL;
    char sql[128];
    int r;

    (void)snprintf(sql, sizeof sql, "SELECT id, head FROM batch WHERE ingest = '%s' FOR UPDATE", l->ingest);
    r = pg_ask(l->d, sql, &res);
    if (r == 0 && PQntuples(res) > 0) {
        *ret_id = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
        *ret_head = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
    }
    PQclear(res);
    return r;
}

/* The connection broke: was it committed? Returns 0: yes, and the head before it when batch_append() did it; -ENOTCONN: no,
 * or nobody can say within the time. */
static int resolve(struct pg_log *l, int64_t *ret_head)
{
    int64_t until_ms = mono_ms() + RESOLVE_MS;
    int64_t wanted = l->batch_id;
    char why[sizeof l->error];

    (void)fail(l, -ENOTCONN);
    while (mono_ms() < until_ms && store_wait_ms(1) > 0) {
        int64_t id = -1;

        if (pg_log_connect(l) != 0) {
            struct timespec pause = { .tv_nsec = 100000000 };

            (void)nanosleep(&pause, NULL);
            continue;
        }
        if (read_batch(l, &id, ret_head) == 0 && id == wanted)
            return 0;
        if (id >= 0)
            break;
        (void)fail(l, -ENOTCONN);
    }
    (void)snprintf(why, sizeof why, "the connection broke during a commit that did not happen; %.170s",
                   l->error);
    (void)snprintf(l->error, sizeof l->error, "%s", why);
    return -ENOTCONN;
}

/* The way of one trip. Returns 0, 1: it has to go the other way, nothing is done; or -errno. */
static int commit_new(struct pg_log *l)
{
    struct pg_pipeline p;
    int64_t head = 0;
    int at, r = pg_log_partitions(l, l->log.head + l->batch.n);

    if (r != 0)
        return r;
    pg_pipeline_begin(&p, l->d);
    at = batch_append(&l->batch, &p, l->ingest, ++l->batch_id);
    r = pg_pipeline_run(&p, PG_ANSWER_MS);
    if (at >= 0)
        head = pg_pipeline_int(&p, at);
    pg_pipeline_fini(&p);
    if (at < 0)
        return at;
    if (r == -ENOTCONN)
        r = resolve(l, &head);
    if ((r == 0 && head < 0) || r == -ERANGE) { /* a key is known; or another ingest is a partition ahead */
        l->careful = CAREFUL_BATCHES;
        l->partitions_end = 0; /* or somebody has taken one away */
        return 1;
    }
    l->new_head = head;
    if (r == 0)
        batch_number_new(&l->batch, &l->new_head);
    return r;
}

static int commit_any(struct pg_log *l)
{
    bool sent = false;
    int r = flush(l, true, &sent);
    int64_t new_head = l->new_head;

    if (r == -ENOTCONN && sent) {
        r = resolve(l, &(int64_t){ 0 });
        l->new_head = new_head;
    }
    return r;
}

static int log_commit(struct event_log *log)
{
    struct pg_log *l = pg_log(log);
    int r = 1;

    if (!l->begun && l->batch.n == 0)
        return 0;
    if (l->careful > 0)
        l->careful--;
    else if (!l->begun && batch_may_be_new(&l->batch))
        r = commit_new(l);
    if (r == 1)
        r = commit_any(l);
    batch_clear(&l->batch);
    if (r == -EPROTO) /* somebody has changed the tables: a new connection sees what is there */
        (void)pg_lost(l->d, l->d->db.error);
    if (r != 0) {
        log_rollback(log);
        return fail(l, r);
    }
    l->begun = l->d->in_transaction = false;
    l->log.head = l->new_head > l->log.head ? l->new_head : l->log.head;
    l->log.oldest = l->log.oldest == 0 && l->log.head > 0 ? 1 : l->log.oldest;
    return 0;
}

/* ---- notifying ------------------------------------------------------------------------------- */

static int64_t log_touch(struct event_log *log)
{
    struct pg_log *l = pg_log(log);

    return pg_notifier_send(&l->notifier, l->where);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static const char *log_error(const struct event_log *log)
{
    return pg_log(log)->error;
}

static struct db *log_connection(struct event_log *log)
{
    struct pg_log *l = pg_log(log);

    return l->d && !l->begun && pg_is_usable(l->d) ? &l->d->db : NULL;
}

static bool log_sync_failed(const struct event_log *log)
{
    (void)log; /* a commit is on the server's disk; a connection that broke is opened again */
    return false;
}

static void log_wal(const struct event_log *log, struct event_wal *ret)
{
    (void)log; /* the server's own business */
    *ret = (struct event_wal){ 0 };
}

static int log_tidy(struct event_log *log)
{
    (void)log;
    return 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the table of engine.h has it so
static int log_holders(const struct event_log *log, int64_t *ret_pids, int max)
{
    (void)log;
    (void)ret_pids;
    (void)max;
    return 0;
}

static void log_close(struct event_log *log)
{
    struct pg_log *l = pg_log(log);

    log_rollback(log);
    if (l->d) {
        sql_cache_free(&l->d->db);
        pg_close(&l->d->db);
    }
    pg_notifier_fini(&l->notifier);
    batch_fini(&l->batch);
    mem_free(l->where);
    mem_free(l);
}

static const struct event_log_engine log_engine = {
    .close = log_close,
    .error = log_error,
    .connection = log_connection,
    .sync_failed = log_sync_failed,
    .begin = log_begin,
    .add = log_add,
    .append = log_append,
    .reject = log_reject,
    .probe = log_probe,
    .commit = log_commit,
    .touch = log_touch,
    .rollback = log_rollback,
    .wal = log_wal,
    .checkpoint = log_tidy,
    .truncate = log_tidy,
    .holders = log_holders,
    .prune = pg_log_prune,
};

int pg_log_open(const char *where, struct event_log **ret, int64_t *ret_pid)
{
    struct pg_log *l = mem_zalloc(sizeof *l);
    uint64_t name;
    int r;

    *ret_pid = 0; /* nobody keeps another one away */
    if (!l)
        return -ENOMEM;
    l->log.engine = &log_engine;
    rng_secret(&name, sizeof name);
    (void)snprintf(l->ingest, sizeof l->ingest, "%016" PRIx64, name);
    l->where = mem_strdup(where);
    r = l->where ? pg_log_connect(l) : -ENOMEM;
    if (r == 0)
        *ret = &l->log;
    else
        log_close(&l->log);
    return r;
}

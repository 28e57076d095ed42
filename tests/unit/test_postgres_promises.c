/* Promises of the engine for PostgreSQL that show when something else happens in the middle: an answer that is lost, another program,
 * rows that change. Needs a server (tests/postgres/server.py). */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/move.h"
#include "common/store/postgres/event_log_inside.h"
#include "common/store/postgres/pipeline.h"
#include "common/store/role.h"
#include "common/store/sql.h"
#include "common/store/store.h"
#include "tests/unit/test_store.h"

/* ---- in the middle --------------------------------------------------------------------------- */

/* The answer to the trip of this number is lost, counted down; 0: none is. */
static int lose_answer;
/* Each answer of the server takes so long. */
static int64_t slow_ms;

int __real_pg_pipeline_run(struct pg_pipeline *p, int limit_ms);
int __wrap_pg_pipeline_run(struct pg_pipeline *p, int limit_ms);
int __wrap_pg_pipeline_run(struct pg_pipeline *p, int limit_ms)
{
    int r = __real_pg_pipeline_run(p, limit_ms);

    return lose_answer > 0 && --lose_answer == 0 ? pg_lost(p->d, "cut") : r;
}

int __real_pg_ask(struct pg_db *d, const char *sql, PGresult **ret);
int __wrap_pg_ask(struct pg_db *d, const char *sql, PGresult **ret);
int __wrap_pg_ask(struct pg_db *d, const char *sql, PGresult **ret)
{
    int r = __real_pg_ask(d, sql, ret);

    (void)usleep((useconds_t)slow_ms * 1000);
    return r;
}

/* It may be idle in a transaction for long, and waits for a lock as long as its caller waits for an answer: this test has to hold
 * on a slow machine, too. */
static void be_patient(struct db *db)
{
    assert_int_equal(sql_exec(db, "SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0"), 0);
}

/* It waits for a lock for a moment alone. */
static void be_impatient(struct db *db)
{
    assert_int_equal(sql_exec(db, "SET lock_timeout = '200ms'"), 0);
}

/* ---- the log --------------------------------------------------------------------------------- */

/* Commits event @n alone. */
static int commit_one(struct event_log *l, int n, int *ret_result, int64_t *ret_seq)
{
    uint8_t digest[EVENT_DIGEST_BYTES];
    struct event_new e = test_store_event(n, digest);
    int r = event_log_begin(l);

    if (r == 0)
        r = event_log_add(l, &e, ret_result, ret_seq);
    return r == 0 ? event_log_commit(l) : r;
}

static struct event_log *log_of(const char *where)
{
    struct event_log *l = NULL;
    int64_t pid = 0;

    assert_int_equal(event_log_open(where, &l, &pid), 0);
    return l;
}

#define ASSERT_LOG(condition) "DO 'BEGIN ASSERT (SELECT " condition " FROM zapkeep_events.event); END'"

/* The server has committed it and nobody heard of that: its sender gets the 2xx, with the seq that it has. */
static void test_a_commit_whose_answer_is_lost_is_looked_up(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *l = log_of(where);
    int result = -1;
    int64_t seq = 0;

    lose_answer = 1; /* the whole is one trip */
    assert_int_equal(commit_one(l, 1, &result, &seq), 0);
    assert_int_equal(result, 0);
    assert_int_equal(seq, 1);
    assert_int_equal(commit_one(l, 1, &result, &seq), 0); /* from now on it goes the way of two trips */
    assert_int_equal(result, EVENT_DUPLICATE);
    lose_answer = 2;
    assert_int_equal(commit_one(l, 2, &result, &seq), 0);
    assert_int_equal(lose_answer, 0);
    assert_int_equal(result, 0);
    assert_int_equal(seq, 2);
    assert_int_equal(event_log_head(l), 2);
    test_store_psql(where, ASSERT_LOG("count(*) = 2 AND max(seq) = 2"));
    event_log_close(l);
}

/* Else a reader could see seq 2, and then seq 1. */
static void test_nobody_commits_while_another_holds_the_head(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *a = log_of(where), *b = log_of(where);
    uint8_t digest[EVENT_DIGEST_BYTES];
    struct event_new e = test_store_event(1, digest);
    int result = -1;
    int64_t first = 0, second = 0;

    be_patient(&pg_log(a)->d->db);
    be_impatient(&pg_log(b)->d->db);
    assert_int_equal(event_log_begin(a), 0);
    assert_int_equal(event_log_append(a, &e, &first), 0);
    assert_true(commit_one(b, 2, &result, &second) < 0);
    assert_int_equal(event_log_commit(a), 0);
    assert_int_equal(commit_one(b, 2, &result, &second), 0);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    event_log_close(a);
    event_log_close(b);
}

/* Some rows around the border of the first two partitions, the old ones of them @old_ms ago. */
static void fill_two_partitions(const char *where, int64_t now_ms, int64_t old_ms)
{
    char sql[700];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO zapkeep_events.event SELECT n, %lld - (n < %d)::int * %lld, 0, "
                   "'message.received', 'main', 'a', 'M' || n,"
                   " '{}' FROM (SELECT 1 AS n UNION SELECT generate_series(%d - 3, %d + 2)) x;"
                   " UPDATE zapkeep_events.log_head SET seq = %d + 2",
                   (long long)now_ms, PG_PARTITION_EVENTS, (long long)old_ms, PG_PARTITION_EVENTS,
                   PG_PARTITION_EVENTS, PG_PARTITION_EVENTS);
    test_store_psql(where, sql);
}

static void test_retention_drops_the_partition_that_is_due_and_no_other(void **state)
{
    static const struct event_retention rule = { .age_ms = 60000, .cursor_min = INT64_MAX };
    const int64_t now_ms = 1800000000000;
    const char *where = test_store_of_server();
    struct event_log *l = log_of(where);
    struct event_pruned pruned = { 0 };
    int result = -1;
    int64_t seq = 0;

    for (int number = 0; number < 2; number++)
        assert_int_equal(pg_make_partition(pg_log(l)->d, number), 0);
    fill_two_partitions(where, now_ms, rule.age_ms + 1);
    assert_int_equal(event_log_prune(l, &rule, now_ms, 100, &pruned), 0);
    test_store_psql(where, ASSERT_LOG("min(seq) = 250000 AND count(*) = 3"));
    test_store_psql(where, "DO 'BEGIN ASSERT to_regclass(''zapkeep_events.event_p0'') IS NULL; END'");
    assert_int_equal(commit_one(l, 1, &result, &seq), 0);
    assert_int_equal(seq, PG_PARTITION_EVENTS + 3);
    event_log_close(l);
    test_store_psql(where, "UPDATE zapkeep_events.log_head SET seq = 0; DELETE FROM zapkeep_events.event;"
                           " DROP TABLE IF EXISTS zapkeep_events.event_p1, zapkeep_events.event_p2");
}

/* ---- roles ----------------------------------------------------------------------------------- */

/* It is held no longer than the server counts it, less the margin, however long the answer took. */
static void test_a_lease_is_counted_from_when_it_was_asked_for(void **state)
{
    const char *where = test_store_of_server();
    int64_t most = store_role_lease_ms() - store_role_margin_ms() - 100;
    struct store_crew_view view;
    struct store_crew *crew = NULL;
    struct store_role *role = NULL;

    assert_int_equal(store_crew_open(where, "zeta", &crew), 0);
    assert_int_equal(store_crew_renew(crew, &view), 0);
    slow_ms = 100;
    assert_int_equal(store_crew_take(crew, "x", &role), 0);
    assert_true(store_role_left_ms(role) <= most);
    assert_int_equal(store_crew_renew(crew, &view), 0);
    slow_ms = 0;
    assert_true(store_role_left_ms(role) <= most);
    store_role_release(role);
    store_crew_close(crew);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* The rows that a claim has read are still true when it writes. */
static void test_two_transactions_of_a_part_are_not_open_at_once(void **state)
{
    const char *where = test_store_of_server();
    struct db *a = NULL, *b = NULL;
    int64_t seq;

    assert_int_equal(db_open_state(where, &a), 0);
    assert_int_equal(db_open_state(where, &b), 0);
    be_patient(a);
    be_impatient(b);
    assert_int_equal(db_begin(a), 0);
    assert_int_equal(cursor_find(a, "a", &seq), 0); /* a transaction begins with its first statement */
    assert_int_equal(db_begin(b), 0);
    assert_int_equal(cursor_find(b, "a", &seq), -EAGAIN);
    db_rollback(b);
    assert_int_equal(db_commit(a), 0);
    assert_int_equal(db_begin(b), 0);
    assert_int_equal(cursor_find(b, "a", &seq), 0);
    db_close(b); /* in the middle */
    assert_int_equal(db_begin(a), 0);
    assert_int_equal(cursor_find(a, "a", &seq), 0);
    db_close(a);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Another program, as a thread: what a process knows of the time is the thread's own. */
struct program {
    struct db *db;
    sem_t go, done;
    int r;
    int64_t steady_ms;
};

static int read_steady(struct db *db, int64_t *ret_ms)
{
    struct clock clock;
    struct now now = { 0 };
    int r;

    clock_init(&clock);
    r = steady_now(db, &clock, &now);
    *ret_ms = now.steady_ms;
    return r;
}

static void *run_program(void *ctx)
{
    struct program *p = ctx;

    p->r = read_steady(p->db, &p->steady_ms);
    (void)sem_post(&p->done);
    (void)sem_wait(&p->go);
    if (p->r == 0)
        p->r = read_steady(p->db, &p->steady_ms);
    return NULL;
}

/* A state whose server has a clock that a test sets, by a row. */
static struct db *state_with_a_clock(const char *where)
{
    struct db *db = NULL;

    test_store_psql(
        where,
        "CREATE OR REPLACE FUNCTION zapkeep_state.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        " 'SELECT pg_catalog.clock_timestamp() + coalesce((SELECT value FROM zapkeep_events.meta WHERE"
        " key = ''jump''), ''0'')::interval'");
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(sql_run(db, "SET search_path = zapkeep_state, pg_catalog", ""), 0);
    be_patient(db);
    return db;
}

static void set_jump(const char *where, const char *jump)
{
    char sql[200];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO zapkeep_events.meta VALUES ('jump', '%s') ON CONFLICT (key) DO UPDATE SET"
                   " value = excluded.value",
                   jump);
    test_store_psql(where, sql);
}

static void remove_clock(const char *where)
{
    test_store_psql(
        where,
        "DROP FUNCTION zapkeep_state.clock_timestamp; DELETE FROM zapkeep_events.meta WHERE key = 'jump'");
}

/* All programs were away while another server took over, whose clock is behind. */
static void test_time_goes_on_from_where_it_was_also_when_nobody_remembers(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = state_with_a_clock(where);
    int64_t first, now;

    pg_steady_by_caller(false);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(read_steady(db, &first), 0);
    assert_int_equal(db_commit(db), 0);
    set_jump(where, "-1 h");
    pg_steady_by_caller(false);
    assert_int_equal(read_steady(db, &now), 0);
    assert_in_range(now - first, 0, 60 * 1000);
    db_close(db);
    remove_clock(where);
}

/* Two programs see the jump, and the second has read the shift before the first has changed it. */
static void test_a_jump_of_the_clock_is_corrected_once(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = state_with_a_clock(where);
    struct program other = { .db = state_with_a_clock(where) };
    int64_t first, now;
    pthread_t thread;

    pg_steady_by_caller(false);
    assert_int_equal(read_steady(db, &first), 0);
    assert_int_equal(sem_init(&other.go, 0, 0) + sem_init(&other.done, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_program, &other), 0);
    (void)sem_wait(&other.done);
    set_jump(where, "1 h");
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(read_steady(db, &now), 0);
    (void)sem_post(&other.go);
    test_store_psql(where,
                    "DO 'BEGIN FOR i IN 1..3000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE"
                    " datname = current_database() AND wait_event_type = ''Lock'');"
                    " PERFORM pg_sleep(0.001); PERFORM pg_stat_clear_snapshot(); END LOOP; END'");
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.r, 0);
    assert_in_range(now - first, 0, 60 * 1000);
    assert_in_range(other.steady_ms - first, 0, 60 * 1000);
    assert_int_equal(read_steady(db, &now), 0);
    assert_in_range(now - first, 0, 60 * 1000);
    test_store_psql(
        where, "DO 'BEGIN ASSERT (SELECT abs(shift_ms + 3600000) < 60000 FROM zapkeep_state.steady); END'");
    db_close(db);
    db_close(other.db);
    remove_clock(where);
}

/* ---- notifications --------------------------------------------------------------------------- */

/* To be called once: it listens, and that takes in all that has come. */
static int notify_fd(struct db *db)
{
    int fd = -1;

    assert_int_equal(db_notify_fd(db, &fd), 0);
    assert_int_equal(db_notify_take(db), 0);
    return fd;
}

static bool is_notified(struct db *db, int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 60000) == 1 && db_notify_take(db) == 1;
}

static void write_cursor(struct db *db, int64_t seq)
{
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(cursor_save(db, "a", seq, 1), 0);
    assert_int_equal(db_commit(db), 0);
}

static void test_a_commit_notifies_the_other_programs_and_not_those_of_its_name(void **state)
{
    const char *where = test_store_of_server();
    struct db *writer = NULL, *other = NULL, *twin = NULL;
    int fd;

    assert_int_equal(db_open_state(where, &writer), 0);
    assert_int_equal(db_open_state(where, &other), 0);
    assert_int_equal(db_open_state(where, &twin), 0);
    db_notify_as(writer, "monitor");
    db_notify_as(twin, "monitor");
    db_notify_as(other, "worker");
    fd = notify_fd(other);
    write_cursor(writer, 1);
    assert_true(is_notified(other, fd));
    assert_int_equal(db_notify_take(twin), 0);
    assert_int_equal(cursor_save(writer, "a", 2, 1), 0); /* a transaction of its own */
    assert_true(is_notified(other, fd));
    db_close(writer);
    db_close(other);
    db_close(twin);
}

static void test_a_log_that_is_touched_notifies_its_readers(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *l = log_of(where);
    struct event_reader *reader = NULL;
    int fd;

    assert_int_equal(event_reader_open(where, &reader), 0);
    fd = notify_fd(event_reader_db(reader));
    (void)event_log_touch(l);
    assert_true(is_notified(event_reader_db(reader), fd));
    event_reader_close(reader);
    event_log_close(l);
}

/* ---- moving ---------------------------------------------------------------------------------- */

struct damage {
    const char *where, *sql;
    bool done;
};

/* All rows are written, and none is read back yet. */
static void damage_target(void *ctx, const char *table, int64_t done, int64_t total)
{
    struct damage *d = ctx;

    if (done == total / 2 && !d->done)
        test_store_psql(d->where, d->sql);
    d->done = d->done || done == total / 2;
}

static void make_source(const char *dir)
{
    struct db *db = NULL;
    struct event_log *l = log_of(dir);
    int result = -1;
    int64_t seq = 0;

    assert_int_equal(commit_one(l, 1, &result, &seq), 0);
    event_log_close(l);
    assert_int_equal(db_open_state(dir, &db), 0);
    write_cursor(db, 1);
    db_close(db);
}

static void test_a_move_whose_target_is_not_what_was_written_fails(void **state)
{
    static const char *const damages[] = { "UPDATE zapkeep_state.cursor SET seq = seq + 1",
                                           "DELETE FROM zapkeep_events.event",
                                           "UPDATE zapkeep_events.log_head SET seq = 0" };
    const char *where = test_store_of_server();
    char dir[] = "/tmp/zk-move-XXXXXX";
    struct clock clock;

    clock_init(&clock);
    assert_non_null(test_folder(dir));
    make_source(dir);
    for (size_t i = 0; i <= ARRAY_LEN(damages); i++) {
        struct damage d = { .where = where, .sql = i < ARRAY_LEN(damages) ? damages[i] : "SELECT 1" };
        struct store_move_options o = {
            .from = dir, .to = where, .clock = &clock, .on_progress = damage_target, .ctx = &d
        };
        struct store_move_result result;
        struct db *db = NULL;
        bool damaged = i < ARRAY_LEN(damages);

        assert_int_equal(store_move(&o, &result), damaged ? STORE_MOVE_DIFFERS : 0);
        assert_true(d.done);
        assert_int_equal(db_open_state(where, &db), damaged ? -EINPROGRESS : 0);
        db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_commit_whose_answer_is_lost_is_looked_up),
        cmocka_unit_test(test_nobody_commits_while_another_holds_the_head),
        cmocka_unit_test(test_retention_drops_the_partition_that_is_due_and_no_other),
        cmocka_unit_test(test_a_lease_is_counted_from_when_it_was_asked_for),
        cmocka_unit_test(test_two_transactions_of_a_part_are_not_open_at_once),
        cmocka_unit_test(test_time_goes_on_from_where_it_was_also_when_nobody_remembers),
        cmocka_unit_test(test_a_jump_of_the_clock_is_corrected_once),
        cmocka_unit_test(test_a_commit_notifies_the_other_programs_and_not_those_of_its_name),
        cmocka_unit_test(test_a_log_that_is_touched_notifies_its_readers),
        cmocka_unit_test(test_a_move_whose_target_is_not_what_was_written_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

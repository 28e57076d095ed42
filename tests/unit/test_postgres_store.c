/* What the engine for PostgreSQL adds: roles with a fence, several writers of one log. Needs a server
 * (tests/postgres/server.py). */
#include <errno.h>
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
#include "common/store/alerts.h"
#include "common/store/role.h"
#include "common/store/sql.h"
#include "common/store/store.h"
#include "tests/unit/test_store.h"

static struct store_crew *crew(const char *where, const char *kind)
{
    struct store_crew *c = NULL;

    assert_int_equal(store_crew_open(where, kind, &c), 0);
    return c;
}

static struct store_crew_view look(struct store_crew *c)
{
    struct store_crew_view view;

    assert_int_equal(store_crew_renew(c, &view), 0);
    return view;
}

static void test_a_role_has_one_holder(void **state)
{
    const char *where = test_store_of_server();
    struct store_crew *a = crew(where, "alpha"), *b = crew(where, "alpha");
    struct store_role *first = NULL, *second = NULL;

    assert_int_equal(look(a).members, 1);
    assert_false(store_role_is_taken(where, "alpha"));
    assert_int_equal(store_crew_take(a, "", &first), 0);
    assert_true(store_role_is_held(first));
    assert_true(store_role_is_taken(where, "alpha"));
    assert_int_equal(look(b).members, 2);
    assert_false(store_crew_is_free(b, ""));
    assert_true(store_crew_is_free(b, "other"));
    assert_int_equal(store_crew_take(b, "", &second), STORE_ROLE_TAKEN);
    assert_int_equal(store_crew_take(b, "it's", &second), -EINVAL);
    (void)look(a);
    assert_true(store_role_is_held(first));
    store_role_release(first);
    (void)look(b);
    assert_true(store_crew_is_free(b, ""));
    assert_int_equal(store_crew_take(b, "", &second), 0);
    store_role_release(second);
    store_crew_close(a);
    assert_int_equal(look(b).members, 1);
    store_crew_close(b);
}

static void test_a_crew_knows_who_has_the_fewest_roles(void **state)
{
    const char *where = test_store_of_server();
    struct store_crew *a = crew(where, "beta"), *b = crew(where, "beta"), *c = crew(where, "beta");
    struct store_role *roles[3] = { NULL };

    (void)look(b);
    (void)look(c);
    assert_int_equal(store_crew_take(b, "one", &roles[0]), 0);
    assert_int_equal(store_crew_take(b, "two", &roles[1]), 0);
    assert_int_equal(store_crew_take(c, "three", &roles[2]), 0);
    assert_int_equal(look(a).least, 1);
    assert_int_equal(look(b).least, 0); /* a has none */
    store_crew_close(a);
    assert_int_equal(look(b).least, 1);
    assert_int_equal(look(c).least, 2);
    for (int i = 0; i < 3; i++)
        store_role_release(roles[i]);
    store_crew_close(b);
    store_crew_close(c);
}

static void test_a_lease_that_ended_is_taken_over_and_the_old_holder_writes_nothing(void **state)
{
    static const struct alert_row row = { .name = "bridge-down", .bridge = "main" };
    const char *where = test_store_of_server();
    struct store_crew *a = crew(where, "gamma"), *b = crew(where, "gamma");
    struct store_role *first = NULL, *second = NULL;
    struct db *db = NULL;

    assert_int_equal(store_crew_take(a, "x", &first), 0);
    assert_int_equal(db_open_state(where, &db), 0);
    store_role_fence(first, db);
    assert_int_equal(alerts_raise(db, &row), 0);
    test_store_psql(where, "UPDATE zapkeep.role SET until = now() - interval '1 s'"); /* it was paused */
    (void)look(b);
    assert_int_equal(store_crew_take(b, "x", &second), 0);
    assert_int_equal(alerts_clear(db, row.name, row.bridge, ""), -EPERM);
    assert_true(db_sync_failed(db));
    (void)look(a);
    assert_false(store_role_is_held(first));
    db_close(db);
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(alerts_clear(db, row.name, row.bridge, ""), 0); /* it was still there */
    db_close(db);
    store_role_release(first);
    (void)look(a);
    assert_false(store_crew_is_free(a, "x")); /* the second has it */
    store_role_release(second);
    store_crew_close(a);
    store_crew_close(b);
}

/* The taker waits for a transaction that has checked the fence already: nothing is written after a take-over. */
static void test_a_role_is_not_taken_in_the_middle_of_a_transaction_of_its_holder(void **state)
{
    const char *where = test_store_of_server();
    struct store_crew *a = crew(where, "delta"), *b = crew(where, "delta");
    struct store_role *first = NULL, *second = NULL;
    struct db *db = NULL;
    int64_t n = 0;

    assert_int_equal(store_crew_take(a, "x", &first), 0);
    assert_int_equal(db_open_state(where, &db), 0);
    store_role_fence(first, db);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(sql_get_int(db, "SELECT count(*) FROM cursor", &n, ""), 0);
    (void)look(a); /* a renewal does not wait for it */
    test_store_psql(where, "UPDATE zapkeep.role SET until = now() - interval '1 s'");
    (void)look(b);
    assert_true(store_crew_is_free(b, "x"));
    assert_int_equal(store_crew_take(b, "x", &second), STORE_ROLE_TAKEN);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(store_crew_take(b, "x", &second), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(sql_get_int(db, "SELECT count(*) FROM cursor", &n, ""), -EPERM);
    db_close(db);
    store_role_release(first);
    store_role_release(second);
    store_crew_close(a);
    store_crew_close(b);
}

/* A server that took over with a clock behind: the lease of a dead holder would last for an hour by it. */
static void test_a_lease_in_the_far_future_ends_by_the_clock_of_the_taker(void **state)
{
    const char *where = test_store_of_server();
    struct store_crew *a = crew(where, "epsilon"), *b = crew(where, "epsilon");
    struct store_role *first = NULL, *second = NULL;

    store_role_set_lease(300);
    assert_int_equal(store_crew_take(a, "x", &first), 0);
    test_store_psql(where, "UPDATE zapkeep.role SET until = now() + interval '1 h'");
    (void)look(b);
    assert_false(store_crew_is_free(b, "x"));
    assert_int_equal(store_crew_take(b, "x", &second), STORE_ROLE_TAKEN);
    for (int i = 0; i < 200 && !store_crew_is_free(b, "x"); i++) {
        (void)usleep(20000);
        (void)look(b);
    }
    assert_int_equal(store_crew_take(b, "x", &second), 0);
    store_role_release(second);
    store_role_release(first);
    store_crew_close(a);
    store_crew_close(b);
    store_role_set_lease(STORE_ROLE_LEASE_MS);
}

static int64_t steady(struct db *db)
{
    struct clock clock;
    struct now now = { 0 };

    clock_init(&clock);
    assert_int_equal(db_begin(db), 0); /* it stores the high-water mark, too */
    assert_int_equal(steady_now(db, &clock, &now), 0);
    assert_int_equal(db_commit(db), 0);
    return now.steady_ms;
}

/* The server's clock, as somebody sets it, or as that of another server after a failover. */
static void test_time_follows_no_jump_of_the_servers_clock(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = NULL;
    int64_t first, now;

    pg_steady_by_caller(false);
    test_store_psql(
        where,
        "CREATE OR REPLACE FUNCTION zapkeep_state.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        " 'SELECT pg_catalog.clock_timestamp() + coalesce((SELECT value FROM zapkeep_events.meta WHERE key"
        " = ''jump''), ''0'')::interval'");
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(sql_run(db, "SET search_path = zapkeep_state, pg_catalog", ""), 0);
    first = steady(db);
    test_store_psql(
        where,
        "INSERT INTO zapkeep_events.meta VALUES ('jump', '-1 h') ON CONFLICT (key) DO UPDATE SET value = "
        "excluded.value");
    now = steady(db);
    assert_in_range(now - first, 0, 60 * 1000); /* it goes on as it really passed */
    pg_steady_by_caller(false);                 /* a program that has just started knows nothing */
    assert_in_range(steady(db) - now, 0, 60 * 1000);
    test_store_psql(where, "UPDATE zapkeep_events.meta SET value = '1 h' WHERE key = 'jump'");
    assert_in_range(steady(db) - now, 0, 60 * 1000); /* ahead, and nothing is due sooner */
    db_close(db);
    test_store_psql(
        where,
        "DROP FUNCTION zapkeep_state.clock_timestamp; DELETE FROM zapkeep_events.meta WHERE key = 'jump'");
}

/* The machine's clock, of a process that was paused for 5 s before the reading number @pause_at. */
static int pause_at;
static int64_t paused_ms;

static int64_t paused_boot_ms(struct clock *c)
{
    (void)c;
    if (pause_at > 0 && --pause_at == 0)
        paused_ms += 5000;
    return clock_machine_boot_ms() + paused_ms;
}

/* The answer of the server is as old as the pause. Taken for a jump it would set the time of all programs forward. */
static void test_a_pause_while_the_server_answers_is_no_jump_of_its_clock(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = NULL;
    struct clock clock;
    struct now first = { 0 }, now = { 0 };

    pg_steady_by_caller(false);
    clock_init(&clock);
    clock.boot_ms = paused_boot_ms;
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(steady_now(db, &clock, &first), 0);
    pause_at = 2;
    assert_int_equal(steady_now(db, &clock, &now), 0);
    assert_int_equal(pause_at, 0);
    pg_steady_by_caller(false); /* another program, which has just started */
    assert_in_range(steady(db) - first.steady_ms, 0, 4000);
    db_close(db);
}

static int append(struct event_log *l, int n, int64_t *ret_seq)
{
    uint8_t digest[EVENT_DIGEST_BYTES] = { 0 };
    struct event_new e = { .at = 1000,
                           .type = STR_LIT("message.received"),
                           .bridge = STR_LIT("main"),
                           .session = STR_LIT("alpha"),
                           .message_id = STR_LIT("M"),
                           .body = STR_LIT("{}"),
                           .key_time_ms = 1000,
                           .key_digest = digest };
    int r = event_log_begin(l);

    memcpy(digest, &n, sizeof n);
    if (r == 0)
        r = event_log_append(l, &e, ret_seq);
    return event_log_commit(l) == 0 ? r : -1;
}

static void test_two_writers_number_without_a_gap_and_know_each_others_events(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *log[2] = { NULL, NULL };
    int64_t seq = 0, pid = 0;

    for (int i = 0; i < 2; i++)
        assert_int_equal(event_log_open(where, &log[i], &pid), 0);
    for (int n = 0; n < 20; n++) {
        assert_int_equal(append(log[n % 2], n, &seq), 0);
        assert_int_equal(seq, n + 1);
    }
    assert_int_equal(append(log[0], 13, &seq), EVENT_DUPLICATE); /* of the other */
    assert_int_equal(seq, 14);
    for (int i = 0; i < 2; i++)
        event_log_close(log[i]);
}

/* Adds events @from to @to as one commit; ret_seq[i] < 0: a duplicate of that seq. */
static void commit_range(struct event_log *l, int from, int to, int64_t *ret_seq)
{
    uint8_t digests[64][EVENT_DIGEST_BYTES];
    struct event_new events[64];
    int results[64];

    assert_int_equal(event_log_begin(l), 0);
    for (int i = 0; i <= to - from; i++) {
        events[i] = test_store_event(from + i, digests[i]);
        assert_int_equal(event_log_add(l, &events[i], &results[i], &ret_seq[i]), 0);
    }
    assert_int_equal(event_log_commit(l), 0);
    for (int i = 0; i <= to - from; i++) {
        if (results[i] == EVENT_DUPLICATE)
            ret_seq[i] = -ret_seq[i];
    }
}

static void test_a_batch_of_new_events_is_one_statement_and_one_with_a_known_event_has_no_gap(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *log = NULL;
    int64_t seq[64], pid = 0, head;

    assert_int_equal(event_log_open(where, &log, &pid), 0);
    head = event_log_head(log);
    commit_range(log, 1000, 1004, seq);
    commit_range(log, 1005, 1009, seq + 5);
    for (int i = 0; i < 10; i++)
        assert_int_equal(seq[i], head + 1 + i);
    test_store_psql(where, "DO 'BEGIN ASSERT (SELECT max(head) > 0 FROM zapkeep_events.batch); END'");
    commit_range(log, 1008, 1012, seq); /* two are known */
    assert_int_equal(seq[0], -(head + 9));
    assert_int_equal(seq[1], -(head + 10));
    for (int i = 2; i < 5; i++)
        assert_int_equal(seq[i], head + 9 + i);
    commit_range(log, 1013, 1015, seq); /* by the way of two trips */
    assert_int_equal(seq[0], head + 14);
    assert_int_equal(event_log_head(log), head + 16);
    test_store_psql(where, "DO 'BEGIN ASSERT (SELECT count(*) = max(seq) FROM zapkeep_events.event); END'");
    event_log_close(log);
}

/* The server rolls it back and answers COMMIT with ROLLBACK, which is no error to libpq. */
static void test_a_commit_behind_a_failed_statement_is_none(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = NULL;

    assert_int_equal(forward_open(where, false, &db), 0);
    assert_int_equal(db_begin(db), 0);
    assert_true(sql_run(db, "SELECT nobody_has_made_this()", "") < 0);
    assert_true(db_commit(db) < 0);
    assert_int_equal(db_begin(db), 0); /* the connection is as good as before */
    assert_int_equal(db_commit(db), 0);
    db_close(db);
}

/* Its writes may be sent with the commit: whether one changed a row has to be known before. */
static void test_a_transaction_notifies_when_it_changed_a_row(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = NULL, *other = NULL;

    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(db_open_state(where, &other), 0);
    for (int changes = 0; changes < 2; changes++) {
        assert_int_equal(db_begin(db), 0);
        assert_int_equal(sql_run(db, "DELETE FROM cursor WHERE consumer = 'nobody'", ""), 0);
        if (changes)
            assert_int_equal(sql_run(db, "UPDATE steady SET high_ms = high_ms", ""), 0);
        assert_int_equal(db_commit(db), 0);
        /* Its answer comes after the notification of what was committed before it. */
        assert_int_equal(sql_run(other, "DELETE FROM cursor WHERE consumer = 'nobody'", ""), 0);
        assert_int_equal(db_notify_take(other), changes);
    }
    db_close(db);
    db_close(other);
}

/* Claims of one bridge do not wait for those of another; a transaction that may touch all of them waits for each. */
static void test_transactions_of_two_bridges_run_beside_each_other(void **state)
{
    const char *where = test_store_of_server();
    struct db *one = NULL, *other = NULL;
    int64_t n;

    assert_int_equal(db_open_state(where, &one), 0);
    assert_int_equal(db_open_state(where, &other), 0);
    assert_int_equal(sql_exec(other, "SET lock_timeout = '200ms'"), 0);
    assert_int_equal(db_begin_bridge(one, "a"), 0);
    assert_int_equal(sql_get_int(one, "SELECT count(*) FROM cursor", &n, ""), 0);
    assert_int_equal(db_begin_bridge(other, "b"), 0);
    assert_int_equal(sql_get_int(other, "SELECT count(*) FROM cursor", &n, ""), 0);
    assert_int_equal(db_commit(other), 0);
    assert_int_equal(db_begin_bridge(other, "a"), 0);
    assert_int_equal(sql_get_int(other, "SELECT count(*) FROM cursor", &n, ""), -EAGAIN);
    db_rollback(other);
    assert_int_equal(db_begin(other), 0);
    assert_int_equal(sql_get_int(other, "SELECT count(*) FROM cursor", &n, ""), -EAGAIN);
    db_rollback(other);
    assert_int_equal(db_commit(one), 0);
    assert_int_equal(db_begin(one), 0);
    assert_int_equal(sql_get_int(one, "SELECT count(*) FROM cursor", &n, ""), 0);
    assert_int_equal(db_begin_bridge(other, "b"), 0);
    assert_int_equal(sql_get_int(other, "SELECT count(*) FROM cursor", &n, ""), -EAGAIN);
    db_close(other);
    db_close(one);
}

/* The connection breaks before the commit has arrived: no sender may get a 2xx for it, and the next try stores it once. */
static void test_a_commit_that_did_not_arrive_is_a_no(void **state)
{
    const char *where = test_store_of_server();
    uint8_t digest[EVENT_DIGEST_BYTES];
    struct event_new e = test_store_event(1101, digest);
    struct event_log *log = NULL;
    int64_t seq = 0, head, pid = 0;
    int result = 0;

    assert_int_equal(event_log_open(where, &log, &pid), 0);
    commit_range(log, 1100, 1100, &seq);
    head = event_log_head(log);
    assert_int_equal(event_log_begin(log), 0);
    assert_int_equal(event_log_add(log, &e, &result, &seq), 0);
    test_store_psql(
        where,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
        "current_database()");
    assert_true(event_log_commit(log) < 0);
    commit_range(log, 1101, 1101, &seq);
    assert_int_equal(seq, head + 1);
    event_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_role_has_one_holder),
        cmocka_unit_test(test_time_follows_no_jump_of_the_servers_clock),
        cmocka_unit_test(test_a_pause_while_the_server_answers_is_no_jump_of_its_clock),
        cmocka_unit_test(test_a_crew_knows_who_has_the_fewest_roles),
        cmocka_unit_test(test_a_role_is_not_taken_in_the_middle_of_a_transaction_of_its_holder),
        cmocka_unit_test(test_a_lease_in_the_far_future_ends_by_the_clock_of_the_taker),
        cmocka_unit_test(test_a_lease_that_ended_is_taken_over_and_the_old_holder_writes_nothing),
        cmocka_unit_test(test_a_batch_of_new_events_is_one_statement_and_one_with_a_known_event_has_no_gap),
        cmocka_unit_test(test_a_commit_behind_a_failed_statement_is_none),
        cmocka_unit_test(test_a_transaction_notifies_when_it_changed_a_row),
        cmocka_unit_test(test_transactions_of_two_bridges_run_beside_each_other),
        cmocka_unit_test(test_a_commit_that_did_not_arrive_is_a_no),
        cmocka_unit_test(test_two_writers_number_without_a_gap_and_know_each_others_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Parts of the store that share one connection to PostgreSQL. Needs a server (tests/postgres/server.py). */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/store/cursors.h"
#include "common/store/forward.h"
#include "common/store/role.h"
#include "common/store/sql.h"
#include "common/store/store.h"
#include "tests/unit/test_store.h"

#define SESSIONS "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"

/* One that was closed ends soon. */
static void assert_sessions(const char *where, int n)
{
    char sql[500];

    (void)snprintf(sql, sizeof sql,
                   "DO 'BEGIN FOR i IN 1..3000 LOOP EXIT WHEN (SELECT count(*) <= %d " SESSIONS ");"
                   " PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP;"
                   " ASSERT (SELECT count(*) = %d " SESSIONS "); END'",
                   n, n);
    test_store_psql(where, sql);
}

/* What a program opens on its loop. */
struct parts {
    const char *where;
    struct db *state, *forward;
    struct event_reader *log;
    struct store_crew *crew;
    struct store_role *role;
};

static void open_parts(struct parts *p)
{
    struct store_crew_view view;

    *p = (struct parts){ .where = test_store_of_server() };
    store_share_connection(true);
    assert_int_equal(db_open_state(p->where, &p->state), 0);
    assert_int_equal(forward_open(p->where, false, &p->forward), 0);
    assert_int_equal(event_reader_open(p->where, &p->log), 0);
    assert_int_equal(store_crew_open(p->where, "shared", &p->crew), 0);
    assert_int_equal(store_crew_renew(p->crew, &view), 0);
    assert_int_equal(store_crew_take(p->crew, "x", &p->role), 0);
}

static void close_parts(struct parts *p)
{
    db_close(p->state);
    db_close(p->forward);
    event_reader_close(p->log);
    store_role_release(p->role);
    store_crew_close(p->crew);
    store_share_connection(false);
}

static int count(struct db *db, int64_t *ret)
{
    return sql_get_int(db, "SELECT count(*) FROM pg_prepared_statements", ret, "");
}

static int64_t cursor_of(struct db *db, const char *name)
{
    int64_t seq = -1;

    return cursor_find(db, name, &seq) == 0 ? seq : -1;
}

static void test_the_parts_of_a_thread_are_one_session(void **state)
{
    struct parts p;
    struct db *alone = NULL;
    int64_t oldest, head, n = 0;

    open_parts(&p);
    assert_sessions(p.where, 1);
    assert_int_equal(forward_open(p.where, true, &alone), 0);
    assert_sessions(p.where, 2);
    db_close(alone);
    db_close(p.state);
    p.state = NULL;
    assert_int_equal(event_bounds(p.log, &oldest, &head), 0);
    assert_int_equal(forward_destinations_count(p.forward, &n), 0);
    assert_sessions(p.where, 1);
    close_parts(&p);
    assert_sessions(p.where, 0);
}

static void test_a_statement_within_the_transaction_of_another_part_is_refused(void **state)
{
    struct store_crew_view view;
    struct parts p;
    int64_t oldest, head, n = 0;

    open_parts(&p);
    assert_int_equal(db_begin(p.state), 0);
    assert_int_equal(cursor_save(p.state, "a", 7, 1), 0);
    assert_int_equal(db_begin(p.forward), -EPROTO);
    assert_non_null(
        strstr(db_error(p.forward), "zapkeep_forward came within a transaction of schema zapkeep_state"));
    assert_int_equal(forward_set_log_id(p.forward, "0123abcd"), -EPROTO);
    assert_int_equal(event_bounds(p.log, &oldest, &head), -EPROTO);
    assert_int_equal(store_crew_renew(p.crew, &view), -EPROTO);
    db_close(p.forward); /* nothing of its end goes into that transaction */
    assert_int_equal(db_commit(p.state), 0);
    assert_int_equal(cursor_of(p.state, "a"), 7);
    assert_int_equal(store_crew_renew(p.crew, &view), 0);
    assert_int_equal(event_bounds(p.log, &oldest, &head), 0);
    assert_int_equal(forward_open(p.where, false, &p.forward), 0);

    assert_int_equal(db_begin_reads(p.state), 0);
    assert_int_equal(cursor_of(p.state, "a"), 7);
    assert_int_equal(forward_destinations_count(p.forward, &n), -EPROTO);
    db_end_reads(p.state);
    assert_int_equal(forward_destinations_count(p.forward, &n), 0);
    assert_int_equal(db_begin(p.state), 0);
    assert_int_equal(cursor_save(p.state, "a", 8, 1), 0);
    db_rollback(p.state);
    assert_int_equal(forward_set_log_id(p.forward, "0123abcd"), 0);
    assert_int_equal(cursor_of(p.state, "a"), 7);
    close_parts(&p);
}

/* They are sent with its end, so others may come before the first; then not. */
static void test_writes_that_are_sent_with_their_commit_keep_the_others_out(void **state)
{
    char id[16] = "";
    struct parts p;

    open_parts(&p);
    store_role_fence(p.role, p.forward);
    assert_int_equal(forward_set_log_id(p.forward, "00000000"), 0);
    assert_int_equal(db_begin(p.forward), 0);
    assert_int_equal(cursor_save(p.state, "a", 1, 1), 0);
    assert_int_equal(forward_set_log_id(p.forward, "0123abcd"), 0);
    assert_int_equal(cursor_save(p.state, "a", 2, 1), -EPROTO);
    assert_int_equal(db_commit(p.forward), 0);
    assert_int_equal(cursor_of(p.state, "a"), 1);
    assert_int_equal(cursor_save(p.state, "a", 2, 1), 0);
    assert_int_equal(db_begin(p.forward), 0);
    assert_int_equal(forward_set_log_id(p.forward, "ffffffff"), 0);
    db_close(p.forward); /* in the middle */
    assert_int_equal(cursor_save(p.state, "a", 3, 1), 0);
    assert_int_equal(forward_open(p.where, false, &p.forward), 0);
    assert_int_equal(forward_log_id(p.forward, id), 0);
    assert_string_equal(id, "0123abcd");
    assert_sessions(p.where, 1);
    close_parts(&p);
}

static void test_a_lost_role_breaks_its_part_alone(void **state)
{
    struct parts p;
    int64_t oldest, head, n = 0;

    open_parts(&p);
    store_role_fence(p.role, p.state);
    store_role_fence(p.role, p.forward);
    assert_int_equal(cursor_save(p.state, "a", 1, 1), 0);
    test_store_psql(p.where, "UPDATE zapkeep.role SET fence = fence + 1");
    assert_int_equal(cursor_save(p.state, "a", 2, 1), -EPERM);
    assert_true(db_sync_failed(p.state));
    assert_int_equal(cursor_save(p.state, "a", 2, 1), -ENOTCONN);
    assert_int_equal(forward_destinations_count(p.forward, &n), 0);
    assert_int_equal(forward_set_log_id(p.forward, "0123abcd"), -EPERM);
    assert_true(db_sync_failed(p.forward));
    assert_int_equal(event_bounds(p.log, &oldest, &head), 0);
    assert_sessions(p.where, 1);
    db_close(p.state);
    assert_int_equal(db_open_state(p.where, &p.state), 0);
    assert_int_equal(cursor_of(p.state, "a"), 1);
    assert_sessions(p.where, 1);
    close_parts(&p);
}

static void test_all_parts_are_lost_with_the_connection_and_opened_on_a_new_one(void **state)
{
    struct store_crew_view view;
    struct parts p;
    int64_t oldest, head, n = 0;

    open_parts(&p);
    test_store_psql(p.where, "SELECT pg_terminate_backend(pid) " SESSIONS);
    assert_int_equal(event_bounds(p.log, &oldest, &head), -ENOTCONN);
    assert_true(db_sync_failed(p.state) && db_sync_failed(p.forward));
    assert_true(db_notify_take(p.state) < 0);
    assert_int_equal(store_crew_renew(p.crew, &view), 0); /* it connects by itself */
    event_reader_close(p.log);
    assert_int_equal(event_reader_open(p.where, &p.log), 0);
    db_close(p.state);
    assert_int_equal(db_open_state(p.where, &p.state), 0);
    assert_int_equal(cursor_save(p.state, "a", 1, 1), 0);
    assert_int_equal(forward_destinations_count(p.forward, &n), -ENOTCONN);
    assert_sessions(p.where, 1);
    close_parts(&p);
    assert_sessions(p.where, 0);
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

static void test_a_notification_wakes_the_part_that_it_is_for_also_when_another_read_it(void **state)
{
    struct parts p;
    int log_fd = -1, state_fd = -1;

    open_parts(&p);
    assert_int_equal(db_notify_fd(event_reader_db(p.log), &log_fd), 0);
    assert_int_equal(db_notify_fd(p.state, &state_fd), 0);
    assert_true(log_fd >= 0 && state_fd >= 0 && log_fd != state_fd);
    assert_false(is_readable(log_fd) || is_readable(state_fd));
    test_store_psql(p.where, "NOTIFY zapkeep_events");
    assert_int_equal(poll(&(struct pollfd){ .fd = state_fd, .events = POLLIN }, 1, 60000), 1);
    assert_int_equal(cursor_save(p.state, "a", 1, 1),
                     0); /* its answer takes the notification from the socket */
    assert_true(is_readable(log_fd));
    assert_false(is_readable(state_fd));
    assert_int_equal(db_notify_take(p.state), 0);
    assert_int_equal(db_notify_take(event_reader_db(p.log)), 1);
    assert_false(is_readable(log_fd));
    test_store_psql(p.where, "NOTIFY zapkeep_state");
    assert_int_equal(poll(&(struct pollfd){ .fd = state_fd, .events = POLLIN }, 1, 60000), 1);
    assert_int_equal(db_notify_take(event_reader_db(p.log)), 0);
    assert_int_equal(db_notify_take(p.state), 1);
    test_store_psql(p.where, "SELECT pg_terminate_backend(pid) " SESSIONS);
    assert_true(cursor_save(p.state, "a", 1, 1) < 0);
    assert_true(is_readable(log_fd));
    close_parts(&p);
}

static void test_the_server_forgets_the_statements_of_a_part_that_is_closed(void **state)
{
    int64_t before = 0, after = 0;
    struct parts p;

    open_parts(&p);
    assert_int_equal(cursor_save(p.state, "a", 1, 1), 0);
    assert_int_equal(count(p.forward, &before), 0);
    for (int i = 0; i < 3; i++) {
        db_close(p.state);
        assert_int_equal(db_open_state(p.where, &p.state), 0);
        assert_int_equal(cursor_save(p.state, "a", 1, 1), 0);
    }
    assert_int_equal(count(p.forward, &after), 0);
    assert_int_equal(after, before);
    close_parts(&p);
}

static void test_a_reader_writes_nothing(void **state)
{
    struct db *db = NULL;
    struct parts p;

    open_parts(&p);
    assert_int_equal(forward_open_reader(p.where, &db), 0);
    assert_int_equal(forward_set_log_id(db, "0123abcd"), -EROFS);
    assert_int_equal(db_begin(db), -EROFS);
    db_close(db);
    close_parts(&p);
}

#define PINGS 200

/* Of the database, once all sessions but this one have ended and are counted. */
static int64_t transactions(const char *where)
{
    struct db *db = NULL;
    int64_t n = 0;

    assert_sessions(where, 0);
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(
        sql_get_int(db, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()", &n,
                    ""),
        0);
    db_close(db);
    return n;
}

/* Programs ask every few seconds whether the server answers: it must not count as work of the database. */
static void test_a_ping_is_no_transaction(void **state)
{
    const char *where = test_store_of_server();
    int64_t before, after_pings, one, seq = 0;
    struct db *db = NULL;

    before = transactions(where);
    one = transactions(where) - before;
    assert_int_equal(db_open_state(where, &db), 0);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(db_ping(db), 0);
    assert_int_equal(cursor_find(db, "x", &seq), 0); /* the session is as usable as before */
    db_close(db);
    after_pings = transactions(where);
    assert_true(after_pings - before < 4 * one + PINGS / 2);
    assert_int_equal(db_open_state(where, &db), 0);
    for (int i = 0; i < PINGS; i++)
        (void)cursor_find(db, "x", &seq);
    db_close(db);
    assert_true(transactions(where) - after_pings >= PINGS); /* it would have been seen */
}

static void test_a_ping_finds_a_session_that_has_ended(void **state)
{
    const char *where = test_store_of_server();
    struct db *db = NULL;

    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_ping(db), 0); /* nothing is sent within a transaction */
    db_rollback(db);
    test_store_psql(where, "SELECT pg_terminate_backend(pid) " SESSIONS);
    assert_sessions(where, 0);
    assert_int_equal(db_ping(db), -ENOTCONN);
    assert_true(db_sync_failed(db));
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts_of_a_thread_are_one_session),
        cmocka_unit_test(test_a_statement_within_the_transaction_of_another_part_is_refused),
        cmocka_unit_test(test_writes_that_are_sent_with_their_commit_keep_the_others_out),
        cmocka_unit_test(test_a_lost_role_breaks_its_part_alone),
        cmocka_unit_test(test_all_parts_are_lost_with_the_connection_and_opened_on_a_new_one),
        cmocka_unit_test(test_a_notification_wakes_the_part_that_it_is_for_also_when_another_read_it),
        cmocka_unit_test(test_the_server_forgets_the_statements_of_a_part_that_is_closed),
        cmocka_unit_test(test_a_reader_writes_nothing),
        cmocka_unit_test(test_a_ping_is_no_transaction),
        cmocka_unit_test(test_a_ping_finds_a_session_that_has_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The stores of a destination, of which one connection to PostgreSQL is lost. Needs a server (tests/postgres/server.py). */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "common/store/events_log.h"
#include "services/forwarder/stores.h"
#include "tests/unit/test_store.h"

static void write_log(const char *where, int n)
{
    struct event_log *log;
    int64_t pid, seq;

    assert_int_equal(event_log_open(where, &log, &pid), 0);
    assert_int_equal(event_log_begin(log), 0);
    for (int i = 1; i <= n; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES];
        struct event_new e = test_store_event(i, digest);

        assert_int_equal(event_log_append(log, &e, &seq), 0);
    }
    assert_int_equal(event_log_commit(log), 0);
    event_log_close(log);
}

static const char *open_stores(struct stores *ret)
{
    const char *where = test_store_of_server(), *file;
    char detail[STORES_DETAIL_MAX];

    write_log(where, 3);
    store_share_connection(true);
    assert_int_equal(stores_open(where, NULL, true, ret, &file, detail), 0);
    return where;
}

static void close_stores(struct stores *s)
{
    stores_close(s);
    store_share_connection(false);
}

/* The program's shared connection, with which the log is read, but not that of the deliveries. */
static void end_shared_session(const char *where)
{
    test_store_psql(
        where, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
               " AND datname = current_database() AND application_name NOT LIKE '% forward'");
}

/* A session that waits for its retry has its event in the log alone, and nothing is written that would fail meanwhile. */
static void test_events_are_read_on_a_new_connection_when_that_of_the_reader_is_lost(void **state)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    struct stores s;
    const char *where = open_stores(&s);
    int64_t n = 0;

    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), 0);
    end_shared_session(where);
    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), -ENOTCONN);
    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), 0);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.rows[0].seq, 2);
    assert_int_equal(forward_destinations_count(s.db, &n), 0); /* its connection was well all the time */
    event_rows_fini(&rows);
    close_stores(&s);
}

/* Events of it are not the ones that the rows of the deliveries name. */
static void test_another_log_is_not_read(void **state)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    struct stores s;
    const char *where = open_stores(&s);

    end_shared_session(where);
    test_store_psql(where, "UPDATE zapkeep_events.meta SET value = '0badc0de' WHERE key = 'id'");
    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), -ENOTCONN);
    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), -ESTALE);
    assert_int_equal(stores_read(&s, 2, NULL, 1, &rows), -ENOTCONN); /* it is not asked again at once */
    event_rows_fini(&rows);
    close_stores(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_read_on_a_new_connection_when_that_of_the_reader_is_lost),
        cmocka_unit_test(test_another_log_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

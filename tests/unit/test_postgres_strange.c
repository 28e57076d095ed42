/* A database that is set up in another way than most. As test_postgres_store, it needs a server. */
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

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/events_log.h"
#include "common/store/role.h"
#include "common/store/sql.h"
#include "common/store/store.h"
#include "tests/unit/test_store.h"

/* Of all connections to this database from now on. */
static void set(const char *where, const char *setting)
{
    char sql[400];

    (void)snprintf(sql, sizeof sql,
                   "DO 'BEGIN EXECUTE format(''ALTER DATABASE %%I SET %s'', current_database()); END'",
                   setting);
    test_store_psql(where, sql);
}

static void reset(const char *where)
{
    test_store_psql(where,
                    "DO 'BEGIN EXECUTE format(''ALTER DATABASE %I RESET ALL'', current_database()); END'");
}

static bool holds(struct db *db, const char *condition)
{
    char sql[200];
    int64_t yes = 0;

    (void)snprintf(sql, sizeof sql, "SELECT CAST(%s AS int)", condition);
    assert_in_range(sql_get_int(db, sql, &yes, ""), 0, SQL_ROW);
    return yes == 1;
}

/* A transaction locks by its first statement. With a snapshot of that moment it would not see what the holder before it wrote. */
static void test_a_transaction_sees_what_was_committed_before_its_lock(void **state)
{
    static const char *const levels[] = { "serializable", "''''repeatable read''''" };
    const char *where = test_store_of_server();
    char setting[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct db *db[2] = { NULL, NULL };

        (void)snprintf(setting, sizeof setting, "default_transaction_isolation = %s", levels[i]);
        set(where, setting);
        assert_int_equal(db_open_state(where, &db[0]), 0);
        assert_int_equal(forward_open(where, false, &db[1]), 0);
        for (int at = 0; at < 2; at++) {
            assert_int_equal(db_begin(db[at]), 0);
            assert_true(holds(db[at], "current_setting('transaction_isolation') = 'read committed'"));
            assert_int_equal(db_commit(db[at]), 0);
            db_close(db[at]);
        }
    }
    reset(where);
}

static int append(struct event_log *l, int n)
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
    int64_t seq = 0;
    int result = 0;
    int r = event_log_begin(l);

    memcpy(digest, &n, sizeof n);
    if (r == 0)
        r = event_log_add(l, &e, &result, &seq);
    return r == 0 ? event_log_commit(l) : r;
}

static void test_a_connection_that_rests_is_not_ended(void **state)
{
    const char *where = test_store_of_server();
    struct store_crew_view view;
    struct store_crew *crew = NULL;
    struct event_log *log = NULL;
    struct db *db = NULL;
    int64_t pid = 0;

    (void)state;
    set(where, "idle_session_timeout = 100");
    set(where, "statement_timeout = 2000"); /* each has a value of ours */
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(event_log_open(where, &log, &pid), 0);
    assert_int_equal(store_crew_open(where, "strange", &crew), 0);
    assert_int_equal(store_crew_renew(crew, &view), 0);
    assert_int_equal(append(log, 1), 0);
    (void)usleep(400000);
    assert_int_equal(append(log, 2), 0);
    assert_int_equal(store_crew_renew(crew, &view), 0);
    assert_true(holds(db, "current_setting('statement_timeout') = '4s'"));
    store_crew_close(crew);
    event_log_close(log);
    db_close(db);
    reset(where);
}

/* ---- tables that somebody has changed -------------------------------------------------------- */

static int64_t count(const char *where, const char *from)
{
    struct db *db = NULL;
    char sql[200];
    int64_t n = -1;

    assert_int_equal(db_open_state_reader(where, &db), 0);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", from);
    assert_in_range(sql_get_int(db, sql, &n, ""), 0, SQL_ROW);
    db_close(db);
    return n;
}

static void append_until_taken(struct event_log *l, int n)
{
    for (int i = 0; i < 100 && append(l, n) != 0; i++)
        (void)usleep(50000);
}

#define TABLES(pattern) "pg_class WHERE relkind = 'r' AND relname = '" pattern "'"

static void test_a_partition_that_is_taken_away_refuses_no_event(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *log = NULL;
    int64_t pid = 0;

    (void)state;
    assert_int_equal(event_log_open(where, &log, &pid), 0);
    assert_int_equal(append(log, 1), 0);
    test_store_psql(where, "ALTER TABLE zapkeep_events.event DETACH PARTITION zapkeep_events.event_p0");
    assert_int_equal(append(log, 2), 0);
    assert_int_equal(count(where, "zapkeep_events.event"), 2); /* it is back with its event */
    test_store_psql(where, "DROP TABLE zapkeep_events.event_p0");
    append_until_taken(log, 3); /* a batch that is known goes another way, which refuses one */
    assert_int_equal(count(where, "zapkeep_events.event WHERE seq = 3"), 1);
    event_log_close(log);
}

static void test_retention_drops_no_table_that_somebody_else_has_detached(void **state)
{
    static const struct event_retention rule = { .cursor_min = INT64_MAX };
    const char *where = test_store_of_server();
    struct event_pruned pruned;
    int64_t pid = 0;

    (void)state;
    test_store_psql(where, "CREATE TABLE zapkeep_events.event_p7 (LIKE zapkeep_events.event);"
                           "CREATE TABLE zapkeep_events.event_p8 (LIKE zapkeep_events.event);"
                           "COMMENT ON TABLE zapkeep_events.event_p8 IS 'zapkeep drops this table'");
    for (int i = 0; i < 2; i++) { /* each log looks for one at its start */
        struct event_log *log = NULL;

        assert_int_equal(event_log_open(where, &log, &pid), 0);
        assert_int_equal(append(log, 1), 0);
        assert_int_equal(event_log_prune(log, &rule, 1000, 100, &pruned), 0);
        event_log_close(log);
    }
    assert_int_equal(count(where, TABLES("event_p7")), 1);
    assert_int_equal(count(where, TABLES("event_p8")), 0);
    test_store_psql(where, "DROP TABLE zapkeep_events.event_p7");
}

static void test_rows_that_are_deleted_by_hand_come_back(void **state)
{
    const char *where = test_store_of_server();
    struct event_log *log = NULL;
    struct db *db = NULL;
    struct clock clock;
    struct now now;
    int64_t pid = 0;

    (void)state;
    clock_init(&clock);
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(event_log_open(where, &log, &pid), 0);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(append(log, i), 0);
    assert_int_equal(cursor_save(db, "alpha", 5, 1000), 0); /* of a log that went further once */
    test_store_psql(where,
                    "DELETE FROM zapkeep_events.log_head; DELETE FROM zapkeep_state.steady; DELETE FROM "
                    "zapkeep_events.batch; DELETE FROM zapkeep.probe");
    append_until_taken(log, 4);
    append_until_taken(log, 5);
    assert_int_equal(count(where, "zapkeep_events.event WHERE seq IN (1, 2, 3, 6, 7)"), 5);
    assert_int_equal(count(where, "zapkeep_events.meta WHERE key LIKE 'id@%6'"), 1); /* other ids */
    assert_int_equal(steady_now(db, &clock, &now), 0);
    assert_int_equal(steady_now(db, &clock, &now), 0);
    assert_int_equal(count(where, "zapkeep_state.steady"), 1);
    event_log_close(log);
    db_close(db);
}

/* A pooler gives the session to another program, or a column is altered: the part is to be opened anew, not to fail for ever. */
static void test_a_statement_that_the_session_has_lost_breaks_the_part(void **state)
{
    static const struct {
        const char *in_session, *by_others;
    } rows[] = {
        { "DEALLOCATE ALL", "SELECT 1" },
        { "DISCARD ALL", "SELECT 1" },
        { "SELECT 1", "ALTER TABLE zapkeep_state.cursor ALTER COLUMN seq TYPE numeric" },
        { "SELECT 1", "ALTER TABLE zapkeep_state.cursor ALTER COLUMN seq TYPE bigint" },
    };
    const char *where = test_store_of_server();
    int64_t seq;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db *db = NULL;

        assert_int_equal(db_open_state(where, &db), 0);
        assert_int_equal(cursor_find(db, "alpha", &seq), 0);
        assert_int_equal(sql_exec(db, rows[i].in_session), 0);
        test_store_psql(where, rows[i].by_others);
        assert_int_equal(cursor_find(db, "alpha", &seq), -ENOTCONN);
        assert_true(db_sync_failed(db));
        db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_sees_what_was_committed_before_its_lock),
        cmocka_unit_test(test_a_connection_that_rests_is_not_ended),
        cmocka_unit_test(test_a_partition_that_is_taken_away_refuses_no_event),
        cmocka_unit_test(test_retention_drops_no_table_that_somebody_else_has_detached),
        cmocka_unit_test(test_rows_that_are_deleted_by_hand_come_back),
        cmocka_unit_test(test_a_statement_that_the_session_has_lost_breaks_the_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

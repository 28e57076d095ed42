/* A database that is set up in another way than most. As test_postgres_store, it needs a server. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_sees_what_was_committed_before_its_lock),
        cmocka_unit_test(test_a_connection_that_rests_is_not_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

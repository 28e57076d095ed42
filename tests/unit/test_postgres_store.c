/* What the engine for PostgreSQL adds: roles with a fence, several writers of one log. Needs a server
 * (tests/postgres/server.py); without one each test is skipped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/alerts.h"
#include "common/store/role.h"
#include "common/store/store.h"
#include "tests/unit/test_store.h"

static const char *server(void)
{
    if (!test_store_is_server())
        skip();
    return test_store("");
}

static void psql(const char *where, const char *sql)
{
    char command[600];

    (void)snprintf(command, sizeof command, "psql -q -X '%s' -c \"%s\"", where, sql);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a database of our own */
}

static void test_a_role_has_one_holder(void **state)
{
    const char *where = server();
    struct store_role *first = NULL, *second = NULL;

    assert_false(store_role_is_taken(where, "monitor"));
    assert_int_equal(store_role_take(where, "monitor", &first), 0);
    assert_true(store_role_is_held(first));
    assert_true(store_role_is_taken(where, "monitor"));
    assert_int_equal(store_role_take(where, "monitor", &second), STORE_ROLE_TAKEN);
    assert_int_equal(store_role_renew(first), 0);
    store_role_release(first);
    assert_int_equal(store_role_take(where, "monitor", &second), 0);
    store_role_release(second);
}

static void test_a_lease_that_ended_is_taken_over_and_the_old_holder_writes_nothing(void **state)
{
    static const struct alert_row row = { .name = "bridge-down", .bridge = "main" };
    const char *where = server();
    struct store_role *first = NULL, *second = NULL;
    struct db *db = NULL;

    assert_int_equal(store_role_take(where, "monitor", &first), 0);
    assert_int_equal(db_open_state(where, &db), 0);
    store_role_fence(first, db);
    assert_int_equal(alerts_raise(db, &row), 0);
    psql(where, "UPDATE zapkeep.role SET until = now() - interval '1 s'"); /* it was paused */
    assert_int_equal(store_role_take(where, "monitor", &second), 0);
    assert_int_equal(alerts_clear(db, row.name, row.bridge, ""), -EPERM);
    assert_true(db_sync_failed(db));
    assert_int_equal(store_role_renew(first), -EPERM);
    db_close(db);
    assert_int_equal(db_open_state(where, &db), 0);
    assert_int_equal(alerts_clear(db, row.name, row.bridge, ""), 0); /* it was still there */
    db_close(db);
    store_role_release(first);
    assert_true(store_role_is_taken(where, "monitor")); /* by the second */
    store_role_release(second);
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
    const char *where = server();
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

static struct event_new event_of(int n, uint8_t digest[EVENT_DIGEST_BYTES])
{
    memset(digest, 0, EVENT_DIGEST_BYTES);
    memcpy(digest, &n, sizeof n);
    return (struct event_new){ .at = 1000,
                               .type = STR_LIT("message.received"),
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("alpha"),
                               .message_id = STR_LIT("M"),
                               .body = STR_LIT("{}"),
                               .key_time_ms = 2000,
                               .key_digest = digest };
}

/* Adds events @from to @to as one commit; ret_seq[i] < 0: a duplicate of that seq. */
static void commit_range(struct event_log *l, int from, int to, int64_t *ret_seq)
{
    uint8_t digests[64][EVENT_DIGEST_BYTES];
    struct event_new events[64];
    int results[64];

    assert_int_equal(event_log_begin(l), 0);
    for (int i = 0; i <= to - from; i++) {
        events[i] = event_of(from + i, digests[i]);
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
    const char *where = server();
    struct event_log *log = NULL;
    int64_t seq[64], pid = 0, head;

    (void)state;
    assert_int_equal(event_log_open(where, &log, &pid), 0);
    head = event_log_head(log);
    commit_range(log, 1000, 1004, seq);
    commit_range(log, 1005, 1009, seq + 5);
    for (int i = 0; i < 10; i++)
        assert_int_equal(seq[i], head + 1 + i);
    psql(where, "DO 'BEGIN ASSERT (SELECT max(head) > 0 FROM zapkeep_events.batch); END'");
    commit_range(log, 1008, 1012, seq); /* two are known */
    assert_int_equal(seq[0], -(head + 9));
    assert_int_equal(seq[1], -(head + 10));
    for (int i = 2; i < 5; i++)
        assert_int_equal(seq[i], head + 9 + i);
    commit_range(log, 1013, 1015, seq); /* by the way of two trips */
    assert_int_equal(seq[0], head + 14);
    assert_int_equal(event_log_head(log), head + 16);
    psql(where, "DO 'BEGIN ASSERT (SELECT count(*) = max(seq) FROM zapkeep_events.event); END'");
    event_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_role_has_one_holder),
        cmocka_unit_test(test_a_lease_that_ended_is_taken_over_and_the_old_holder_writes_nothing),
        cmocka_unit_test(test_a_batch_of_new_events_is_one_statement_and_one_with_a_known_event_has_no_gap),
        cmocka_unit_test(test_two_writers_number_without_a_gap_and_know_each_others_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

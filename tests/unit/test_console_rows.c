/* The rows of the console: the audit list, logins and tokens, messages minute by minute, and their pruning. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/access.h"
#include "common/store/alerts.h"
#include "common/store/audit.h"
#include "common/store/message_counts.h"
#include "common/store/sessions.h"
#include "tests/unit/test_store.h"

#define DAY_MS (24 * 3600 * 1000LL)

static int open_db(void **state)
{
    *state = test_state();
    return 0;
}

static int close_db(void **state)
{
    db_close(*state);
    assert_int_equal(mem_live(), 0);
    return 0;
}

struct seen {
    int n;
    char texts[400];
    int64_t received, minute_3;
};

static int on_audit(void *ctx, const struct audit_row *row)
{
    struct seen *s = ctx;

    s->n++;
    (void)snprintf(s->texts + strlen(s->texts), sizeof s->texts - strlen(s->texts), "%s ", row->action);
    assert_string_equal(row->actor, "operator@127.0.0.1");
    return 0;
}

static void test_the_audit_list_is_read_by_session_newest_first(void **state)
{
    struct db *db = *state;
    struct audit_row row = {
        .at = 5, .actor = "operator@127.0.0.1", .bridge = "main", .session = "alice", .ok = true
    };
    struct seen s = { 0 };
    int64_t n[3];

    str_copy(STR_LIT("park"), row.action, sizeof row.action);
    assert_int_equal(audit_add(db, &row, &n[0]), 0);
    str_copy(STR_LIT("bob"), row.session, sizeof row.session);
    assert_int_equal(audit_add(db, &row, &n[1]), 0);
    str_copy(STR_LIT("alice"), row.session, sizeof row.session);
    str_copy(STR_LIT("unpark"), row.action, sizeof row.action);
    assert_int_equal(audit_add(db, &row, &n[2]), 0);
    assert_int_equal(audit_each(db, "main", "alice", 0, 10, on_audit, &s), 0);
    assert_string_equal(s.texts, "unpark park ");
    s = (struct seen){ 0 };
    assert_int_equal(audit_each(db, NULL, NULL, n[2], 10, on_audit, &s), 0);
    assert_int_equal(s.n, 2);
    s = (struct seen){ 0 };
    assert_int_equal(audit_each(db, NULL, NULL, 0, 1, on_audit, &s), 0);
    assert_int_equal(s.n, 1);
}

static int on_access(void *ctx, const struct access_row *row)
{
    struct seen *s = ctx;

    s->n++;
    (void)row;
    return 0;
}

static void test_a_login_is_found_by_its_hash_until_it_expires(void **state)
{
    struct db *db = *state;
    struct access_row row = { .kind = ACCESS_LOGIN, .role = ACCESS_VIEWER, .hash = "aa", .expires_at = 100 },
                      found;
    struct seen s = { 0 };
    int64_t id, tokens = 0;

    assert_int_equal(access_add(db, &row, &id), 0);
    assert_int_equal(access_find(db, "ab", 50, &found), ACCESS_NONE);
    assert_int_equal(access_find(db, "aa", 99, &found), 0);
    assert_int_equal(found.role, ACCESS_VIEWER);
    assert_int_equal(access_find(db, "aa", 100, &found), ACCESS_NONE);
    assert_int_equal(access_touch(db, id, 99, 300), 0);
    assert_int_equal(access_find(db, "aa", 100, &found), 0);
    row = (struct access_row){ .kind = ACCESS_TOKEN, .role = ACCESS_OPERATOR, .hash = "cc" };
    assert_int_equal(access_add(db, &row, &id), 0);
    assert_int_equal(access_find(db, "cc", INT64_MAX, &found), 0); /* never expires */
    assert_int_equal(access_prune(db, 300), 0);
    assert_int_equal(access_each(db, ACCESS_LOGIN, on_access, &s), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(access_count(db, ACCESS_TOKEN, &tokens), 0);
    assert_int_equal(tokens, 1);
    assert_int_equal(access_remove(db, ACCESS_LOGIN, id), ACCESS_NONE); /* it is a token */
    assert_int_equal(access_remove(db, ACCESS_TOKEN, id), 0);
}

static void test_too_many_logins_push_the_oldest_out(void **state)
{
    struct db *db = *state;
    struct access_row row = { .kind = ACCESS_LOGIN, .role = ACCESS_VIEWER, .expires_at = 100 }, found;
    int64_t id;

    for (int i = 0; i < ACCESS_MAX + 2; i++) {
        (void)snprintf(row.hash, sizeof row.hash, "h%d", i);
        assert_int_equal(access_add(db, &row, &id), 0);
    }
    assert_int_equal(access_prune(db, 50), 0);
    assert_int_equal(access_find(db, "h1", 50, &found), ACCESS_NONE);
    assert_int_equal(access_find(db, "h2", 50, &found), 0);
}

static int on_count(void *ctx, const struct message_count *row)
{
    struct seen *s = ctx;

    s->n++;
    s->received += row->received;
    s->minute_3 += row->minute[3];
    return 0;
}

static void test_counts_add_up_and_go_when_they_are_old(void **state)
{
    struct db *db = *state;
    struct message_count c = {
        .hour = 10 * MESSAGE_COUNTS_HOUR_MS, .received = 2, .events = 3, .minute = { [3] = 2 }
    };
    struct seen s = { 0 };
    int64_t n = 0, below = 0;

    assert_int_equal(message_counts_add(db, "main", "alice", &c), 0);
    c.minute[3] = UINT16_MAX;
    assert_int_equal(message_counts_add(db, "main", "alice", &c), 0);
    c.hour += MESSAGE_COUNTS_HOUR_MS;
    assert_int_equal(message_counts_add(db, "main", "alice", &c), 0);
    assert_int_equal(message_counts_each(db, "main", "alice", c.hour, on_count, &s), 0);
    assert_int_equal(s.n, 1);
    s = (struct seen){ 0 };
    assert_int_equal(message_counts_each(db, "main", "alice", 0, on_count, &s), 0);
    assert_int_equal(s.received, 6);
    assert_int_equal(s.minute_3, 2 * UINT16_MAX); /* a full minute stays full */
    assert_int_equal(message_counts_set_position(db, 77), 0);
    assert_int_equal(message_counts_limit(db, c.hour + MESSAGE_COUNTS_KEEP_MS, INT64_MAX, &below), 0);
    assert_int_equal(below, c.hour);
    assert_int_equal(message_counts_prune(db, below, 100, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(message_counts_position(db, &n), 0);
    assert_int_equal(n, 77);
    s = (struct seen){ 0 };
    assert_int_equal(message_counts_each(db, "main", "alice", 0, on_count, &s), 0);
    assert_int_equal(s.n, 1);
}

static int on_change(void *ctx, const struct session_change *c)
{
    struct seen *s = ctx;

    s->n++;
    s->received = c->at;
    return 0;
}

static void test_changes_go_in_slices_after_90_days(void **state)
{
    struct db *db = *state;
    struct session_change c = { .from = -1, .to = SESSION_CONNECTED };
    struct seen s = { 0 };
    int64_t n = 0, until = 0;

    for (int day = 0; day < 100; day++) {
        c.at = day * DAY_MS;
        assert_int_equal(sessions_add_change(db, "main", "alice", &c), 0);
    }
    assert_int_equal(sessions_changes_limit(db, 99 * DAY_MS, INT64_MAX, &until), 0);
    assert_int_equal(sessions_prune_changes(db, until, 5, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(sessions_prune_changes(db, until, 5, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(sessions_each_change(db, "main", "alice", 1000, on_change, &s), 0);
    assert_int_equal(s.n, 91);
    assert_int_equal(s.received, 9 * DAY_MS);
}

/* A budget of bytes keeps the newest: of names in other alphabets fewer. */
static void test_the_history_fits_its_bytes(void **state)
{
    static const char *const names[] = { "alice", "\xe0\xa4\x86\xe0\xa4\xb6\xe0\xa4\xbe-longer-by-far" };
    struct db *db = *state;
    int64_t until[2] = { 0 }, below[2] = { 0 }, n;

    for (int name = 0; name < 2; name++) {
        for (int i = 0; i < 100; i++) {
            struct session_change c = { .at = i, .from = -1, .to = SESSION_CONNECTED };
            struct message_count m = { .hour = i * MESSAGE_COUNTS_HOUR_MS, .received = 1 };

            assert_int_equal(sessions_add_change(db, "main", names[name], &c), 0);
            assert_int_equal(message_counts_add(db, "main", names[name], &m), 0);
        }
        assert_int_equal(sessions_changes_limit(db, 100, 5000, &until[name]), 0);
        assert_int_equal(message_counts_limit(db, 0, 5000, &below[name]), 0);
        assert_int_equal(sessions_prune_changes(db, until[name], 1000, &n), 0);
        assert_true(n > 30 && n < 100);
        assert_int_equal(sessions_changes_limit(db, 100, 5000, &until[name]), 0);
        assert_int_equal(until[name], 0);
        assert_int_equal(message_counts_prune(db, below[name], 1000, &n), 0);
        assert_true(n > 50 && n < 100);
        assert_int_equal(message_counts_limit(db, 0, 5000, &n), 0);
        assert_true(n < 0); /* by age alone */
        assert_int_equal(sessions_prune_changes(db, INT64_MAX, 1000, &n), 0);
        assert_int_equal(message_counts_prune(db, INT64_MAX, 1000, &n), 0);
    }
    assert_true(below[1] > below[0]);
}

static int on_alert_change(void *ctx, const struct alert_change *c)
{
    struct seen *s = ctx;

    s->n++;
    s->received = c->n;
    (void)snprintf(s->texts + strlen(s->texts), sizeof s->texts - strlen(s->texts), "%s%s ",
                   c->firing ? "+" : "-", c->row.session);
    return 0;
}

static void test_alerts_of_before_are_read_newest_first(void **state)
{
    struct db *db = *state;
    struct alert_row row = { .name = "session-down", .bridge = "main", .session = "alice", .since = 5 };
    struct seen s = { 0 };

    assert_int_equal(alerts_note_change(db, &row, true, 5), 0);
    assert_int_equal(alerts_note_change(db, &row, false, 9), 0);
    str_copy(STR_LIT("bob"), row.session, sizeof row.session);
    assert_int_equal(alerts_note_change(db, &row, true, 10), 0);
    assert_int_equal(alerts_each_change(db, 0, 2, on_alert_change, &s), 0);
    assert_string_equal(s.texts, "+bob -alice ");
    assert_int_equal(alerts_each_change(db, s.received, 2, on_alert_change, &s), 0);
    assert_string_equal(s.texts, "+bob -alice +alice ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_audit_list_is_read_by_session_newest_first, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(test_a_login_is_found_by_its_hash_until_it_expires, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(test_too_many_logins_push_the_oldest_out, open_db, close_db),
        cmocka_unit_test_setup_teardown(test_counts_add_up_and_go_when_they_are_old, open_db, close_db),
        cmocka_unit_test_setup_teardown(test_changes_go_in_slices_after_90_days, open_db, close_db),
        cmocka_unit_test_setup_teardown(test_the_history_fits_its_bytes, open_db, close_db),
        cmocka_unit_test_setup_teardown(test_alerts_of_before_are_read_newest_first, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

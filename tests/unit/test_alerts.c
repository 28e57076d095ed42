/* Alerts and rhythms in state.db. */
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
#include "common/store/activity_profiles.h"
#include "common/store/alerts.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"
#include "common/store/store.h"
#include "tests/unit/test_folder.h"
#include "tests/unit/test_store.h"

static struct db *open_db(void)
{
    struct db *db = NULL;

    db = test_state();
    return db;
}

static const struct alert_row lost = { .name = "session-lost",
                                       .bridge = "main",
                                       .session = "s1",
                                       .since = 1000,
                                       .cause = "lost",
                                       .detail = "gone" };

static int count(void *ctx, const struct alert_row *row)
{
    *(int *)ctx += row->grouped ? 100 : 1;
    assert_string_equal(row->detail, "gone");
    return 0;
}

static void test_raise_and_clear(void **state)
{
    struct db *db = open_db();
    struct alert_row grouped = lost;
    int n = 0;

    grouped.grouped = true;
    (void)snprintf(grouped.session, sizeof grouped.session, "s2");
    assert_int_equal(alerts_raise(db, &lost), 0);
    assert_int_equal(alerts_raise(db, &lost), 0); /* once more changes nothing */
    assert_int_equal(alerts_raise(db, &grouped), 0);
    assert_int_equal(alerts_each(db, "main", count, &n), 0);
    assert_int_equal(n, 101);
    assert_int_equal(alerts_clear(db, "session-lost", "main", "s1"), 0);
    assert_int_equal(alerts_clear(db, "session-lost", "main", "s1"), ALERTS_NONE);
    n = 0;
    assert_int_equal(alerts_each(db, NULL, count, &n), 0);
    assert_int_equal(n, 100);
    assert_int_equal(alerts_each(db, "other", count, &n), 0);
    assert_int_equal(n, 100);
    db_close(db);
}

static void test_an_alert_of_two_programs_begins_once(void **state)
{
    struct db *db = open_db();
    struct alert_row again = lost;
    int n = 0;

    again.since = 2000;
    again.detail[0] = '\0'; /* count() would see it */
    assert_int_equal(alerts_begin(db, &lost), 0);
    assert_int_equal(alerts_begin(db, &again), ALERTS_THERE);
    assert_int_equal(alerts_each(db, NULL, count, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(alerts_clear(db, lost.name, lost.bridge, lost.session), 0);
    assert_int_equal(alerts_begin(db, &lost), 0);
    db_close(db);
}

static int first(struct db *db, const char *sink, struct alert_note *ret)
{
    int n = 0;

    assert_int_equal(alerts_read(db, sink, ret, 1, &n), 0);
    return n;
}

static void test_outbox_is_a_queue_per_sink(void **state)
{
    struct db *db = open_db();
    struct alert_note note, some[3];
    int64_t dropped = 0, waiting = 0;
    int n = 0;

    assert_int_equal(first(db, "ntfy", &note), 0);
    assert_int_equal(alerts_post(db, "other", &lost, true, 2000, &dropped), 0);
    assert_int_equal(alerts_post(db, "ntfy", &lost, true, 2000, &dropped), 0);
    assert_int_equal(alerts_post(db, "ntfy", &lost, false, 3000, &dropped), 0);
    assert_int_equal(first(db, "ntfy", &note), 1);
    assert_true(note.firing);
    assert_int_equal(note.at, 2000);
    assert_string_equal(note.row.session, "s1");
    assert_int_equal(alerts_failed(db, note.n), 0);
    assert_int_equal(first(db, "ntfy", &note), 1); /* a note that failed stays the first */
    assert_int_equal(note.tries, 1);
    assert_int_equal(alerts_read(db, "ntfy", some, 3, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(alerts_sent(db, "ntfy", note.n), 0);
    assert_int_equal(first(db, "ntfy", &note), 1);
    assert_false(note.firing);
    assert_int_equal(alerts_forget_sink(db, "ntfy"), 0);
    assert_int_equal(first(db, "ntfy", &note), 0);
    assert_int_equal(alerts_waiting(db, "other", &waiting), 0);
    assert_int_equal(waiting, 1);
    assert_int_equal(dropped, 0);
    db_close(db);
}

/* In quiet hours an alert came and went, and another one ended that was sent before them. */
static void test_what_came_and_went_is_not_released(void **state)
{
    struct db *db = open_db();
    struct alert_row other = lost;
    struct alert_note some[4];
    int64_t dropped = 0;
    int n = 0;

    other.since = 1500;
    assert_int_equal(alerts_post(db, "quiet:ntfy", &lost, true, 2000, &dropped), 0);
    assert_int_equal(alerts_post(db, "quiet:ntfy", &other, false, 2500, &dropped), 0);
    assert_int_equal(alerts_post(db, "quiet:ntfy", &lost, false, 3000, &dropped), 0);
    assert_int_equal(alerts_release(db, "quiet:ntfy", "ntfy"), 0);
    assert_int_equal(alerts_read(db, "ntfy", some, 4, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(some[0].row.since, 1500);
    assert_int_equal(first(db, "quiet:ntfy", some), 0);
    db_close(db);
}

static int note_sink(void *ctx, const char *sink)
{
    (void)snprintf(ctx, 32, "%s", sink);
    return 0;
}

static void test_sinks_that_have_notes(void **state)
{
    struct db *db = open_db();
    char sink[32] = "";
    int64_t dropped = 0;

    assert_int_equal(alerts_sinks_each(db, note_sink, sink), 0);
    assert_string_equal(sink, "");
    assert_int_equal(alerts_post(db, "gone", &lost, true, 2000, &dropped), 0);
    assert_int_equal(alerts_sinks_each(db, note_sink, sink), 0);
    assert_string_equal(sink, "gone");
    db_close(db);
}

static void test_outbox_has_a_ceiling(void **state)
{
    struct db *db = open_db();
    struct alert_note note;
    int64_t dropped = 0, waiting = 0;

    assert_int_equal(db_begin(db), 0);
    for (int64_t n = 1; n <= ALERTS_OUTBOX_MAX + 3; n++)
        assert_int_equal(alerts_post(db, "ntfy", &lost, true, n, &dropped), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(dropped, 3);
    assert_int_equal(alerts_waiting(db, "ntfy", &waiting), 0);
    assert_int_equal(waiting, ALERTS_OUTBOX_MAX);
    assert_int_equal(first(db, "ntfy", &note), 1);
    assert_int_equal(note.at, 4); /* the oldest went */
    db_close(db);
}

static int take_hours(void *ctx, const char *session, struct str hours)
{
    assert_string_equal(session, "s1");
    (void)snprintf(ctx, 16, "%.*s", (int)hours.n, hours.p);
    return 0;
}

static void test_rhythms(void **state)
{
    struct db *db = open_db();
    char hours[16] = "";

    assert_int_equal(activity_profiles_save(db, "main", "s1", STR_LIT("abc")), 0);
    assert_int_equal(activity_profiles_save(db, "main", "s1", STR_LIT("abcd")), 0);
    assert_int_equal(activity_profiles_each(db, "main", take_hours, hours), 0);
    assert_string_equal(hours, "abcd");
    db_close(db);
}

/* Another connection's commit is seen, our own is not. */
static void test_data_version(void **state)
{
    char dir[] = "/tmp/zk-alerts-XXXXXX";
    struct db *ours = NULL, *theirs = NULL;
    int64_t before = 0, after = 0;
    const char *where;
    char path[64];

    assert_non_null(test_folder(dir));
    where = test_store(dir);
    assert_int_equal(db_open_state(where, &ours), 0);
    assert_int_equal(db_open_state(where, &theirs), 0);
    assert_int_equal(db_data_version(ours, &before), 0);
    assert_int_equal(alerts_raise(ours, &lost), 0);
    assert_int_equal(db_data_version(ours, &after), 0);
    assert_int_equal(before, after);
    assert_int_equal(alerts_clear(theirs, lost.name, lost.bridge, lost.session), 0);
    for (int i = 0; before == after && i < 200; i++) { /* a server says it a moment later */
        assert_int_equal(db_data_version(ours, &after), 0);
        (void)usleep(10000);
    }
    assert_int_not_equal(before, after);
    db_close(ours);
    db_close(theirs);
    (void)snprintf(path, sizeof path, "%s/%s", dir, STATE_DB_FILE);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/%s-journal", dir, STATE_DB_FILE);
    (void)unlink(path);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise_and_clear),
        cmocka_unit_test(test_an_alert_of_two_programs_begins_once),
        cmocka_unit_test(test_outbox_is_a_queue_per_sink),
        cmocka_unit_test(test_what_came_and_went_is_not_released),
        cmocka_unit_test(test_sinks_that_have_notes),
        cmocka_unit_test(test_outbox_has_a_ceiling),
        cmocka_unit_test(test_rhythms),
        cmocka_unit_test(test_data_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

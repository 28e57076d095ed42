/* forward.db: rows come back as written; commands; the rows that go with another log. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/forward_commands.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"
#include "common/store/store.h"
#include "tests/unit/test_folder.h"
#include "tests/unit/test_store.h"

static char dir[32];
static const char *where;
static struct db *db;

static int setup(void **state)
{
    (void)snprintf(dir, sizeof dir, "/tmp/zk-test-XXXXXX");
    assert_non_null(test_folder(dir));
    where = test_store(dir);
    assert_int_equal(forward_open(where, false, &db), 0);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "forward.db", "forward.db-wal", "forward.db-shm", "forward.db-id" };
    char path[64];

    db_close(db);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static struct forward_destination destination(const char *name)
{
    struct forward_destination d;
    bool is_new = false;

    assert_int_equal(forward_destination_open(db, name, "http://x/y", &d, &is_new, NULL), 0);
    return d;
}

static void a_destination_keeps_how_far_it_is(void **state)
{
    CLEANUP(buf_fini) struct buf done = BUF_INIT(64);
    struct forward_destination d = destination("crm");
    int64_t id = d.id;
    bool is_new = true;

    assert_int_equal(d.floor, -1);
    assert_int_equal(d.off_since, 0);
    assert_int_equal(forward_save_window(db, id, 41, STR_LIT("\x05\x80")), 0);
    assert_int_equal(forward_save_off(db, id, 77, 78), 0);
    db_close(db);
    assert_int_equal(forward_open(where, false, &db), 0);
    assert_int_equal(forward_destination_open(db, "crm", "http://x/z", &d, &is_new, &done), 0);
    assert_int_equal(d.id, id);
    assert_int_equal(d.floor, 41);
    assert_int_equal(d.above, 3);
    assert_int_equal(d.off_since, 77);
    assert_int_equal(d.paused_since, 78);
    assert_string_equal(d.url, "http://x/z");
    assert_false(is_new);
    assert_memory_equal(done.data, "\x05\x80", 2);
    assert_int_not_equal(destination("other").id, id);
}

static void a_reader_sees_what_is_committed_and_needs_no_forwarder(void **state)
{
    struct db *reader;
    struct forward_counts c;
    struct forward_destination d = destination("crm");
    bool all = false;

    assert_int_equal(db_begin(db), 0);
    assert_int_equal(forward_blocked_put(db, d.id, STR_LIT("main"), STR_LIT("a"), 7), 0);
    assert_int_equal(forward_open_reader(where, &reader), 0);
    assert_int_equal(forward_counts(reader, &d, &c), 0);
    assert_int_equal(c.blocked, 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(forward_counts(reader, &d, &c), 0);
    assert_int_equal(c.blocked, 1);
    assert_int_equal(c.oldest, 7);
    assert_int_equal(forward_checkpoint(db, &all), 0);
    assert_true(all);
    assert_true(forward_blocked_put(reader, d.id, STR_LIT("main"), STR_LIT("a"), 8) < 0);
    db_close(reader);
    assert_int_equal(forward_open_reader("/nowhere/at/all", &reader), -ENOENT);
}

/* ---- waiting events ------------------------------------------------------------------------------ */

static int print_retry(void *ctx, const struct forward_retry *r)
{
    return buf_addf(ctx, "%lld:%.*s/%.*s:%lld,%lld@%lld:%lld:%.*s ", (long long)r->seq, (int)r->bridge.n,
                    r->bridge.p, (int)r->session.n, r->session.p, (long long)r->tries, (long long)r->sends,
                    (long long)r->next_at, (long long)r->status, (int)r->detail.n, r->detail.p);
}

static void retries_are_kept_by_destination_and_seq(void **state)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
    int64_t one = destination("one").id, two = destination("two").id;
    struct forward_retry r = { .seq = 9,
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("a"),
                               .tries = 1,
                               .sends = 2,
                               .next_at = 100,
                               .status = 500,
                               .detail = STR_LIT("no") };

    assert_int_equal(forward_retry_put(db, one, &r), 0);
    r.tries = 2;
    r.next_at = 200;
    assert_int_equal(forward_retry_put(db, one, &r), 0);
    assert_int_equal(forward_retry_put(db, two, &r), 0);
    r.seq = 5;
    r.session = STR_LIT("");
    assert_int_equal(forward_retry_put(db, one, &r), 0);
    assert_int_equal(forward_retry_each(db, one, print_retry, &line), 0);
    assert_string_equal(buf_str(&line), "5:main/:2,2@200:500:no 9:main/a:2,2@200:500:no ");
    assert_int_equal(forward_retry_remove(db, one, 9), 0);
    buf_reset(&line);
    assert_int_equal(forward_retry_each(db, one, print_retry, &line), 0);
    assert_string_equal(buf_str(&line), "5:main/:2,2@200:500:no ");
}

static int print_held(void *ctx, struct str bridge, struct str session, int64_t n, int64_t first)
{
    return buf_addf(ctx, "%.*s/%.*s:%lld from %lld ", (int)bridge.n, bridge.p, (int)session.n, session.p,
                    (long long)n, (long long)first);
}

static void held_events_are_in_order_per_session(void **state)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
    int64_t one = destination("one").id;
    int64_t seq = 0;

    assert_int_equal(forward_blocked_put(db, one, STR_LIT("main"), STR_LIT("a"), 12), 0);
    assert_int_equal(forward_blocked_put(db, one, STR_LIT("main"), STR_LIT("a"), 3), 0);
    assert_int_equal(forward_blocked_put(db, one, STR_LIT("main"), STR_LIT("a"), 12), 0);
    assert_int_equal(forward_blocked_put(db, one, STR_LIT("main"), STR_LIT("ab"), 1), 0);
    assert_int_equal(forward_blocked_put(db, one, STR_LIT("other"), STR_LIT("a"), 2), 0);
    assert_int_equal(forward_blocked_first(db, one, STR_LIT("main"), STR_LIT("a"), &seq), 0);
    assert_int_equal(seq, 3);
    assert_int_equal(forward_blocked_each(db, one, print_held, &line), 0);
    assert_string_equal(buf_str(&line), "main/a:2 from 3 main/ab:1 from 1 other/a:1 from 2 ");
    assert_int_equal(forward_blocked_remove(db, one, STR_LIT("main"), STR_LIT("a"), 3), 0);
    assert_int_equal(forward_blocked_remove(db, one, STR_LIT("main"), STR_LIT("a"), 12), 0);
    assert_int_equal(forward_blocked_first(db, one, STR_LIT("main"), STR_LIT("a"), &seq), 0);
    assert_int_equal(seq, 0);
}

static void another_log_takes_all_but_the_dead(void **state)
{
    struct forward_dead dead = { .destination = "one", .event = { .seq = 4 } };
    struct forward_counts c;
    struct forward_destination d = destination("one");
    char id[16];
    int64_t lost = 0;
    uint64_t key = 0, again = 0;

    assert_int_equal(forward_log_id(db, id), 0);
    assert_string_equal(id, "");
    assert_int_equal(forward_set_log_id(db, "0123abcd"), 0);
    assert_int_equal(forward_log_id(db, id), 0);
    assert_string_equal(id, "0123abcd");
    assert_int_equal(forward_save_window(db, d.id, 41, STR_LIT("\x01")), 0);
    assert_int_equal(forward_blocked_put(db, d.id, STR_LIT("main"), STR_LIT("a"), 3), 0);
    assert_int_equal(forward_retry_put(db, d.id,
                                       &(struct forward_retry){ .seq = 2,
                                                                .bridge = STR_LIT("main"),
                                                                .session = STR_LIT("a"),
                                                                .detail = STR_LIT("") }),
                     0);
    assert_int_equal(forward_dead_put(db, &dead), 0);
    assert_int_equal(forward_key(db, &key), 0);
    assert_int_equal(forward_key(db, &again), 0);
    assert_true(again == key);
    assert_int_equal(forward_forget_log(db, &lost), 0);
    assert_int_equal(lost, 2);
    assert_int_equal(forward_key(db, &again), 0);
    assert_true(again != key);
    d = destination("one");
    assert_int_equal(d.floor, -1);
    assert_int_equal(d.above, 0);
    assert_int_equal(forward_counts(db, &d, &c), 0);
    assert_int_equal(c.retrying + c.blocked, 0);
    assert_int_equal(c.dead, 1);
}

/* ---- the shelf ------------------------------------------------------------------------------- */

static void bury(const char *destination, const char *type, const char *session, int64_t dead_at,
                 const char *body)
{
    struct forward_dead d = { .reason = "its tries are used up",
                              .tries = 3,
                              .status = 500,
                              .dead_at = dead_at,
                              .detail = STR_LIT("answered 500"),
                              .answer = STR_LIT("oh\0no"),
                              .event = { .seq = 8,
                                         .id = "evt_0123abcd_8",
                                         .at = 5,
                                         .occurred_at = 4,
                                         .type = str_from(type),
                                         .bridge = strcmp(destination, "two") == 0 ? STR_LIT("side")
                                                                                   : STR_LIT("main"),
                                         .session = str_from(session),
                                         .message_id = STR_LIT("M1"),
                                         .body = str_from(body) } };

    str_copy(str_from(destination), d.destination, sizeof d.destination);
    assert_int_equal(forward_dead_put(db, &d), 0);
}

static int print_id(void *ctx, const struct forward_dead *d)
{
    return buf_addf(ctx, "%lld%s ", (long long)d->id, d->redeliver ? "!" : "");
}

static void fill_shelf(void)
{
    bury("one", "message.received", "a", 100, "{}");
    bury("one", "session.connected", "b", 200, "{}");
    bury("two", "message.sent", "a", 300, "{}");
    bury("two", "message.sent", "", 400, NULL);
}

static void dead_letters_are_found_by_what_is_asked(void **state)
{
    static const struct {
        struct forward_dead_filter filter;
        const char *want;
    } cases[] = {
        { { 0 }, "1 2 3 4 " },
        { { .id = 3 }, "3 " },
        { { .id = 9 }, "" },
        { { .destination = "one" }, "1 2 " },
        { { .session = "a" }, "1 3 " },
        { { .bridge = "side" }, "3 4 " },
        { { .bridge = "main", .session = "a" }, "1 " },
        { { .type_prefix = "message." }, "1 3 4 " },
        { { .type_prefix = "message.received.and.more" }, "" },
        { { .since_at = 200 }, "2 3 4 " },
        { { .until_at = 200 }, "1 " },
        { { .since_at = 200, .until_at = 400, .destination = "two" }, "3 " },
        { { .session = "%" }, "" },
    };

    fill_shelf();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);

        int64_t n = 0;

        assert_int_equal(forward_dead_each(db, &cases[i].filter, 0, 100, print_id, &line), 0);
        assert_int_equal(forward_dead_count(db, &cases[i].filter, &n), 0);
        assert_int_equal(n, strlen(cases[i].want) / 2); /* a digit and a space each */
        if (strcmp(buf_str(&line), cases[i].want) != 0)
            fail_msg("case %zu: %s", i, buf_str(&line));
    }
}

static int check_whole(void *ctx, const struct forward_dead *d)
{
    assert_string_equal(d->destination, "one");
    assert_string_equal(d->reason, "its tries are used up");
    assert_int_equal(d->tries, 3);
    assert_int_equal(d->status, 500);
    assert_int_equal(d->dead_at, 100);
    assert_true(str_eq(d->detail, "answered 500"));
    assert_int_equal(d->answer.n, 5);
    assert_memory_equal(d->answer.p, "oh\0no", 5);
    assert_int_equal(d->event.seq, 8);
    assert_string_equal(d->event.id, "evt_0123abcd_8");
    assert_int_equal(d->event.at, 5);
    assert_int_equal(d->event.occurred_at, 4);
    assert_true(str_eq(d->event.type, "message.received") && str_eq(d->event.message_id, "M1"));
    assert_true(str_eq(d->event.body, "{}"));
    return 0;
}

static void a_dead_letter_has_all_of_its_event(void **state)
{
    const struct forward_dead_filter first = { .id = 1 };

    fill_shelf();
    assert_int_equal(forward_dead_each(db, &first, 0, 1, check_whole, NULL), 0);
}

static void letters_are_tried_again_and_go_back(void **state)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
    const struct forward_dead_filter all = { 0 }, third = { .id = 3 };
    struct forward_dead back = { .id = 3, .reason = "in vain", .status = 404, .dead_at = 500 };
    int64_t n = 0;

    fill_shelf();
    assert_int_equal(forward_dead_redeliver(db, &all, &n), 0);
    assert_int_equal(n, 3); /* the fourth has no body */
    assert_int_equal(forward_dead_redeliver_each(db, "two", 0, 100, print_id, &line), 0);
    assert_string_equal(buf_str(&line), "3! ");
    assert_int_equal(forward_dead_returned(db, &back), 0);
    buf_reset(&line);
    assert_int_equal(forward_dead_each(db, &all, 0, 100, print_id, &line), 0);
    assert_string_equal(buf_str(&line), "1! 2! 3 4 ");
    assert_int_equal(forward_dead_remove(db, &third, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(forward_dead_count(db, NULL, &n), 0);
    assert_int_equal(n, 3);
    bury("one", "x", "y", 1, "{}");
    buf_reset(&line);
    assert_int_equal(forward_dead_each(db, &all, 3, 100, print_id, &line), 0);
    assert_string_equal(buf_str(&line), "4 5 "); /* an id is not given again */
}

/* ---- commands ---------------------------------------------------------------------------------- */

static void commands_are_taken_in_turn(void **state)
{
    CLEANUP(buf_fini) struct buf texts = BUF_INIT(1024);
    struct forward_command o = { .verb = FORWARD_DEAD_DROP,
                                 .filter = { .bridge = "side",
                                             .session = "a",
                                             .type_prefix = "message.",
                                             .since_at = 5,
                                             .until_at = 6 } };
    struct forward_command again;
    char result[FORWARD_RESULT_MAX];
    bool failed = false;
    struct db *orders;
    int64_t n;

    orders = test_state();
    assert_int_equal(forward_command_first(orders, 0, &o, &texts), FORWARD_NO_COMMAND);
    assert_int_equal(forward_command_put(orders, &o, 1, &n), 0);
    o = (struct forward_command){ .verb = FORWARD_ON, .filter = { .destination = "crm" } };
    assert_int_equal(forward_command_put(orders, &o, 2, &n), 0);
    assert_int_equal(forward_command_first(orders, 0, &o, &texts), 0);
    assert_int_equal(o.verb, FORWARD_DEAD_DROP);
    assert_string_equal(o.filter.session, "a");
    assert_string_equal(o.filter.type_prefix, "message.");
    assert_string_equal(o.filter.destination, "");
    assert_string_equal(o.filter.bridge, "side");
    assert_int_equal(o.filter.since_at, 5);
    assert_int_equal(o.filter.until_at, 6);
    n = o.n;
    assert_int_equal(forward_command_remove(orders, n), 0);
    assert_int_equal(forward_command_first(orders, 0, &o, &texts), 0);
    assert_int_equal(o.verb, FORWARD_ON);
    assert_string_equal(o.filter.destination, "crm");
    assert_int_equal(forward_command_result(orders, o.n, &failed, result), FORWARD_NO_COMMAND);
    assert_int_equal(forward_command_done(orders, o.n, true, "no such thing", 5), 0);
    assert_int_equal(forward_command_first(orders, 0, &again, &texts), FORWARD_NO_COMMAND);
    assert_int_equal(forward_command_result(orders, o.n, &failed, result), 0);
    assert_true(failed);
    assert_string_equal(result, "no such thing");
    assert_int_equal(forward_command_prune(orders, 5), 0);
    assert_int_equal(forward_command_result(orders, o.n, &failed, result), 0);
    assert_int_equal(forward_command_prune(orders, 6), 0);
    assert_int_equal(forward_command_result(orders, o.n, &failed, result), FORWARD_NO_COMMAND);
    db_close(orders);
}

static void a_split_command_has_the_results_of_its_parts(void **state)
{
    const struct forward_command retry = { .verb = FORWARD_RETRY };
    char result[FORWARD_RESULT_MAX];
    struct db *orders = test_state();
    int64_t n, parts[3];
    bool failed = false;

    (void)state;
    assert_int_equal(forward_command_put(orders, &retry, 1, &n), 0);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "a", "b", "c" };
        const struct forward_command part = { .verb = FORWARD_RETRY, .filter = { .destination = names[i] } };

        assert_int_equal(forward_command_put(orders, &part, 1, &parts[i]), 0);
    }
    assert_int_equal(forward_command_split(orders, n, parts, 3, 2), 0);
    assert_int_equal(forward_command_result(orders, n, &failed, result), FORWARD_NO_COMMAND);
    assert_int_equal(forward_command_done(orders, parts[0], true, "none waits", 3), 0);
    assert_int_equal(forward_command_done(orders, parts[1], true, "none", 3), 0);
    assert_int_equal(forward_command_result(orders, n, &failed, result), FORWARD_NO_COMMAND);
    assert_int_equal(forward_command_done(orders, parts[2], true, "none", 3), 0);
    assert_int_equal(forward_command_result(orders, n, &failed, result), 0);
    assert_true(failed);
    assert_string_equal(result, "none waits");
    assert_int_equal(forward_command_done(orders, parts[0], false, "1 is tried", 3), 0);
    assert_int_equal(forward_command_done(orders, parts[2], false, "2 are tried", 3), 0);
    assert_int_equal(forward_command_result(orders, n, &failed, result), 0);
    assert_false(failed);
    assert_string_equal(result, "a: 1 is tried; c: 2 are tried");
    db_close(orders);
}

static void a_destination_is_renamed_and_forgotten_with_all_its_rows(void **state)
{
    const struct forward_dead dead = { .destination = "crm", .event = { .seq = 4 }, .detail = STR_LIT("") };
    struct forward_destination d = destination("crm");
    struct forward_counts c;
    int64_t n = 0;
    bool found = false;

    assert_int_equal(forward_dead_put(db, &dead), 0);
    assert_int_equal(forward_blocked_put(db, d.id, STR_LIT("main"), STR_LIT("a"), 3), 0);
    assert_int_equal(forward_destination_rename(db, "crm", "sales"), 0);
    assert_int_equal(destination("sales").id, d.id);
    d = destination("sales");
    assert_int_equal(forward_counts(db, &d, &c), 0);
    assert_int_equal(c.dead, 1);
    assert_int_equal(c.blocked, 1);
    assert_int_equal(forward_destination_forget(db, "sales", &found), 0);
    assert_true(found);
    assert_int_equal(forward_dead_count(db, NULL, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(forward_destinations_count(db, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(forward_destination_forget(db, "sales", &found), 0);
    assert_false(found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_destination_keeps_how_far_it_is),
        TEST(a_reader_sees_what_is_committed_and_needs_no_forwarder),
        TEST(retries_are_kept_by_destination_and_seq),
        TEST(held_events_are_in_order_per_session),
        TEST(another_log_takes_all_but_the_dead),
        TEST(dead_letters_are_found_by_what_is_asked),
        TEST(a_dead_letter_has_all_of_its_event),
        TEST(letters_are_tried_again_and_go_back),
        cmocka_unit_test(commands_are_taken_in_turn),
        cmocka_unit_test(a_split_command_has_the_results_of_its_parts),
        TEST(a_destination_is_renamed_and_forgotten_with_all_its_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

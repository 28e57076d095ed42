/* Following the event log: every row once, in order, for any fault of the bus, the file and the owner. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/app/consumer.h"
#include "common/base/mem.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_folder.h"

#define T0 1800000000000LL
/* Nothing here may take this long. */
#define DEADLINE_MS 20000

static struct {
    char dir[64];
    struct app_settings settings;
    struct app *app;
    struct event_log *log;
    struct consumer *consumer;
    struct timer *deadline, *later;
    void (*do_later)(void);
    int sent;
    /* seen by the owner */
    int64_t seen[2000];
    int n, batches, moved, errors, back, stale, last_error;
    int want;        /* stop the loop with so many rows */
    int pause_at;    /* pause with so many rows */
    int answer;      /* of on_batch */
    bool want_error; /* stop the loop at an error */
    bool watching;   /* the kernel tells of commits */
} t;

int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
int __wrap_inotify_init1(int flags)
{
    if (t.watching)
        return __real_inotify_init1(flags);
    errno = EMFILE;
    return -1;
}

static void on_deadline(void *ctx)
{
    app_fail(t.app, EXIT_NEGATIVE);
    fail_msg("nothing came within the deadline");
}

static void on_later(void *ctx)
{
    t.do_later();
}

static int setup(void **state)
{
    static const struct app_spec spec = {
        .service = "test", .program = "test", .what = "x", .table = app_settings_table, .no_publisher = true
    };
    char name[] = "test";
    char flag[] = "--log";
    char level[] = "error";
    char *argv[] = { name, flag, level, NULL };

    memset(&t, 0, sizeof t);
    (void)snprintf(t.dir, sizeof t.dir, "/tmp/zk_consumer_XXXXXX");
    assert_non_null(test_folder(t.dir));
    assert_int_equal(app_open(&spec, APP_START(3, argv), &t.settings, &t.app), 0);
    assert_int_equal(timer_open(app_loop(t.app), on_deadline, NULL, &t.deadline), 0);
    assert_int_equal(timer_open(app_loop(t.app), on_later, NULL, &t.later), 0);
    timer_start(t.deadline, DEADLINE_MS);
    return 0;
}

static void remove_log(void)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.db-id",
                                         "events.lock" };
    char path[128];

    event_log_close(t.log);
    t.log = NULL;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", t.dir, files[i]);
        (void)unlink(path);
    }
}

static int teardown(void **state)
{
    consumer_close(t.consumer);
    timer_close(t.deadline);
    timer_close(t.later);
    assert_int_equal(app_close(t.app, 0), 0); /* nothing of the loop is left open */
    remove_log();
    (void)rmdir(t.dir);
    return 0;
}

static void write_events(int n)
{
    int64_t pid = 0;
    int64_t seq;

    if (!t.log)
        assert_int_equal(event_log_open(t.dir, &t.log, &pid), 0);
    assert_int_equal(event_log_begin(t.log), 0);
    for (int i = 0; i < n; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES] = { 0 };
        struct event_new e = { .at = T0,
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("s"),
                               .message_id = STR_LIT(""),
                               .body = STR_LIT("{}"),
                               .key_digest = digest };

        e.type = t.sent % 10 == 0 ? STR_LIT("session.connected") : STR_LIT("message.received");
        memcpy(digest, &t.sent, sizeof t.sent);
        t.sent++;
        assert_int_equal(event_log_append(t.log, &e, &seq), 0);
    }
    assert_int_equal(event_log_commit(t.log), 0);
    event_log_touch(t.log);
}

/* ---- the owner ------------------------------------------------------------------------------- */

static int on_batch(void *ctx, const struct event_rows *rows)
{
    t.batches++;
    t.moved += rows->n == 0;
    for (int i = 0; i < rows->n; i++)
        t.seen[t.n++] = rows->rows[i].seq;
    if (t.answer < 0 || (t.want > 0 && t.n >= t.want))
        loop_stop(app_loop(t.app));
    return t.answer < 0 ? t.answer : (t.pause_at > 0 && t.n >= t.pause_at ? CONSUMER_PAUSE : CONSUMER_MORE);
}

static void on_error(void *ctx, int r, const char *words)
{
    assert_non_null(words);
    t.errors += r < 0;
    t.back += r == 0;
    t.stale += r == -ESTALE;
    t.last_error = r;
    if (t.want_error)
        loop_stop(app_loop(t.app));
}

static void open_consumer(int64_t after, const char *prefix)
{
    const struct consumer_options o = { .dir = t.dir,
                                        .after_seq = after,
                                        .filter = { .type_prefix = str_from(prefix) },
                                        .bus_out = "tcp://127.0.0.1:1" };

    assert_int_equal(consumer_open(t.app, &o, on_batch, on_error, NULL, &t.consumer), 0);
}

static void run_until(int rows)
{
    t.want = rows;
    assert_int_equal(loop_run(app_loop(t.app)), 0);
}

static void run_for(int64_t ms)
{
    t.do_later = NULL;
    t.want = 0;
    struct timer *stop = NULL;

    assert_int_equal(timer_open(app_loop(t.app), (timer_fn)loop_stop, app_loop(t.app), &stop), 0);
    timer_start(stop, ms);
    assert_int_equal(loop_run(app_loop(t.app)), 0);
    timer_close(stop);
}

static void check_seen(int64_t from, int n)
{
    assert_int_equal(t.n, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(t.seen[i], from + i);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_all_rows_in_order_in_batches(void **state)
{
    write_events(600);
    open_consumer(0, NULL);
    run_until(600);
    check_seen(1, 600);
    assert_true(t.batches >= 3);
    assert_int_equal(consumer_position(t.consumer), 600);
    assert_int_equal(consumer_head(t.consumer), 600);
}

static void test_begins_after_its_position(void **state)
{
    write_events(100);
    open_consumer(40, NULL);
    run_until(60);
    check_seen(41, 60);
}

static void write_ten_more(void)
{
    write_events(10);
}

static void test_the_sweep_finds_what_no_bell_told(void **state)
{
    write_events(5);
    open_consumer(0, NULL);
    run_until(5);
    t.do_later = write_ten_more;
    timer_start(t.later, 50);
    run_until(15);
    check_seen(1, 15);
}

static void write_and_ring(void)
{
    write_events(1);
    consumer_notify(t.consumer);
    consumer_notify(t.consumer);
}

static void test_a_bell_is_heard_at_once(void **state)
{
    int64_t before;

    write_events(1);
    open_consumer(0, NULL);
    run_until(1);
    before = loop_now_ms(app_loop(t.app));
    for (int i = 2; i <= 20; i++) {
        t.do_later = write_and_ring;
        timer_start(t.later, 1);
        run_until(i);
    }
    assert_true(loop_now_ms(app_loop(t.app)) - before < 19 * CONSUMER_SWEEP_MS / 2);
    check_seen(1, 20);
}

static void replace_log(void)
{
    remove_log();
    t.sent = 0;
    write_events(7);
}

static void write_one(void)
{
    write_events(1);
}

static void test_the_kernel_tells_of_a_commit(void **state)
{
    int64_t before;

    t.watching = true;
    write_events(1);
    open_consumer(0, NULL);
    run_until(1);
    before = loop_now_ms(app_loop(t.app));
    for (int i = 2; i <= 20; i++) { /* also of one that comes right after a look */
        t.do_later = write_one;
        timer_start(t.later, 1);
        run_until(i);
    }
    assert_true(loop_now_ms(app_loop(t.app)) - before < 19 * CONSUMER_SWEEP_MS / 2);
    check_seen(1, 20);
}

static void test_the_kernel_tells_of_commits_into_a_replaced_log(void **state)
{
    int64_t before;

    t.watching = true;
    write_events(1);
    open_consumer(0, NULL);
    run_until(1);
    t.do_later = replace_log;
    timer_start(t.later, 1);
    run_until(8);
    before = loop_now_ms(app_loop(t.app));
    t.do_later = write_one;
    timer_start(t.later, 1);
    run_until(9);
    assert_true(loop_now_ms(app_loop(t.app)) - before < CONSUMER_SWEEP_MS / 2);
}

static void test_waits_for_a_log(void **state)
{
    open_consumer(0, NULL);
    t.do_later = write_ten_more;
    timer_start(t.later, 700);
    run_until(10);
    check_seen(1, 10);
    assert_int_equal(t.errors, 1); /* once */
    assert_int_equal(t.back, 1);
}

static void test_pause_and_resume(void **state)
{
    write_events(600);
    open_consumer(0, NULL);
    t.pause_at = 1;
    run_for(300);
    assert_int_equal(t.batches, 1);
    consumer_notify(t.consumer); /* nothing but the owner ends a pause */
    run_for(100);
    assert_int_equal(t.batches, 1);
    t.pause_at = 0;
    consumer_resume(t.consumer);
    run_until(600);
    check_seen(1, 600);
}

static void test_a_filter_moves_the_position_over_the_rest(void **state)
{
    write_events(600);
    open_consumer(0, "session.");
    run_until(60);
    run_for(50);
    assert_int_equal(t.n, 60);
    for (int i = 0; i < t.n; i++)
        assert_int_equal(t.seen[i] % 10, 1);
    assert_int_equal(consumer_position(t.consumer), 600);
}

static void test_nothing_that_matches_is_told_as_moved(void **state)
{
    write_events(30);
    open_consumer(0, "event.");
    run_for(100);
    assert_int_equal(t.n, 0);
    assert_int_equal(t.moved, 1);
    assert_int_equal(consumer_position(t.consumer), 30);
    assert_int_equal(consumer_head(t.consumer), 30);
}

static void test_a_replaced_log_is_read_from_its_start(void **state)
{
    write_events(20);
    open_consumer(0, NULL);
    run_until(20);
    t.n = 0;
    t.do_later = replace_log;
    timer_start(t.later, 10);
    run_until(7);
    check_seen(1, 7);
    assert_int_equal(t.stale, 1);
}

static void test_a_position_past_the_end_is_of_another_log(void **state)
{
    write_events(20);
    open_consumer(500, NULL);
    run_until(20);
    check_seen(1, 20);
    assert_int_equal(t.stale, 1);
}

static void test_an_owner_that_fails_stops_it(void **state)
{
    write_events(600);
    open_consumer(0, NULL);
    t.answer = -EIO;
    run_until(0);
    assert_int_equal(t.last_error, -EIO);
    consumer_notify(t.consumer);
    run_for(100);
    assert_int_equal(t.batches, 1);
}

static void break_log(void)
{
    char path[128];
    FILE *f;

    remove_log();
    (void)snprintf(path, sizeof path, "%s/events.db", t.dir);
    f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        (void)fputs("no database ", f);
    assert_int_equal(fclose(f), 0);
}

static void test_a_log_that_cannot_be_read_is_tried_again(void **state)
{
    write_events(3);
    open_consumer(0, NULL);
    run_until(3);
    t.do_later = break_log;
    timer_start(t.later, 1);
    t.want_error = true;
    run_until(0);
    t.want_error = false;
    assert_int_equal(t.last_error, -EBADMSG);
    t.n = 0;
    t.do_later = replace_log;
    timer_start(t.later, 100);
    run_until(7);
    check_seen(1, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_rows_in_order_in_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_begins_after_its_position, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_sweep_finds_what_no_bell_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bell_is_heard_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_kernel_tells_of_a_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_kernel_tells_of_commits_into_a_replaced_log, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_waits_for_a_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause_and_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_filter_moves_the_position_over_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_that_matches_is_told_as_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_replaced_log_is_read_from_its_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_position_past_the_end_is_of_another_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_owner_that_fails_stops_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_cannot_be_read_is_tried_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The notes of one sink on their way: what leaves the outbox, and when it is tried again. Messages are sent by the test. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/sink/sink_sender.h"
#include "services/monitor/sink_queue.h"
#include "tests/unit/test_store.h"

#define NAME "team"

/* The linker lets these come through here (CMakeLists.txt). */
int __wrap_sink_send(struct sink_sender *s, const struct sink_message *m,
                     void (*done)(void *ctx, const struct sink_result *r), void *ctx);
int __wrap_context_act(const struct monitor_context *m);
void __real_timer_start(struct timer *t, int64_t ms);
void __wrap_timer_start(struct timer *t, int64_t ms);

static struct {
    struct clock_stepped clock;
    struct app_settings settings;
    struct app *app;
    struct monitor_context m;
    struct sink_config config;
    struct sink_queue *queue;
    int sent; /* messages */
    void (*done)(void *ctx, const struct sink_result *r);
    void *ctx;
    int64_t wait_ms; /* of the last timer */
} t;

int __wrap_sink_send(struct sink_sender *s, const struct sink_message *m,
                     void (*done)(void *ctx, const struct sink_result *r), void *ctx)
{
    t.sent++;
    t.done = done;
    t.ctx = ctx;
    return 0;
}

/* This program has every role. */
int __wrap_context_act(const struct monitor_context *m)
{
    return 0;
}

void __wrap_timer_start(struct timer *timer, int64_t ms)
{
    t.wait_ms = ms;
    __real_timer_start(timer, ms);
}

static int setup(void **state)
{
    static const struct app_spec spec = {
        .service = "test", .program = "test", .what = "x", .table = app_settings_table, .no_publisher = true
    };
    static char name[] = "test", flag[] = "--log=error", url[] = "http://127.0.0.1:1/";
    static char *argv[] = { name, flag, NULL };
    const struct app_start start = { .argc = 2, .argv = argv, .clock = &t.clock.clock };

    memset(&t, 0, sizeof t);
    clock_stepped_init(&t.clock, 1700000000000, 5000000, "boot");
    assert_int_equal(app_open(&spec, &start, &t.settings, &t.app), 0);
    t.m = (struct monitor_context){ .app = t.app, .db = test_state() };
    t.config = (struct sink_config){ .name = NAME, .kind = SINK_WEBHOOK, .has_kind = true, .url = url };
    assert_int_equal(sink_queue_open(&t.m, &t.config, "", &t.queue), 0);
    return 0;
}

static int teardown(void **state)
{
    sink_queue_close(t.queue);
    db_close(t.m.db);
    return app_close(t.app, 0);
}

/* One more alert goes into the outbox. */
static void raise_alert(const char *session)
{
    struct alert_note note = { .firing = true, .at = t.clock.wall };
    int64_t dropped = 0;

    (void)snprintf(note.row.name, sizeof note.row.name, "%s", "flapping");
    (void)snprintf(note.row.bridge, sizeof note.row.bridge, "%s", "main");
    (void)snprintf(note.row.session, sizeof note.row.session, "%s", session);
    assert_int_equal(sink_queue_take(t.queue, &note, &dropped), 0);
}

static void answer(const struct sink_result *r)
{
    t.wait_ms = -1;
    t.done(t.ctx, r);
}

static int64_t waiting(void)
{
    int64_t n = -1;

    assert_int_equal(alerts_waiting(t.m.db, NAME, &n), 0);
    return n;
}

static void a_message_that_was_taken_is_sent_once(void **state)
{
    raise_alert("one");
    raise_alert("two");
    sink_queue_kick(t.queue);
    sink_queue_kick(t.queue); /* one message at a time */
    assert_int_equal(t.sent, 1);
    assert_int_equal(waiting(), 2);
    answer(&(struct sink_result){ .taken = true });
    assert_int_equal(t.sent, 2); /* the next one */
    assert_int_equal(waiting(), 1);
    answer(&(struct sink_result){ .taken = true });
    assert_int_equal(t.sent, 2);
    assert_int_equal(waiting(), 0);
}

static void a_message_that_is_refused_for_good_holds_nothing_up(void **state)
{
    raise_alert("one");
    raise_alert("two");
    sink_queue_kick(t.queue);
    answer(&(struct sink_result){ .hopeless = true, .retry_after_s = -1 });
    assert_int_equal(t.sent, 2);
    assert_int_equal(waiting(), 1);
}

/* A sink that limits its rate says when; one that asks for more than an hour is mistaken. */
static void a_sink_that_is_away_is_tried_when_it_says(void **state)
{
    raise_alert("one");
    sink_queue_kick(t.queue);
    answer(&(struct sink_result){ .status = 429, .retry_after_s = 1800 });
    assert_int_equal(t.wait_ms, 1800 * 1000);
    assert_int_equal(waiting(), 1);
    assert_int_equal(t.sent, 1);
    sink_queue_close(t.queue);
    assert_int_equal(sink_queue_open(&t.m, &t.config, "", &t.queue), 0);
    sink_queue_kick(t.queue);
    answer(&(struct sink_result){ .status = 503, .retry_after_s = 3601 });
    assert_in_range(t.wait_ms, 1, 1800 * 1000 - 1);
    assert_int_equal(waiting(), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_that_was_taken_is_sent_once),
        TEST(a_message_that_is_refused_for_good_holds_nothing_up),
        TEST(a_sink_that_is_away_is_tried_when_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

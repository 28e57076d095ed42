/* Timers of the loop that start themselves again. */
#include "tests/unit/cmocka_all.h"

#include "common/base/mem.h"
#include "common/io/loop.h"

struct world {
    struct loop *loop;
    struct timer *timer, *other;
    struct wakeup *wakeup;
    int turns, others, turns_before_wakeup;
};

static void on_timer(void *ctx)
{
    struct world *w = ctx;

    if (++w->turns == 1000)
        loop_stop(w->loop);
    else
        timer_start(w->timer, 0);
}

static void on_other(void *ctx)
{
    ((struct world *)ctx)->others++;
}

static void on_wakeup(void *ctx)
{
    struct world *w = ctx;

    w->turns_before_wakeup = w->turns;
}

static int open_world(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);

    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_timer, w, &w->timer), 0);
    assert_int_equal(timer_open(w->loop, on_other, w, &w->other), 0);
    assert_int_equal(wakeup_open(w->loop, on_wakeup, w, &w->wakeup), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    timer_close(w->timer);
    timer_close(w->other);
    wakeup_close(w->wakeup);
    assert_int_equal(loop_close(w->loop), 0);
    mem_free(w);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void a_timer_that_goes_on_and_on_starves_no_descriptor(void **state)
{
    struct world *w = *state;

    wakeup_send(w->wakeup);
    timer_start(w->timer, 0);
    (void)loop_run(w->loop);
    assert_int_equal(w->turns, 1000);
    assert_in_range(w->turns_before_wakeup, 1, 3);
}

static void start_both(void *ctx)
{
    struct world *w = ctx;

    if (w->turns++ > 0)
        loop_stop(w->loop);
    timer_start(w->other, 0);
    timer_stop(w->other);
    timer_start(w->other, 60 * 60 * 1000);
}

static void a_timer_that_was_stopped_or_moved_does_not_fire(void **state)
{
    struct world *w = *state;
    struct timer *starter;

    assert_int_equal(timer_open(w->loop, start_both, w, &starter), 0);
    timer_start(starter, 0);
    timer_start(w->timer, 5); /* ends the run after 1000 turns */
    (void)loop_run(w->loop);
    assert_int_equal(w->others, 0);
    timer_close(starter);
}

static void start_and_close(void *ctx)
{
    struct world *w = ctx;

    timer_start(w->other, 0);
    timer_close(w->other);
    w->other = NULL;
    timer_start(w->timer, 0);
}

static void a_timer_that_was_closed_does_not_fire(void **state)
{
    struct world *w = *state;
    struct timer *starter;

    assert_int_equal(timer_open(w->loop, start_and_close, w, &starter), 0);
    timer_start(starter, 0);
    (void)loop_run(w->loop);
    assert_int_equal(w->turns, 1000);
    assert_int_equal(w->others, 0);
    timer_close(starter);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_that_goes_on_and_on_starves_no_descriptor),
        TEST(a_timer_that_was_stopped_or_moved_does_not_fire),
        TEST(a_timer_that_was_closed_does_not_fire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

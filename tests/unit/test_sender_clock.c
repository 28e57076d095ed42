/* How late is a webhook, when its own time is of a foreign clock? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/monitor/sender_clock.h"

#define S    1000LL
#define WALL (1700000000 * S)

/* An event that is received now, and says that it occurred so long ago. */
static int64_t late(struct sender_clock *c, int64_t now_s, int64_t delay_ms)
{
    int64_t at = WALL + now_s * S;

    return sender_clock_late_ms(c, at, at - delay_ms, now_s * S);
}

static void test_clocks_that_agree(void **state)
{
    struct sender_clock c = { 0 };

    assert_int_equal(late(&c, 1, 50), 50);
    assert_int_equal(late(&c, 2, 3000), 3000);
    assert_int_equal(sender_clock_late_ms(&c, WALL, 0, 3 * S), 0); /* no time of its own */
}

/* Ahead by a second or by a year: received is when it occurred, and the next one is as if nothing had been. */
static void test_from_the_future(void **state)
{
    struct sender_clock c = { 0 };

    assert_int_equal(late(&c, 1, -10 * S), 0);
    assert_int_equal(late(&c, 2, -365 * 86400 * S), 0);
    assert_int_equal(late(&c, 3, 100), 100);
}

/* Ten minutes behind: old at first, then that is how the clock is. */
static void test_behind(void **state)
{
    struct sender_clock c = { 0 };

    for (int64_t t = 1; t <= 1201; t += 60)
        (void)late(&c, t, 600 * S);
    assert_int_equal(late(&c, 1300, 600 * S), 0);
    assert_int_equal(late(&c, 1310, 600 * S + 4000), 4000);
    /* and it is set right: at once */
    assert_int_equal(late(&c, 1320, 20), 0);
    assert_int_equal(late(&c, 1330, 5000), 4980);
}

/* A spool teaches nothing: its deliveries are late, also right after the start. */
static void test_a_spool(void **state)
{
    struct sender_clock c = { 0 };

    assert_int_equal(late(&c, 1, 300 * S), 300 * S);
    c = (struct sender_clock){ 0 };
    assert_int_equal(late(&c, 1, 10), 10);
    assert_int_equal(late(&c, 5000, 300 * S), 300 * S - 10);
    assert_int_equal(late(&c, 5001, 299 * S), 299 * S - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_clocks_that_agree),
                                        cmocka_unit_test(test_from_the_future), cmocka_unit_test(test_behind),
                                        cmocka_unit_test(test_a_spool) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

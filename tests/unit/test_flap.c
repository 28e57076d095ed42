/* Flap damping: penalty, decay, suppression and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/flap.h"
#include "tests/unit/monitor_rules.h"

#define MIN (60 * 1000LL)
#define T0  (1000 * MIN)

static void test_decay(void **state)
{
    static const struct {
        int64_t after_ms;
        int32_t score;
    } cases[] = { { 0, 1000 },       { 15 * MIN, 500 }, { 30 * MIN, 250 },
                  { 45 * MIN, 125 }, { 9999 * MIN, 0 }, { -5 * MIN, 1000 } };
    struct flap f = { 0 };

    flap_drop(default_rules(), &f, T0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(flap_score(default_rules(), &f, T0 + cases[i].after_ms), cases[i].score);
}

static void test_suppresses(void **state)
{
    static const struct {
        const char *what;
        int drops;
        int64_t every_ms;
        int suppressed_by; /* number of the drop, 0: none */
    } cases[] = {
        { "a drop an hour is life", 100, 60 * MIN, 0 },
        { "every 15 min: the sum stays under 2000", 100, 15 * MIN, 0 },
        { "at the same moment", 3, 0, 3 },
        { "every minute", 10, MIN, 4 },
        { "every 5 min", 10, 5 * MIN, 5 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flap f = { 0 };
        int by = 0;

        for (int n = 1; n <= cases[i].drops; n++)
            if (flap_drop(default_rules(), &f, T0 + n * cases[i].every_ms)) {
                assert_int_equal(by, 0); /* once */
                by = n;
            }
        if (by != cases[i].suppressed_by)
            fail_msg("%s: suppressed by drop %d, not %d", cases[i].what, by, cases[i].suppressed_by);
    }
}

static void test_reuse(void **state)
{
    struct flap f = { 0 };

    assert_int_equal(flap_until_ms(default_rules(), &f), 0);
    for (int n = 0; n < 3; n++)
        flap_drop(default_rules(), &f, T0);
    assert_int_equal(flap_until_ms(default_rules(), &f), T0 + 30 * MIN); /* 3000 to 750: two half-lives */
    assert_false(flap_relax(default_rules(), &f, T0 + 30 * MIN - 1));
    assert_true(flap_relax(default_rules(), &f, T0 + 30 * MIN));
    assert_false(flap_relax(default_rules(), &f, T0 + 30 * MIN));
    assert_int_equal(flap_until_ms(default_rules(), &f), 0);
}

/* A session that never rests is still tried once an hour. */
static void test_at_most_an_hour(void **state)
{
    struct flap f = { 0 };

    for (int n = 0; n < 100; n++)
        flap_drop(default_rules(), &f, T0 + n * MIN / 2);
    assert_int_equal(f.score, 12000);
    assert_int_equal(flap_until_ms(default_rules(), &f), f.suppressed_ms + 60 * MIN);
    assert_true(flap_relax(default_rules(), &f, f.suppressed_ms + 60 * MIN));
}

/* A drop that was not its own: as if it had not been. */
static void test_give_back(void **state)
{
    struct flap f = { 0 }, other = { 0 };

    flap_drop(default_rules(), &f, T0);
    flap_drop(default_rules(), &f, T0);
    other = f;
    assert_true(flap_drop(default_rules(), &f, T0));
    flap_give_back(default_rules(), &f, T0 + MIN);
    assert_int_equal(f.suppressed_ms, 0);
    assert_in_range(f.score, flap_score(default_rules(), &other, T0 + MIN) - 1,
                    flap_score(default_rules(), &other, T0 + MIN) + 1);
    f.suppressed_ms = T0; /* suppressed before that drop: it stays */
    flap_drop(default_rules(), &f, T0 + 2 * MIN);
    flap_give_back(default_rules(), &f, T0 + 2 * MIN);
    assert_int_equal(f.suppressed_ms, T0);
}

/* A half-life that is short against the longest rest: the ceiling must not run over. */
static void test_short_half_life(void **state)
{
    struct rules rules = *default_rules();
    struct flap f = { 0 };

    rules.flap_half_life_ms = 1000;
    assert_false(flap_drop(&rules, &f, T0));
    assert_false(flap_drop(&rules, &f, T0));
    assert_true(flap_drop(&rules, &f, T0));
    assert_int_equal(flap_until_ms(&rules, &f), T0 + 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay),           cmocka_unit_test(test_suppresses),
        cmocka_unit_test(test_reuse),           cmocka_unit_test(test_give_back),
        cmocka_unit_test(test_at_most_an_hour), cmocka_unit_test(test_short_half_life)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

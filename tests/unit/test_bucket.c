/* The token bucket: levels, slow start, and that nothing looked at more often gives more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/policy/bucket.h"

#define T0 ((int64_t)1000 * 1000)

static struct policy policy(int64_t rate_milli, int64_t burst)
{
    struct policy p = policy_default;

    p.rate_milli = rate_milli;
    p.burst = burst;
    return p;
}

/* Attempts apart from each other are a bucket of one; an operator's number wins over the driver's. */
static void test_starts_apart(void **state)
{
    static const struct {
        int64_t setting_ms, driver_ms, rate_milli, burst;
    } cases[] = {
        { 0, 0, 2000, 5 },        { 0, 3000, 333, 1 },
        { 10000, 3000, 100, 1 },  { 100, 3000, 2000, 1 }, /* the rate stays the least */
        { 0, 3600 * 1000, 1, 1 },                         /* never 0: an attempt is made at last */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy p = policy(2000, 5);

        p.start_apart_ms = cases[i].setting_ms;
        policy_space_starts(&p, cases[i].driver_ms);
        assert_int_equal(p.rate_milli, cases[i].rate_milli);
        assert_int_equal(p.burst, cases[i].burst);
    }
}

static void test_level(void **state)
{
    static const struct {
        int64_t micro, at, now, level;
    } cases[] = {
        { 0, 0, T0, 5 }, /* never used: full */
        { 0, T0, T0, 0 },
        { 0, T0, T0 + 499, 0 },
        { 0, T0, T0 + 500, 1 },
        { 0, T0, T0 + 2400, 4 },
        { 0, T0, T0 + 3600 * 1000, 5 }, /* never over its size */
        { 0, T0, INT64_MAX / 2, 5 },
        { 999999, T0, T0 + 1, 1 },            /* fractions are kept */
        { 5000000, T0, T0 - 3600 * 1000, 5 }, /* time that runs backwards */
        { 0, T0, T0 - 3600 * 1000, 0 },
    };
    struct policy p = policy(2000, 5);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bucket b = { .micro = cases[i].micro, .at = cases[i].at };

        assert_int_equal(bucket_level(&p, &b, cases[i].now), cases[i].level);
    }
}

/* A bridge that answered 429: nothing comes out before its time, then it fills as ever. */
static void test_pause(void **state)
{
    struct policy p = policy(2000, 5);
    struct bucket full = { .micro = 5000000, .at = T0 }, b = bucket_pause(&full, T0 + 60000);

    assert_int_equal(bucket_level(&p, &b, T0 + 59999), 0);
    assert_int_equal(bucket_level(&p, &b, T0 + 60500), 1);
    assert_int_equal(bucket_ready_at(&p, &b, T0), T0 + 60500);
    b = bucket_hold(&p, &b, 2, T0 + 1000); /* another call ends meanwhile */
    assert_int_equal(bucket_level(&p, &b, T0 + 59999), 0);
    b = bucket_pause(&b, T0 + 10); /* a shorter one shortens nothing */
    assert_int_equal(bucket_level(&p, &b, T0 + 59999), 0);
}

static void test_ready_at(void **state)
{
    static const struct {
        int64_t rate_milli, micro, slow_from, wait_ms;
    } cases[] = {
        { 2000, 1000000, 0, 0 }, { 2000, 0, 0, 500 },   { 2000, 500000, 0, 250 }, { 1, 0, 0, 1000 * 1000 },
        { 10000, 0, 0, 100 },    { 10000, 0, T0, 935 }, /* the ramp: 10 % of the rate, growing */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy p = policy(cases[i].rate_milli, 5);
        struct bucket b = { .micro = cases[i].micro, .at = T0, .slow_from = cases[i].slow_from };
        int64_t at = bucket_ready_at(&p, &b, T0);

        assert_in_range(at - T0, cases[i].wait_ms, cases[i].wait_ms + 5);
        assert_true(bucket_level(&p, &b, at) >= 1);
        assert_true(at == T0 || bucket_level(&p, &b, at - 1) < 1);
    }
}

/* Taken as fast as it gives, looked at at random: no window of time sees more than burst + rate * time, and
 * nothing is lost by looking often. */
static void test_never_over_its_rate(void **state)
{
    struct policy p = policy(10000, 5);
    struct rng rng;

    rng_init(&rng, 1);
    for (int slow = 0; slow <= 1; slow++) {
        struct bucket b = { .micro = 5000000, .at = T0 };
        int64_t now = T0, taken = 0, in_full = slow ? 33 * 10 : 60 * 10; /* the ramp brings 55 % */

        if (slow)
            b = bucket_slow_start(&p, &b, now);
        for (; now < T0 + 60 * 1000; now += (int64_t)rng_below(&rng, 40)) {
            b = bucket_fill(&p, &b, now);
            while (bucket_level(&p, &b, now) >= 1) {
                b = bucket_take(&p, &b, now);
                taken++;
            }
        }
        assert_in_range(taken, in_full - 2, in_full + 5);
    }
}

static void test_slow_start(void **state)
{
    static const struct {
        int64_t after_ms, size;
    } cases[] = {
        { 0, 10 }, { 30000, 55 }, { 59999, 99 }, { 60000, 100 }, { 100000, 100 },
    };
    struct policy p = policy(1000 * 1000, 100); /* fills at once: its size is seen */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bucket full = { .micro = 100 * 1000000, .at = T0 };
        struct bucket b = bucket_slow_start(&p, &full, T0);

        assert_int_equal(bucket_level(&p, &b, T0 + cases[i].after_ms), cases[i].size);
    }

    struct bucket full = { .micro = 100 * 1000000, .at = T0 };
    struct bucket b = bucket_slow_start(&p, &full, T0);

    /* As people are shown it. */
    assert_int_equal(bucket_rate_milli(&p, &b, T0), p.rate_milli / 10);
    assert_int_equal(bucket_rate_milli(&p, &b, T0 + p.slow_start_ms / 2), p.rate_milli * 55 / 100);
    assert_int_equal(bucket_rate_milli(&p, &b, T0 + p.slow_start_ms), p.rate_milli);
    assert_int_equal(bucket_slow_until(&p, &b, T0 + 1), T0 + p.slow_start_ms);
    assert_int_equal(bucket_slow_until(&p, &b, T0 + p.slow_start_ms), 0);
    assert_int_equal(bucket_slow_until(&p, &full, T0), 0);
}

static void test_small_bucket_still_gives(void **state)
{
    struct policy p = policy(1000, 1);
    struct bucket full = { .micro = 1000000, .at = T0 };
    struct bucket b = bucket_slow_start(&p, &full, T0);

    assert_int_equal(bucket_level(&p, &b, T0), 1);
    b = bucket_take(&p, &b, T0);
    assert_in_range(bucket_ready_at(&p, &b, T0) - T0, 5000, 10000);
}

static void test_hold(void **state)
{
    static const struct {
        int64_t out, level;
    } cases[] = {
        { 0, 5 }, { 1, 4 }, { 4, 1 }, { 5, 1 }, /* one always has room */
        { 9, 1 },
    };
    struct policy p = policy(10000, 5);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bucket b = bucket_hold(&p, &(struct bucket){ .at = T0 }, cases[i].out, T0 + 10000);

        assert_int_equal(bucket_level(&p, &b, T0 + 10000), cases[i].level);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_starts_apart),
        cmocka_unit_test(test_ready_at),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_never_over_its_rate),
        cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_small_bucket_still_gives),
        cmocka_unit_test(test_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

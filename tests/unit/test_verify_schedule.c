/* When to look whether an attempt has worked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/verify_schedule.h"

#define CALLED 100000
#define UNTIL  (CALLED + 20000)

/* polled, expected: ms after the call; -1: polled before it. 0 expected: nothing more to look at. */
static const int64_t cases[][2] = {
    { -1, 2000 },    { 0, 2000 },      { 1999, 2000 },   { 2000, 5000 }, { 2500, 5000 }, { 5000, 10000 },
    { 9999, 10000 }, { 10000, 20000 }, { 19999, 20000 }, { 20000, 0 },   { 90000, 0 },
};

static void test_looks(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t next = verify_next_ms(CALLED, UNTIL, CALLED + cases[i][0]);

        assert_int_equal(next ? next - CALLED : 0, cases[i][1]);
    }
}

/* A shorter verification has its last look at its own end. */
static void test_short(void **state)
{
    assert_int_equal(verify_next_ms(CALLED, CALLED + 4000, CALLED), CALLED + 2000);
    assert_int_equal(verify_next_ms(CALLED, CALLED + 4000, CALLED + 2000), CALLED + 4000);
    assert_int_equal(verify_next_ms(CALLED, CALLED + 1000, CALLED), CALLED + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_looks), cmocka_unit_test(test_short) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

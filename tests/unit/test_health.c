/* Health of a bridge: rows of checks ("+" good, "-" bad) and the news they make ("u" up, "d" down, "." none).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/health.h"
#include "tests/unit/monitor_rules.h"

static const struct {
    const char *checks, *news;
} cases[] = {
    { "+", "u" },               /* nothing to contradict */
    { "++++", "u..." },         /* once */
    { "---", "..d" },           /* a bridge that never answered is down, too */
    { "--+", "..u" },           /* it was only slow to start */
    { "+--+--+", "u......" },   /* two bad checks are no outage */
    { "+---", "u..d" },         /* three are */
    { "+---+", "u..d." },       /* one good answer is not enough */
    { "+---++", "u..d.u" },     /* two are */
    { "+---+-++", "u..d...u" }, /* in a row */
    { "+-----------------++", "u..d...............u" },
};

static void test_news(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health h = { 0 };

        for (size_t n = 0; cases[i].checks[n]; n++) {
            enum health_news news = health_check(default_rules(), &h, cases[i].checks[n] == '+',
                                                 (int64_t)n * 10000, (int64_t)n * 10000);
            char is = news == HEALTH_WENT_UP ? 'u' : news == HEALTH_WENT_DOWN ? 'd' : '.';

            if (is != cases[i].news[n])
                fail_msg("%s: check %zu gives %c, not %c", cases[i].checks, n, is, cases[i].news[n]);
        }
    }
}

/* Three checks within a second are one: a bridge that starts is not down. */
static void test_not_so_soon(void **state)
{
    const struct rules *rules = default_rules();
    struct health h = { 0 };

    assert_int_equal(health_check(rules, &h, true, 1000, 1000), HEALTH_WENT_UP);
    for (int64_t t = 2000; t < 2000 + rules->health_down_ms; t += 1000)
        assert_int_equal(health_check(rules, &h, false, t, t), HEALTH_NO_NEWS);
    assert_int_equal(health_check(rules, &h, false, 20000, 20000), HEALTH_WENT_DOWN);
}

/* A bridge that hangs: the time of the first bad check counts made, not when it was given up. */
static void test_a_hang(void **state)
{
    const struct rules *rules = default_rules();
    struct health h = { .state = HEALTH_UP, .run = 5, .run_good = true };
    int64_t asked_ms = rules->health_check_ms; /* it hangs right after a good check */
    enum health_news news = HEALTH_NO_NEWS;

    for (; news == HEALTH_NO_NEWS; asked_ms += rules->health_timeout_ms + rules->confirm_ms)
        news = health_check(rules, &h, false, asked_ms, asked_ms + rules->health_timeout_ms);
    assert_int_equal(news, HEALTH_WENT_DOWN);
    assert_in_range(asked_ms - rules->confirm_ms, 1, 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_news), cmocka_unit_test(test_not_so_soon),
                                        cmocka_unit_test(test_a_hang) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

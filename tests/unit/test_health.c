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
    { "++++", "u..." },         /* told once */
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
            enum health_news news = health_check(default_rules(), &h, cases[i].checks[n] == '+');
            char is = news == HEALTH_WENT_UP ? 'u' : news == HEALTH_WENT_DOWN ? 'd' : '.';

            if (is != cases[i].news[n])
                fail_msg("%s: check %zu gives %c, not %c", cases[i].checks, n, is, cases[i].news[n]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_news) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

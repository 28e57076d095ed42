/* Deaf sessions: weeks of messages on a stepped clock, then silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/silence.h"
#include "tests/unit/monitor_rules.h"

#define MIN  (60 * 1000LL)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)
#define T0   (7 * DAY * 2900) /* the hour of the week that a week's count begins with */

/* Does a session of this kind hear something in this minute of the week? */
typedef bool (*rhythm_fn)(int64_t minute);

static bool always(int64_t minute)
{
    return true;
}

static bool office_hours(int64_t minute)
{
    int64_t day = minute / (24 * 60), hour = minute / 60 % 24;

    return day < 5 && hour >= 9 && hour < 18 && minute % 7 == 0;
}

static bool once_a_day(int64_t minute)
{
    return minute % (24 * 60) == 600;
}

static bool never(int64_t minute)
{
    return false;
}

/* Runs minutes [from, to) since T0; *ret_silent_min: the first minute at which it became silent, or -1. */
static void run(struct silence *d, rhythm_fn rhythm, int64_t from, int64_t to, int64_t *ret_silent_min)
{
    *ret_silent_min = -1;
    for (int64_t m = from; m < to; m++) {
        if (rhythm(m % (7 * 24 * 60)))
            silence_message(default_rules(), d, T0 + m * MIN + 1);
        if (silence_tick(default_rules(), d, true, T0 + m * MIN + 2) && *ret_silent_min < 0)
            *ret_silent_min = m;
    }
}

#define WEEKS(n)            ((n)*7 * 24 * 60LL)
#define AT(week, day, hour) (WEEKS(week) + (day)*24 * 60LL + (hour)*60LL)

static const struct {
    const char *what;
    rhythm_fn rhythm;
    int64_t silent_from, until; /* minutes since T0 */
    int64_t deaf_from, deaf_to; /* expected, -1: never */
} cases[] = {
    { "in the first week nothing is known", always, AT(0, 3, 0), AT(0, 7, 0), -1, -1 },
    { "busy all the time: 12 slots are 2 h, the longest silence was nothing", always, AT(2, 2, 12),
      AT(2, 3, 0), AT(2, 2, 13), AT(2, 2, 15) },
    { "an office on its third Sunday", office_hours, AT(3, 0, 0), AT(3, 0, 9), -1, -1 },
    { "an office that receives nothing on a Tuesday", office_hours, AT(3, 1, 9), AT(3, 2, 0), AT(3, 1, 10),
      AT(3, 1, 13) },
    { "an office that falls silent in the evening: alerted in the morning", office_hours, AT(3, 1, 18),
      AT(3, 3, 0), AT(3, 2, 10), AT(3, 2, 13) },
    { "one message a day: days later", once_a_day, AT(4, 0, 0), AT(7, 0, 0), AT(5, 4, 0), AT(6, 0, 0) },
    { "quiet", never, AT(0, 0, 0), AT(8, 0, 0), -1, -1 },
};

static void test_rhythms(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct silence d;
        int64_t silent_min;

        silence_init(&d);
        run(&d, cases[i].rhythm, 0, cases[i].silent_from, &silent_min);
        if (silent_min >= 0)
            fail_msg("%s: silent in minute %ld although it receives", cases[i].what, (long)silent_min);
        run(&d, never, cases[i].silent_from, cases[i].until, &silent_min);
        if (cases[i].deaf_from < 0 ? silent_min >= 0
                                   : silent_min < cases[i].deaf_from || silent_min > cases[i].deaf_to)
            fail_msg("%s: silent in minute %ld, %ld from the silence on", cases[i].what, (long)silent_min,
                     (long)(silent_min - cases[i].silent_from));
    }
}

/* A silence that ended by itself is part of the rhythm: the same again raises nothing. */
static void test_learns_from_a_false_alarm(void **state)
{
    struct silence d;
    int64_t silent_min;

    silence_init(&d);
    run(&d, office_hours, 0, AT(3, 2, 0), &silent_min);
    run(&d, never, AT(3, 2, 0), AT(3, 3, 0), &silent_min); /* a holiday on Wednesday */
    assert_true(silent_min > 0);
    assert_true(silence_message(default_rules(), &d, T0 + AT(3, 3, 9) * MIN));
    run(&d, office_hours, AT(3, 3, 9), AT(4, 2, 0), &silent_min);
    assert_int_equal(silent_min, -1);
    run(&d, never, AT(4, 2, 0), AT(4, 3, 0), &silent_min);
    assert_int_equal(silent_min, -1);
}

/* Silence while it is not connected, or while no message would reach us, is no silence. */
static void test_not_listening(void **state)
{
    struct silence d;
    int64_t silent_min;

    silence_init(&d);
    run(&d, always, 0, AT(2, 0, 0), &silent_min);
    for (int64_t m = AT(2, 0, 0); m < AT(2, 1, 0); m++)
        assert_false(silence_tick(default_rules(), &d, false, T0 + m * MIN));
    run(&d, never, AT(2, 1, 0), AT(2, 1, 1), &silent_min);
    assert_int_equal(silent_min, -1);
    run(&d, never, AT(2, 1, 1), AT(2, 1, 4), &silent_min);
    assert_in_range(silent_min, AT(2, 1, 1), AT(2, 1, 3));
}

/* Time that jumps (the caller hands in time that does not): no endless loop, and it goes on from there. */
static void test_clock_steps(void **state)
{
    static const int64_t step[] = { DAY, -DAY, 400 * DAY, -400 * DAY };

    for (size_t i = 0; i < ARRAY_LEN(step); i++) {
        struct silence d;
        int64_t silent_min;

        silence_init(&d);
        run(&d, always, 0, AT(2, 0, 0), &silent_min);
        (void)silence_tick(default_rules(), &d, true, T0 + AT(2, 0, 0) * MIN + step[i]);
        assert_in_range(d.since_ms, 1, T0 + AT(2, 0, 0) * MIN + step[i]);
        silence_message(default_rules(), &d, T0 + AT(2, 0, 0) * MIN + step[i]);
        assert_false(d.silent);
    }
}

/* The learned profile survives a restart; the hour under way does not. */
static void test_packs(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(4096);
    struct silence d, again;
    int64_t silent_min;

    silence_init(&d);
    run(&d, office_hours, 0, AT(3, 0, 0), &silent_min);
    assert_int_equal(silence_pack(&d, &b), 0);
    assert_true(silence_unpack((struct str){ b.data, b.len }, &again));
    assert_memory_equal(again.rate, d.rate, sizeof d.rate);
    assert_int_equal(again.since_ms, 0);
    assert_true(again.longest > d.longest * 0.99F && again.longest <= d.longest);
    assert_false(silence_unpack((struct str){ b.data, b.len - 1 }, &again));
    b.data[0]++;
    assert_false(silence_unpack((struct str){ b.data, b.len }, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rhythms),
                                        cmocka_unit_test(test_learns_from_a_false_alarm),
                                        cmocka_unit_test(test_not_listening),
                                        cmocka_unit_test(test_clock_steps), cmocka_unit_test(test_packs) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

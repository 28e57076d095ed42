/* When is it the bridge rather than its sessions, and when is it over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/incident.h"
#include "tests/unit/monitor_rules.h"

#define S 1000

struct drop {
    int64_t at_ms;
    int n, connected; /* connected after it */
};

static const struct {
    const char *what;
    struct drop drops[4];
    bool begins; /* with the last drop, and not before */
} mass[] = {
    { "4 of 4 are not enough", { { 100 * S, 4, 0 } }, false },
    { "5 of 5", { { 100 * S, 5, 0 } }, true },
    { "5 of 10: half", { { 100 * S, 5, 5 } }, true },
    { "5 of 11: less than half", { { 100 * S, 5, 6 } }, false },
    { "one by one", { { 100 * S, 2, 8 }, { 110 * S, 2, 6 }, { 120 * S, 1, 5 } }, true },
    { "29 s apart", { { 100 * S, 3, 3 }, { 129 * S, 3, 0 } }, true },
    { "30 s apart: forgotten", { { 100 * S, 3, 3 }, { 130 * S, 3, 0 } }, false },
    { "long ago", { { 100 * S, 4, 3 }, { 9000 * S, 3, 0 } }, false },
    { "500 of 10,000", { { 100 * S, 500, 9500 } }, false },
    { "5000 of 10,000", { { 100 * S, 2500, 7500 }, { 101 * S, 2500, 5000 } }, true },
};

static void test_mass_drop(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(mass); i++) {
        struct incident in = { 0 };
        bool begins = false;

        for (size_t d = 0; d < ARRAY_LEN(mass[i].drops) && mass[i].drops[d].n; d++) {
            const struct drop *drop = &mass[i].drops[d];

            if (begins)
                fail_msg("%s: began too early", mass[i].what);
            begins = incident_drops(default_rules(), &in, drop->n, drop->connected, drop->at_ms);
        }
        if (begins != mass[i].begins || (in.kind == INCIDENT_MASS_DROP) != begins)
            fail_msg("%s", mass[i].what);
    }
}

/* One drop every ten seconds, for an hour: there are never five within the window of 30 s. */
static void test_old_drops_are_forgotten(void **state)
{
    struct incident in = { 0 };

    for (int i = 0; i < 360; i++)
        assert_false(incident_drops(default_rules(), &in, 1, 0, (1000 + 10 * i) * S));
}

static void test_transport(void **state)
{
    static const struct {
        const char *calls; /* + and - */
        bool begins;
    } cases[] = { { "----", false }, { "-----", true }, { "----+----", false }, { "+-----", true } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct incident in = { 0 };
        bool begins = false;

        for (const char *c = cases[i].calls; *c; c++)
            begins |= incident_call(default_rules(), &in, *c == '+', 100 * S);
        if (begins != cases[i].begins)
            fail_msg("%s", cases[i].calls);
    }
}

static void test_begins_once(void **state)
{
    struct incident in = { 0 };

    assert_true(incident_down(&in, 100 * S));
    assert_int_equal(in.since_ms, 100 * S);
    assert_false(incident_down(&in, 101 * S));
    assert_false(incident_drops(default_rules(), &in, 100, 0, 101 * S));
    for (int n = 0; n < 10; n++)
        assert_false(incident_call(default_rules(), &in, false, 101 * S));
    assert_int_equal(in.kind, INCIDENT_DOWN);
    assert_int_equal(in.since_ms, 100 * S);
}

/* g: good sweep; b: bad one; d: good, with a new drop. */
static void test_ends(void **state)
{
    static const struct {
        const char *sweeps;
        bool ends; /* with the last one */
    } cases[] = { { "g", false },  { "gg", true },  { "gbg", false }, { "gdg", false },
                  { "bgg", true }, { "dgg", true }, { "gbgg", true } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct incident in = { 0 };
        bool ended = false;

        assert_false(incident_sweep(default_rules(), &in, true, 0, 101 * S)); /* nothing to end */
        incident_down(&in, 100 * S);
        for (const char *c = cases[i].sweeps; *c; c++) {
            assert_false(ended);
            ended = incident_sweep(default_rules(), &in, *c != 'b', *c == 'd', 101 * S);
        }
        if (ended != cases[i].ends)
            fail_msg("%s", cases[i].sweeps);
        if (ended)
            assert_true(incident_down(&in, 200 * S)); /* and may begin again */
    }
}

/* Drops that made the incident do not make the next one. */
static void test_counts_afresh(void **state)
{
    struct incident in = { 0 };

    assert_true(incident_drops(default_rules(), &in, 5, 0, 100 * S));
    incident_sweep(default_rules(), &in, true, 0, 101 * S);
    assert_true(incident_sweep(default_rules(), &in, true, 0, 101 * S));
    assert_false(incident_drops(default_rules(), &in, 1, 4, 101 * S));
}

/* One session that drops again and again is not many, and one that is damped is none. */
static void test_counts_sessions(void **state)
{
    const struct rules *rules = default_rules();

    assert_true(incident_counts(rules, 0, false, 100 * S));
    assert_false(incident_counts(rules, 100 * S, false, 103 * S));
    assert_true(incident_counts(rules, 100 * S, false, 130 * S));
    assert_false(incident_counts(rules, 0, true, 100 * S));
}

/* Sessions that go on dropping while the bridge answers well hold nobody longer than the limit, and the next mass drop
 * waits as long. One without an answer from the bridge has no limit. */
static void test_has_a_limit(void **state)
{
    const struct rules *rules = default_rules();
    int64_t end = 100 * S + rules->incident_max_ms;
    struct incident in = { 0 };

    assert_true(incident_drops(rules, &in, 5, 0, 100 * S));
    for (int64_t t = 105 * S; t < end; t += 5 * S)
        assert_false(incident_sweep(rules, &in, true, 1, t));
    assert_false(incident_sweep(rules, &in, false, 1, end));
    assert_true(incident_sweep(rules, &in, true, 1, end));
    assert_false(incident_drops(rules, &in, 50, 0, end + 5 * S));
    assert_true(incident_drops(rules, &in, 50, 0, end + rules->incident_max_ms));

    in = (struct incident){ 0 };
    assert_true(incident_down(&in, 100 * S));
    assert_false(incident_sweep(rules, &in, true, 1, end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mass_drop),
        cmocka_unit_test(test_old_drops_are_forgotten),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_begins_once),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_counts_afresh),
        cmocka_unit_test(test_counts_sessions),
        cmocka_unit_test(test_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

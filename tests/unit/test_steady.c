/* Steady time: for any step of the clocks, an interval measured with it is never too short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

#define DAY  ((int64_t)24 * 3600 * 1000)
#define WALL ((int64_t)1795340484332)

static struct now commit_now(struct db *db, struct clock_stepped *c)
{
    struct now now = { 0 };

    assert_int_equal(db_begin(db), 0);
    assert_int_equal(steady_now(db, &c->clock, &now), 0);
    assert_int_equal(db_commit(db), 0);
    return now;
}

/* The events between two readings, and how much steady time that is. */
static void test_steps(void **state)
{
    static const struct {
        const char *what;
        const char *boot_id;
        int64_t wall_by, boot_at; /* boot_at 0: boot goes on by really */
        int64_t really, steady;
    } cases[] = {
        { "nothing but time", "a", 5000, 0, 5000, 5000 },
        { "the wall clock jumps a day ahead", "a", DAY + 5000, 0, 5000, 5000 },
        { "the wall clock jumps a day back", "a", 5000 - DAY, 0, 5000, 5000 },
        { "a reboot that took 20 s, up for 30 s", "b", 50000, 30000, 50000, 30000 },
        { "a reboot and the wall jumps a day ahead", "b", DAY, 30000, 50000, 30000 },
        { "a reboot and the wall jumps a day back", "b", -DAY, 30000, 50000, 0 },
        { "moved to a machine that is up for a year", "c", 60000, 365 * DAY, 60000, 60000 },
        { "the same boot id, but time began anew", "a", 50000, 30000, 50000, 30000 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct clock_stepped before, after;
        struct db *db = NULL;
        int64_t boot = cases[i].boot_at ? cases[i].boot_at : 7 * DAY + cases[i].really;
        struct now a, b;

        assert_int_equal(db_open_memory(&state_schema, &db), 0);
        clock_stepped_init(&before, WALL, 7 * DAY, "a");
        clock_stepped_init(&after, WALL + cases[i].wall_by, boot, cases[i].boot_id);
        a = commit_now(db, &before);
        b = commit_now(db, &after);
        if (b.steady_ms - a.steady_ms != cases[i].steady)
            fail_msg("%s: %lld ms", cases[i].what, (long long)(b.steady_ms - a.steady_ms));
        assert_true(b.steady_ms - a.steady_ms <= cases[i].really);
        assert_int_equal(b.wall_ms, WALL + cases[i].wall_by);
        db_close(db);
    }
}

/* Readings that commit nothing agree with those that do, before and after the first anchor. */
static void test_reading_only(void **state)
{
    struct clock_stepped c;
    struct db *db = NULL;
    struct now a = { 0 }, b;

    assert_int_equal(db_open_memory(&state_schema, &db), 0);
    clock_stepped_init(&c, WALL, 1000 * 1000, "a");
    assert_int_equal(steady_now(db, &c.clock, &a), 0);
    b = commit_now(db, &c);
    assert_int_equal(a.steady_ms, b.steady_ms);
    clock_step(&c, 90 * 1000);
    assert_int_equal(steady_now(db, &c.clock, &a), 0);
    assert_int_equal(a.steady_ms, b.steady_ms + 90 * 1000);
    b = commit_now(db, &c);
    assert_int_equal(a.steady_ms, b.steady_ms);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_reading_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

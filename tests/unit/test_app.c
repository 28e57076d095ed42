/* Booting: several starts of one program in one process, each with its own clock, random numbers and settings. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/app/app.h"
#include "common/base/mem.h"

struct part {
    struct app_settings settings;
    struct app *app;
};

static const struct setting table[] = {
    SETTINGS_OF(app_settings_table, struct part, settings),
    APP_ADMIN_ROW("off", "x"),
    { 0 },
};
static const struct app_spec spec = {
    .service = "part", .program = "part", .what = "x", .table = table, .no_publisher = true
};

static void open_part(struct part *p, const char *flag, struct clock *clock, struct rng *rng)
{
    const char *const argv[] = { "part", flag, "--log=error", NULL };
    const struct app_start start = { .argc = 3, .argv = (char *const *)argv, .clock = clock, .rng = rng };

    assert_int_equal(app_open(&spec, &start, &p->settings, &p->app), 0);
}

static void starts_in_one_process_share_nothing(void **state)
{
    struct clock_stepped clock;
    struct rng rng[2];
    struct part a = { 0 }, b = { 0 };

    clock_stepped_init(&clock, 5000, 1000, "boot");
    rng_init(&rng[0], 7);
    rng_init(&rng[1], 7);
    open_part(&a, "--data-dir=/one", &clock.clock, &rng[0]);
    open_part(&b, "--data-dir=/two", &clock.clock, &rng[1]);
    assert_string_equal(a.settings.data_dir, "/one");
    assert_string_equal(b.settings.data_dir, "/two");
    clock_step(&clock, 500);
    assert_int_equal(app_clock(a.app)->wall_ms(app_clock(a.app)), 5500);
    assert_int_equal(app_clock(b.app)->boot_ms(app_clock(b.app)), 1500);
    assert_true(rng_next(app_rng(a.app)) == rng_next(app_rng(b.app)));
    assert_int_equal(app_close(a.app, 0), 0);
    assert_string_equal(b.settings.data_dir, "/two");
    assert_int_equal(app_close(b.app, 0), 0);
    assert_int_equal(mem_live(), 0);
}

static void without_sources_the_machine_has_them(void **state)
{
    struct part a = { 0 };
    struct clock machine;

    clock_init(&machine);
    open_part(&a, "--data-dir=/one", NULL, NULL);
    assert_true(app_clock(a.app)->wall_ms(app_clock(a.app)) >= machine.wall_ms(&machine) - 60000);
    assert_string_equal(app_clock(a.app)->boot_id, machine.boot_id);
    assert_int_equal(app_close(a.app, 0), 0);
}

static void new_files_are_not_for_others(void **state)
{
    struct part a = { 0 };
    mode_t mask;

    (void)umask(0);
    open_part(&a, "--data-dir=/one", NULL, NULL);
    mask = umask(0);
    assert_int_equal(mask, 0027);
    assert_int_equal(app_close(a.app, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_in_one_process_share_nothing),
        cmocka_unit_test(without_sources_the_machine_has_them),
        cmocka_unit_test(new_files_are_not_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

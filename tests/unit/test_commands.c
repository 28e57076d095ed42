/* How seldom an idle forwarder reads its commands while a database notifies of commits. Engines and rows are made by the test. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "common/store/forward_commands.h"
#include "services/forwarder/commands.h"
#include "tests/unit/test_store.h"

/* commands.c: how often its timer fires, and how long it leaves the rows alone. */
#define LOOK_MS  2000
#define QUIET_MS 8000

/* The linker lets these come through here (CMakeLists.txt). */
int __real_timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret);
int __wrap_timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret);
int __wrap_db_data_version(struct db *db, int64_t *ret);
int __wrap_forward_command_first(struct db *state, int64_t after_n, struct forward_command *ret,
                                 struct buf *texts);
int __wrap_units_count(const struct units *u);
struct engine *__wrap_units_engine(const struct units *u, int i);
struct engine *__wrap_units_engine_for(const struct units *u, const char *destination);
void __wrap_engine_poke(struct engine *e);

static struct {
    struct clock_stepped clock;
    struct app_settings settings;
    struct app *app;
    struct state_store state;
    struct commands *commands;
    timer_fn fn; /* of the newest timer */
    void *ctx;
    int64_t version; /* of the rows */
    int version_error;
    bool waits; /* a command of another forwarder */
    int looks;
} t;

int __wrap_timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret)
{
    t.fn = fn;
    t.ctx = ctx;
    return __real_timer_open(l, fn, ctx, ret);
}

int __wrap_db_data_version(struct db *db, int64_t *ret)
{
    *ret = t.version;
    return t.version_error;
}

int __wrap_forward_command_first(struct db *state, int64_t after_n, struct forward_command *ret,
                                 struct buf *texts)
{
    t.looks += after_n == 0;
    if (!t.waits || after_n > 0)
        return FORWARD_NO_COMMAND;
    *ret = (struct forward_command){ .n = 1, .filter.destination = "elsewhere" };
    return 0;
}

int __wrap_units_count(const struct units *u)
{
    return 1;
}

/* There is one, and nothing is asked of it. */
struct engine *__wrap_units_engine(const struct units *u, int i)
{
    static char engine;

    return (struct engine *)(void *)&engine;
}

struct engine *__wrap_units_engine_for(const struct units *u, const char *destination)
{
    return NULL;
}

void __wrap_engine_poke(struct engine *e)
{
}

static int setup(void **state)
{
    static const struct app_spec spec = {
        .service = "test", .program = "test", .what = "x", .table = app_settings_table, .no_publisher = true
    };
    static char name[] = "test", flag[] = "--log=error";
    static char *argv[] = { name, flag, NULL };
    const struct app_start start = { .argc = 2, .argv = argv, .clock = &t.clock.clock };

    memset(&t, 0, sizeof t);
    clock_stepped_init(&t.clock, 1700000000000, 5000000, "boot");
    assert_int_equal(app_open(&spec, &start, &t.settings, &t.app), 0);
    t.state = STATE_STORE("postgresql://nowhere/zapkeep", "trying again");
    t.state.db = test_state();
    assert_int_equal(commands_open(t.app, NULL, &t.state, &t.commands), 0);
    return 0;
}

static int teardown(void **state)
{
    commands_close(t.commands);
    state_store_close(&t.state);
    return app_close(t.app, 0);
}

/* The timer fires @n times more. */
static void fire(int n)
{
    for (int i = 0; i < n; i++) {
        clock_step(&t.clock, LOOK_MS);
        t.fn(t.ctx);
    }
}

static void without_a_commit_the_rows_are_read_every_eight_seconds(void **state)
{
    fire(1);
    assert_int_equal(t.looks, 1);
    fire(QUIET_MS / LOOK_MS - 1);
    assert_int_equal(t.looks, 1);
    fire(1);
    assert_int_equal(t.looks, 2);
    fire(10 * QUIET_MS / LOOK_MS);
    assert_int_equal(t.looks, 12);
}

static void a_commit_of_others_is_looked_into_at_the_next_turn(void **state)
{
    fire(2);
    assert_int_equal(t.looks, 1);
    t.version++;
    fire(1);
    assert_int_equal(t.looks, 2);
    fire(1);
    assert_int_equal(t.looks, 2);
}

static void a_notification_of_the_bus_is_looked_into_at_once(void **state)
{
    fire(1);
    commands_notify(t.commands);
    t.fn(t.ctx);
    assert_int_equal(t.looks, 2);
    t.fn(t.ctx);
    assert_int_equal(t.looks, 2); /* once */
}

/* It may be this one's as soon as it has the role. */
static void while_a_command_waits_each_turn_reads(void **state)
{
    t.waits = true;
    fire(3);
    assert_int_equal(t.looks, 3);
    t.waits = false;
    fire(3);
    assert_int_equal(t.looks, 4);
}

static void a_connection_that_is_lost_is_found_by_reading(void **state)
{
    fire(1);
    t.version_error = -ENOTCONN;
    fire(1);
    t.version_error = 0;
    fire(1);
    assert_int_equal(t.looks, 2); /* the turn in between had none to read on */
}

/* A file notifies nobody. */
static void with_a_file_each_turn_reads(void **state)
{
    t.state.dir = "/tmp";
    fire(5);
    assert_int_equal(t.looks, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_commit_the_rows_are_read_every_eight_seconds),
        TEST(a_commit_of_others_is_looked_into_at_the_next_turn),
        TEST(a_notification_of_the_bus_is_looked_into_at_once),
        TEST(while_a_command_waits_each_turn_reads),
        TEST(a_connection_that_is_lost_is_found_by_reading),
        TEST(with_a_file_each_turn_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

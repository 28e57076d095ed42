/* Alerts of programs that are gone, on both engines. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/mem.h"
#include "common/store/alerts.h"
#include "common/store/programs.h"
#include "common/store/sql.h"
#include "services/monitor/orphaned_alerts.h"
#include "tests/unit/test_store.h"

#define MINUTE_MS (60 * 1000)

/* The linker lets this come through here (CMakeLists.txt): this program has every role. */
int __wrap_context_begin(const struct monitor_context *m);

int __wrap_context_begin(const struct monitor_context *m)
{
    return db_begin(m->db);
}

static struct {
    char dir[32];
    struct clock_stepped clock;
    struct monitor_settings settings;
    struct app *app;
    struct monitor_context m;
    struct orphaned_alerts *orphaned;
    struct heartbeat *beat;   /* of webhook-ingest, in a folder */
    struct program_sign sign; /* … in a database */
} t;

static int setup(void **state)
{
    static const struct app_spec spec = {
        .service = "test", .program = "test", .what = "x", .table = app_settings_table, .no_publisher = true
    };
    static char name[] = "test", flag[] = "--log=error";
    static char *argv[] = { name, flag, NULL };
    const struct app_start start = { .argc = 2, .argv = argv, .clock = &t.clock.clock };

    memset(&t, 0, sizeof t);
    (void)snprintf(t.dir, sizeof t.dir, "/tmp/zk-orphaned-XXXXXX");
    assert_non_null(test_folder(t.dir));
    clock_stepped_init(&t.clock, 1700000000000, 5000000, "boot");
    assert_int_equal(setenv("ZAPKEEP_DATA_DIR", t.dir, 1), 0);
    if (test_store_is_server())
        assert_int_equal(setenv("ZAPKEEP_STORE", test_store(""), 1), 0);
    assert_int_equal(app_open(&spec, &start, &t.settings.app, &t.app), 0);
    t.m = (struct monitor_context){ .app = t.app, .settings = &t.settings };
    t.m.times.clock = &t.clock.clock;
    assert_int_equal(db_open_state(app_store(&t.settings.app), &t.m.db), 0);
    assert_int_equal(orphaned_alerts_open(&t.m, &t.orphaned), 0);
    program_sign_init(&t.sign, "ingest");
    return 0;
}

static int teardown(void **state)
{
    heartbeat_close(t.beat);
    orphaned_alerts_close(t.orphaned);
    db_close(t.m.db);
    return app_close(t.app, 0);
}

static void raise_alert(const char *name, const char *bridge, const char *session, int64_t since)
{
    struct alert_row row = { .since = since };

    (void)snprintf(row.name, sizeof row.name, "%s", name);
    (void)snprintf(row.bridge, sizeof row.bridge, "%s", bridge);
    (void)snprintf(row.session, sizeof row.session, "%s", session);
    assert_int_equal(alerts_begin(t.m.db, &row), 0);
}

static int count(void *ctx, const struct alert_row *row)
{
    ++*(int *)ctx;
    return 0;
}

static int raised(void)
{
    int n = 0;

    assert_int_equal(alerts_each(t.m.db, NULL, count, &n), 0);
    return n;
}

static int64_t told(void)
{
    int64_t n = 0;

    assert_int_equal(alerts_waiting(t.m.db, ALERTS_SINK_ALL, &n), 0);
    return n;
}

/* webhook-ingest lives, in the way of the engine. */
static void ingest_lives(void)
{
    if (test_store_is_server()) {
        t.sign.next_ms = 0;
        assert_int_equal(program_sign_give(&t.sign, t.m.db), 0);
    } else if (t.beat) {
        heartbeat_write(t.beat);
    } else {
        assert_int_equal(heartbeat_open(t.dir, "webhook-ingest", &t.clock.clock, &t.beat), 0);
    }
}

/* It is gone since now. */
static void ingest_dies(void)
{
    if (test_store_is_server())
        test_store_psql(t.settings.app.store,
                        "UPDATE zapkeep.role SET until = clock_timestamp() - interval '1 ms'");
    clock_step(&t.clock, HEARTBEAT_DEAD_MS + 1);
    assert_int_equal(orphaned_alerts_look(t.orphaned), 0);
}

static void pass(int64_t ms)
{
    clock_step(&t.clock, ms);
    assert_int_equal(orphaned_alerts_look(t.orphaned), 0);
}

static void an_alert_stays_as_long_as_its_raiser_lives(void **state)
{
    raise_alert("disk-limit", "", "", 1);
    for (int i = 0; i < 30; i++) {
        clock_step(&t.clock, MINUTE_MS);
        ingest_lives();
        assert_int_equal(orphaned_alerts_look(t.orphaned), 0);
    }
    assert_int_equal(raised(), 1);
    assert_int_equal(told(), 0);
}

static void an_alert_of_a_raiser_that_is_gone_ends_after_ten_minutes(void **state)
{
    raise_alert("disk-limit", "", "", 1);
    raise_alert("webhooks-refused", "main", "", 1);
    raise_alert("bridge-down", "main", "", 1); /* the monitor's own */
    ingest_lives();
    pass(0);
    ingest_dies();
    pass(ORPHANED_AFTER_MS - 1);
    assert_int_equal(raised(), 3);
    pass(1);
    assert_int_equal(raised(), 1);
    assert_int_equal(told(), 2); /* the sinks are */
    pass(ORPHANED_AFTER_MS);
    assert_int_equal(told(), 2);
}

static void a_pause_is_no_death(void **state)
{
    raise_alert("webhooks-unwatched", "x", "", 1);
    for (int i = 0; i < 3; i++) {
        ingest_lives();
        pass(0);
        ingest_dies();
        pass(ORPHANED_AFTER_MS - MINUTE_MS);
    }
    assert_int_equal(raised(), 1);
}

/* ---- several, in a database ------------------------------------------------------------------- */

static int64_t server_ms(void)
{
    int64_t ms = 0;

    assert_int_equal(
        sql_get_int(t.m.db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", &ms, ""), 0);
    return ms;
}

static void an_alert_from_before_the_death_of_one_of_two_is_resolved_for_it(void **state)
{
    int64_t now;

    now = server_ms();
    ingest_lives();
    test_store_psql(t.settings.app.store, "INSERT INTO zapkeep.role VALUES ('ingest@other.1.x', 'other', 1,"
                                          " clock_timestamp() - interval '9 minutes', clock_timestamp())");
    raise_alert("webhooks-refused", "before", "", now - 20 * MINUTE_MS);
    raise_alert("webhooks-refused", "after", "", now - 5 * MINUTE_MS);
    pass(0);
    assert_int_equal(raised(), 2);
    test_store_psql(t.settings.app.store,
                    "UPDATE zapkeep.role SET until = until - interval '2 minutes' WHERE holder = 'other'");
    pass(0);
    assert_int_equal(raised(), 1);
    raise_alert("webhooks-refused", "before", "", now); /* by the other one, which finds the same */
    pass(0);
    assert_int_equal(raised(), 2);
}

static void a_destination_that_nobody_delivers_to_has_no_alert_in_the_end(void **state)
{
    test_store_psql(t.settings.app.store, "INSERT INTO zapkeep.role VALUES ('forward.crm', 'one', 1,"
                                          " clock_timestamp() + interval '1 hour', clock_timestamp())");
    raise_alert("destination-failing", "", "crm", 1);
    raise_alert("destination-failing", "", "removed", 1);
    pass(0);
    pass(ORPHANED_AFTER_MS - 1);
    assert_int_equal(raised(), 2);
    pass(1);
    assert_int_equal(raised(), 1);
    test_store_psql(t.settings.app.store, "UPDATE zapkeep.role SET until = '-infinity'");
    pass(0);
    pass(ORPHANED_AFTER_MS - 1);
    assert_int_equal(raised(), 1); /* another forwarder may take it */
    pass(1);
    assert_int_equal(raised(), 0);
}

static int on_row(void *ctx, const struct program_row *row)
{
    *(struct program_row *)ctx = *row;
    return 0;
}

static void a_program_is_alive_dead_or_stopped(void **state)
{
    struct program_row row = { 0 };

    ingest_lives();
    assert_int_equal(programs_each(t.m.db, on_row, &row), 0);
    assert_string_equal(row.kind, "ingest");
    assert_string_equal(row.role, "");
    assert_int_equal(row.life, PROGRAM_ALIVE);
    assert_int_equal(row.gone_ms, 0);
    test_store_psql(t.settings.app.store, "UPDATE zapkeep.role SET until = until - interval '1 hour'");
    assert_int_equal(programs_each(t.m.db, on_row, &row), 0);
    assert_int_equal(row.life, PROGRAM_DEAD);
    assert_true(row.gone_ms > 50 * MINUTE_MS);
    ingest_lives();
    program_sign_stop(&t.sign, t.m.db);
    assert_int_equal(programs_each(t.m.db, on_row, &row), 0);
    assert_int_equal(row.life, PROGRAM_STOPPED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest of_either[] = {
        TEST(an_alert_stays_as_long_as_its_raiser_lives),
        TEST(an_alert_of_a_raiser_that_is_gone_ends_after_ten_minutes),
        TEST(a_pause_is_no_death),
    };
    const struct CMUnitTest of_a_database[] = {
        TEST(an_alert_from_before_the_death_of_one_of_two_is_resolved_for_it),
        TEST(a_destination_that_nobody_delivers_to_has_no_alert_in_the_end),
        TEST(a_program_is_alive_dead_or_stopped),
    };
    int failed = cmocka_run_group_tests(of_either, NULL, NULL);

    return test_store_is_server() ? failed + cmocka_run_group_tests(of_a_database, NULL, NULL) : failed;
}

#include <stdio.h>

#include "tests/backend-sim/backend.h"

/* How exact the moment of a late answer is. */
#define TICK_MS 5

#define AT(field) offsetof(struct backend_settings, field)
#define HOUR      INT64_C(3600000)

/* Percentages are read as rates are, in thousandths: "0.5" is half of one. */
static const struct setting table[] = {
    SETTINGS_OF(app_settings_table, struct backend_settings, app),
    { .name = "PORT",
      .kind = SETTING_INT,
      .at = AT(port),
      .def = "0",
      .max = 65535,
      .help = "where deliveries come" },
    { .name = "RECORD", .at = AT(record), .required = true, .help = "the file of records" },
    { .name = "FAIL",
      .kind = SETTING_RATE,
      .at = AT(faults.fail),
      .def = "0",
      .max = 100 * 1000,
      .help = "percent answered 503" },
    { .name = "HANG",
      .kind = SETTING_RATE,
      .at = AT(faults.hang),
      .def = "0",
      .max = 100 * 1000,
      .help = "percent hung on" },
    { .name = "CUT",
      .kind = SETTING_RATE,
      .at = AT(faults.cut),
      .def = "0",
      .max = 100 * 1000,
      .help = "percent broken in mid-answer" },
    { .name = "SLOW",
      .kind = SETTING_RATE,
      .at = AT(faults.slow),
      .def = "0",
      .max = 100 * 1000,
      .help = "percent answered late" },
    { .name = "HANG_TIME",
      .kind = SETTING_DURATION,
      .at = AT(hang_ms),
      .def = "60s",
      .min = 1,
      .max = HOUR,
      .help = "how long it hangs" },
    { .name = "SLOW_TIME",
      .kind = SETTING_DURATION,
      .at = AT(slow_ms),
      .def = "50ms",
      .min = 1,
      .max = HOUR,
      .help = "how late" },
    { .name = "SEED",
      .kind = SETTING_INT,
      .at = AT(seed),
      .def = "1",
      .max = INT64_MAX,
      .help = "the same seed makes the same choices" },
    { 0 },
};

static void on_tick(void *ctx)
{
    struct backend *b = ctx;

    backend_tick(b, false);
    timer_start(b->tick, TICK_MS);
}

static int open_backend(struct backend *b)
{
    const struct backend_settings *s = &b->settings;
    int r = records_open(s->record, &b->records);

    b->faults = s->faults;
    /* A restarted one goes on with other choices than those it has made already. */
    if (r == 0)
        rng_init(&b->rng, (uint64_t)(s->seed + records_distinct(b->records)));
    if (r == 0)
        r = timer_open(app_loop(b->app), on_tick, b, &b->tick);
    if (r == 0)
        r = http_server_open(app_loop(b->app), "127.0.0.1", (uint16_t)s->port, -1, &http_limits_default,
                             &backend_handlers, b, &b->server);
    if (r == 0)
        timer_start(b->tick, TICK_MS);
    return r;
}

int main(int argc, char *argv[])
{
    static struct backend b;
    const struct app_spec spec = { .service = "backend-sim",
                                   .program = "zk-backend-sim",
                                   .what = "a simulated backend that fails, for tests only",
                                   .table = table,
                                   .no_publisher = true };
    int r = app_open(&spec, APP_START(argc, argv), &b.settings, &b.app);

    list_init(&b.held);
    if (r == 0)
        r = open_backend(&b);
    if (r == 0)
        r = app_run(b.app);
    timer_close(b.tick);
    http_server_close(b.server);
    if (b.app)
        backend_tick(&b, true);
    records_close(b.records);
    return app_close(b.app, r);
}

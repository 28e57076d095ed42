/* A program for a unit test: it logs errors alone, has no hub, and the clock is the test's. */
#pragma once

#include "common/app/app.h"

/* The caller closes it. @settings and @clock are borrowed as long. */
static inline struct app *test_app(struct clock_stepped *clock, struct app_settings *settings)
{
    static const struct app_spec spec = {
        .service = "test", .program = "test", .what = "x", .table = app_settings_table
    };
    static char name[] = "test", flag[] = "--log", level[] = "error", bus[] = "--bus-in",
                nowhere[] = "tcp://127.0.0.1:1";
    static char *argv[] = { name, flag, level, bus, nowhere, NULL };
    const struct app_start start = { .argc = 5, .argv = argv, .clock = &clock->clock };
    struct app *app = NULL;

    assert_int_equal(app_open(&spec, &start, settings, &app), 0);
    return app;
}

/*
 * Flow: notification or sweep -> rows of the log after each destination's position -> session queues -> request ->
 * answer -> acknowledgement, on record at the end of the pass of the loop -> the freed slots go on.
 */
#include "services/forwarder/forwarder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/store.h"
#include "common/store/waiting.h"
#include "services/forwarder/commands.h"
#include "services/forwarder/forward_metrics.h"
#include "services/forwarder/settings.h"
#include "services/forwarder/units.h"

/* A request that has not been answered by then is let go and made again after the next start. Of 10 s that a stop may
 * take. */
#define STOP_LET_GO_MS 8000

struct forwarder {
    struct app *app;
    struct forward_app_settings settings;
    struct config config;
    struct bus_sub *sub;
    struct state_store state;
    struct units *units;
    struct commands *commands;
    struct timer *stop;
};

/* ---- notifications --------------------------------------------------------------------------- */

static void notify(struct forwarder *f)
{
    units_notify(f->units);
}

static void on_message(void *ctx, struct str message)
{
    struct forwarder *f = ctx;

    if (!f->units)
        return;
    if (str_starts(message, topic_type_text(TOPIC_FORWARD_COMMAND)))
        commands_notify(f->commands);
    else
        notify(f);
}

/* The hub is back: notifications that were published meanwhile are lost. */
static void on_link(void *ctx, bool up)
{
    struct forwarder *f = ctx;

    if (up && f->units)
        notify(f);
}

static int subscribe(struct forwarder *f)
{
    /* A database server notifies of each commit by itself: nothing is to be learned from a newest seq each second. */
    bool is_server = store_is_server(app_store(&f->settings.app));
    const char *prefixes[] = { "message.", "session.", "event.", topic_type_text(TOPIC_FORWARD_COMMAND),
                               "log.head" };

    return bus_sub_open(app_loop(f->app), app_bus(&f->settings.app), prefixes,
                        (int)ARRAY_LEN(prefixes) - is_server, on_message, on_link, f, &f->sub);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_let_go(void *ctx)
{
    struct forwarder *f = ctx;

    log_warn("let-go", "some deliveries were not answered in time; they are made again after the next start");
    app_stopped(f->app);
}

static void on_stop(void *ctx)
{
    struct forwarder *f = ctx;

    timer_start(f->stop, STOP_LET_GO_MS);
    units_stop(f->units);
}

static void on_stopped(void *ctx)
{
    struct forwarder *f = ctx;

    app_stopped(f->app);
}

/* ---- /health and /ready ---------------------------------------------------------------------- */

static int check_store(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;
    bool away = app_store_is_away(f->app) || store_hangs();
    const char *problem = away ? "the database does not answer" : units_problem(f->units);

    if (!problem || (units_wait_for_log(f->units) && !away))
        return 0;
    (void)snprintf(ret_why, n, "%s", problem);
    return 1;
}

static int check_log(void *ctx, char *ret_why, size_t n)
{
    struct forwarder *f = ctx;

    (void)snprintf(ret_why, n, "there is no event log yet");
    return units_wait_for_log(f->units) ? 1 : 0;
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;

    (void)snprintf(ret_why, n, "no hub yet; the log is looked at every 2 s");
    return bus_sub_connected(f->sub) ? 0 : 1;
}

static int check_destinations(void *ctx, char *ret_why, size_t n)
{
    struct forwarder *f = ctx;
    for (int k = 0; k < units_count(f->units); k++) {
        struct engine *e = units_engine(f->units, k);

        for (int i = 0; e && i < engine_destinations(e); i++) {
            if (!destination_is_well(engine_destination(e, i), ret_why, n))
                return 1;
        }
    }
    return 0;
}

static void add_checks(struct forwarder *f)
{
    app_check_add(f->app, &(struct app_check){ "store", check_store, f, true });
    app_check_add(f->app, &(struct app_check){ "log", check_log, f, false });
    app_check_add(f->app, &(struct app_check){ "destinations", check_destinations, f, false });
    app_check_add(f->app, &(struct app_check){ "bus", check_bus, f, false });
}

/* ---- settings -------------------------------------------------------------------------------- */

static int read_destinations(const struct forwarder *f, struct config *c, struct buf *problem)
{
    const struct forward_app_settings *s = &f->settings;
    int r = 0;

    if (!s->forward.url[0] && !s->config[0]) {
        (void)buf_adds(problem,
                       "neither BACKEND_URL nor FORWARD_CONFIG is set; set BACKEND_URL to where events"
                       " are delivered, as http://127.0.0.1:9000");
        return -EINVAL;
    }
    if (s->forward.url[0])
        r = config_add_backend(c, &s->forward, problem);
    if (r == 0 && s->config[0])
        r = config_read(c, &s->forward, s->config, problem);
    return r;
}

static int check_settings(struct forwarder *f)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = read_destinations(f, &f->config, &problem);

    return r == -EINVAL ? app_exit(f->app, EXIT_USAGE, "%s", buf_str(&problem)) : r;
}

/* SIGHUP: FORWARD_CONFIG is read anew. All of it is taken, or nothing is changed. */
static void on_reload(void *ctx, int signum)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    struct config next = CONFIG_NULL, old;
    struct forwarder *f = ctx;
    int r = read_destinations(f, &next, &problem);

    if (app_stopping(f->app) || r != 0) {
        config_fini(&next);
        log_error("config-refused", "the configuration has an error; nothing is changed",
                  KS("error", r == -EINVAL ? buf_str(&problem) : err_text(r)));
        return;
    }
    old = f->config;
    f->config = next;
    next = old;
    r = units_reload(f->units, &f->config);
    config_fini(&next);
    forward_metrics_name(&f->config);
    if (r != 0) {
        log_error("reload-failed", "the new configuration cannot be used", KS("error", err_text(r)));
        app_fail(f->app, EXIT_UNREACHABLE);
        return;
    }
    log_info("config-reloaded", "the configuration was read anew", KI("destinations", f->config.n));
}

/* ---- opening --------------------------------------------------------------------------------- */

static const struct app_spec forwarder_spec = {
    .service = "forwarder",
    .is_service = true,
    .program = "zapkeep-forward",
    .what = "delivers the events of the log to your backends",
    .table = forwarder_settings_table,
    .needs_data_dir = true,
    .shares_connection = true,
};

static int start(struct forwarder *f)
{
    const struct engine_options o = { .app = f->app,
                                      .dir = app_store(&f->settings.app),
                                      .bus = app_bus(&f->settings.app),
                                      .sub = f->sub,
                                      .state = &f->state,
                                      .started_at = app_wall_ms(f->app) };
    int r = units_open(
        &(struct units_options){ .engine = o, .config = &f->config, .stopped = on_stopped, .ctx = f },
        &f->units);

    return r == 0 ? commands_open(f->app, f->units, &f->state, &f->commands) : r;
}

int forwarder_open(const struct app_start *how, struct forwarder **ret)
{
    struct forwarder *f = mem_zalloc(sizeof *f);
    int r;

    *ret = f;
    if (!f)
        return -ENOMEM;
    r = app_open(&forwarder_spec, how, &f->settings, &f->app);
    if (r == 0)
        r = check_settings(f);
    if (r == 0)
        r = timer_open(app_loop(f->app), on_let_go, f, &f->stop);
    if (r == 0)
        r = subscribe(f);
    if (r != 0)
        return r;
    f->state = STATE_STORE(app_store(&f->settings.app), "the cursor is saved and commands are taken later");
    forward_metrics_name(&f->config);
    r = start(f);
    if (r != 0)
        return r;
    add_checks(f);
    app_on_stop(f->app, on_stop, f);
    return loop_on_signal(app_loop(f->app), SIGHUP, on_reload, f);
}

int forwarder_run(struct forwarder *f)
{
    return app_run(f->app);
}

int forwarder_close(struct forwarder *f, int r)
{
    struct app *app;

    if (!f)
        return app_close(NULL, r);
    app = f->app;
    commands_close(f->commands);
    units_close(f->units);
    state_store_close(&f->state);
    bus_sub_close(f->sub);
    if (f->stop)
        timer_close(f->stop);
    config_fini(&f->config);
    r = app_close(app, r); /* frees the settings, which are in f */
    mem_free(f);
    return r;
}

/*
 * Flow: bell or sweep -> rows of the log after each destination's position -> queues, one per session ->
 * request -> answer -> acknowledgement, on record at the end of the turn -> the freed slots go on.
 */
#include "services/forwarder/forwarder.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/commands.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/forward_metrics.h"
#include "services/forwarder/group_commit.h"
#include "services/forwarder/startup.h"

/* What has not been answered by then is let go; it is delivered again. Of 10 s that a stop may take. */
#define STOP_LET_GO_MS 8000

int64_t forwarder_boot_ms(struct forwarder *f)
{
    return app_clock(f->app)->boot_ms(app_clock(f->app));
}

int64_t forwarder_wall_ms(struct forwarder *f)
{
    return app_clock(f->app)->wall_ms(app_clock(f->app));
}

unsigned forwarder_jitter_permille(struct forwarder *f)
{
    return (unsigned)rng_below(app_rng(f->app), 1001);
}

/* ---- bells ----------------------------------------------------------------------------------- */

static void notify_all(struct forwarder *f)
{
    for (int i = 0; i < f->n; i++)
        destination_notify(f->dest[i]);
}

static void on_message(void *ctx, struct str message)
{
    struct forwarder *f = ctx;

    if (str_starts(message, "forward.command"))
        timer_start(f->commands, 0);
    else
        notify_all(f);
}

/* The hub is back: what was rung meanwhile is lost. */
static void on_link(void *ctx, bool up)
{
    if (up)
        notify_all(ctx);
}

static int subscribe(struct forwarder *f)
{
    const char *prefixes[] = { "log.head", "message.", "session.", "event.", "forward.command" };

    return bus_sub_open(app_loop(f->app), app_bus(&f->settings.app), prefixes, ARRAY_LEN(prefixes),
                        on_message, on_link, f, &f->sub);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_let_go(void *ctx)
{
    struct forwarder *f = ctx;

    log_warn("let-go", "some deliveries were not answered in time; they are made again");
    app_stopped(f->app);
}

static void on_stop(void *ctx)
{
    struct forwarder *f = ctx;

    timer_start(f->stop, STOP_LET_GO_MS);
    if (f->begun)
        timer_start(f->commit, 0);
    else
        app_stopped(f->app);
}

/* ---- what /health and /ready show ------------------------------------------------------------ */

static int check_store(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;

    if (f->begun || f->waiting_r == -ENOENT)
        return 0;
    (void)snprintf(ret_why, n, "%s",
                   f->waiting_r > 0 ? "another forwarder is at work" : "the stores cannot be used");
    return 1;
}

static int check_log(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;

    (void)snprintf(ret_why, n, "no events.db yet");
    return f->begun ? 0 : 1;
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;

    (void)snprintf(ret_why, n, "no hub yet; the log is looked at every 2 s");
    return bus_sub_connected(f->sub) ? 0 : 1;
}

static int check_destinations(void *ctx, char *ret_why, size_t n)
{
    const struct forwarder *f = ctx;

    for (int i = 0; i < f->n; i++) {
        const struct destination *d = f->dest[i];

        if (dest_breaker_is_closed(&d->breaker) && !destination_is_off(d))
            continue;
        (void)snprintf(ret_why, n, "%s is %s: %s", d->config->name,
                       destination_is_off(d) ? "turned off" : "down", d->row.last_error);
        return 1;
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

/* ---- opening --------------------------------------------------------------------------------- */

static int refuse(const struct buf *problem)
{
    (void)fprintf(stderr, "zapkeep-forward: %s\n", buf_str(problem));
    return APP_EXIT(EXIT_USAGE);
}

static int read_destinations(struct forwarder *f, struct buf *problem)
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
        r = config_add_backend(&f->config, &s->forward, problem);
    if (r == 0 && s->config[0])
        r = config_read(&f->config, &s->forward, s->config, problem);
    return r;
}

static int check_settings(struct forwarder *f)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(1024);
    int r = delivery_schedule_parse(f->settings.schedule, &f->schedule, &detail);

    if (r != 0)
        (void)buf_addf(&problem, "FORWARD_RETRY_SCHEDULE is \"%s\": %s", f->settings.schedule,
                       buf_str(&detail));
    else
        r = read_destinations(f, &problem);
    return r == -EINVAL ? refuse(&problem) : r;
}

static int open_timers(struct forwarder *f)
{
    struct loop *loop = app_loop(f->app);
    int r = timer_open(loop, startup_on_timer, f, &f->start);

    if (r == 0)
        r = timer_open(loop, group_commit_on_timer, f, &f->commit);
    if (r == 0)
        r = timer_open(loop, group_commit_on_tick, f, &f->tick);
    if (r == 0)
        r = timer_open(loop, commands_on_timer, f, &f->commands);
    if (r == 0)
        r = timer_open(loop, on_let_go, f, &f->stop);
    return r;
}

static const struct app_spec forwarder_spec = {
    .service = "forwarder",
    .program = "zapkeep-forward",
    .what = "delivers the events of the log to your backends",
    .tables = forward_settings_tables,
    .needs_data_dir = true,
};

int forwarder_open(struct forwarder *f, const struct app_start *start)
{
    int r = app_open(&forwarder_spec, start, &f->settings, &f->app);

    if (r == 0)
        r = check_settings(f);
    if (r == 0)
        r = open_timers(f);
    if (r == 0)
        r = subscribe(f);
    if (r != 0)
        return r;
    forward_metrics_add(&f->config);
    add_checks(f);
    app_on_stop(f->app, on_stop, f);
    timer_start(f->start, 0);
    timer_start(f->commands, COMMANDS_MS);
    return 0;
}

void forwarder_close(struct forwarder *f)
{
    struct timer *timers[] = { f->start, f->commit, f->tick, f->commands, f->stop };

    if (!f->app)
        return;
    group_commit_last(f);
    startup_undo(f);
    db_close(f->state);
    bus_sub_close(f->sub);
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        if (timers[i])
            timer_close(timers[i]);
    }
    config_fini(&f->config);
    if (f->lock_fd >= 0)
        (void)close(f->lock_fd);
}

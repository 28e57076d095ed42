#include "services/reconnect-worker/startup.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/file_watch.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/claim_loop.h"
#include "services/reconnect-worker/store.h"
#include "services/reconnect-worker/worker_metrics.h"

/* A call that has not ended by then is let go: 2 s remain of the 10 s to record it. */
#define STOP_LET_GO_MS 8000

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_let_go(void *ctx)
{
    call_let_all_go(ctx);
}

static void on_stop(void *ctx)
{
    struct worker *w = ctx;

    if (w->n_calls == 0)
        app_stopped(w->app);
    else
        timer_start(w->stop, STOP_LET_GO_MS);
}

/* ---- opening --------------------------------------------------------------------------------- */

static const struct app_spec worker_spec = {
    .service = "reconnect-worker",
    .is_service = true,
    .program = "zapkeep-reconnect",
    .what = "reconnects sessions that are due; any number may run",
    .table = worker_settings_table,
    .admin_any_port = true,
    .needs_data_dir = true,
};

static int check_settings(struct worker *w)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);

    if (!*w->settings.bridge.url) {
        (void)buf_adds(&problem, "WHATSAPP_API_URL is not set; it has to be the base URL of the bridge, as"
                                 " http://127.0.0.1:3000");
        return app_exit(w->app, EXIT_USAGE, "%s", buf_str(&problem));
    }
    if (policy_settings_check(&w->settings.policy, &problem) != 0 ||
        hook_parse(&w->settings.hook, &problem, &w->hook) != 0)
        return app_exit(w->app, EXIT_USAGE, "%s", buf_str(&problem));
    return 0;
}

static void name_worker(struct worker *w)
{
    char host[48] = "";

    if (*w->settings.name) {
        str_copy(str_from(w->settings.name), w->name, sizeof w->name);
        return;
    }
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(w->name, sizeof w->name, "%s-%d", host, (int)getpid());
}

static int subscribe(struct worker *w)
{
    const char *types[] = { "reconnect.due", "session.state", "bridge.up" };
    char prefix[ARRAY_LEN(types)][TOPIC_MAX];
    const char *prefixes[ARRAY_LEN(types)];

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        (void)topic_format(types[i], str_from(w->settings.bridge.name), STR_LIT(""), prefix[i]);
        prefixes[i] = prefix[i];
    }
    return bus_sub_open(app_loop(w->app), app_bus(&w->settings.app), prefixes, ARRAY_LEN(types),
                        claim_loop_on_notification, NULL, w, &w->sub);
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    struct worker *w = ctx;

    (void)snprintf(ret_why, n, "no hub yet; the queue is looked at every %d s", WORKER_SWEEP_MS / 1000);
    return bus_sub_connected(w->sub) ? 0 : -1;
}

static int check_driver(void *ctx, char *ret_why, size_t n)
{
    struct worker *w = ctx;

    (void)snprintf(ret_why, n, "its driver is not known yet; the monitor finds it");
    return w->driver ? 0 : -1;
}

static void add_checks(struct worker *w)
{
    const struct app_check checks[] = {
        { .name = "store", .check = state_store_check, .ctx = &w->state, .ready = true },
        { .name = "bridge", .check = check_driver, .ctx = w },
        { .name = "bus", .check = check_bus, .ctx = w },
    };

    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        app_check_add(w->app, &checks[i]);
}

static void watch_store(struct worker *w)
{
    (void)file_watch_open(app_loop(w->app), w->settings.app.data_dir, STATE_JOURNAL_FILE, FILE_WATCH_CLOSED,
                          claim_loop_on_commit, w, &w->watch);
}

static int start_worker(struct worker *w)
{
    struct loop *loop = app_loop(w->app);
    char url[300];
    int r = app_http_client(w->app, (int)w->settings.policy.policy.in_flight_max, &w->client);

    if (r == 0)
        r = timer_open(loop, claim_loop_on_timer, w, &w->wake);
    if (r == 0)
        r = timer_open(loop, on_let_go, w, &w->stop);
    if (r == 0)
        r = subscribe(w);
    if (r != 0)
        return r;
    watch_store(w);
    add_checks(w);
    app_on_stop(w->app, on_stop, w);
    w->wake_at_ms = INT64_MAX;
    claim_loop_wake(w, 0);
    log_info("started", "waiting for sessions that are due", KS("worker", w->name),
             KS("bridge", w->settings.bridge.name),
             KS("url", url_display(w->settings.bridge.url, url, sizeof url)));
    return 0;
}

int worker_open(struct worker *w, const struct app_start *start)
{
    int r;

    list_init(&w->calls);
    r = app_open(&worker_spec, start, &w->settings, &w->app);
    if (r == 0)
        r = check_settings(w);
    if (r != 0)
        return r;
    name_worker(w);
    w->state = STATE_STORE(w->settings.app.data_dir, "nothing is attempted; trying again");
    return start_worker(w);
}

void worker_close(struct worker *w)
{
    if (!w->app)
        return;
    bus_sub_close(w->sub);
    file_watch_close(w->watch);
    if (w->wake)
        timer_close(w->wake);
    if (w->stop)
        timer_close(w->stop);
    call_drop_all(w);
    state_store_close(&w->state);
}

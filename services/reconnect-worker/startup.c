#include "services/reconnect-worker/startup.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/app/store_watch.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/file_watch.h"
#include "common/store/store.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/claim_loop.h"
#include "services/reconnect-worker/worker_bridge.h"

/* A call that has not ended by then is let go: 2 s remain of the 10 s to record it. */
#define STOP_LET_GO_MS 8000

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_let_go(void *ctx)
{
    struct worker *w = ctx;

    LIST_FOR(it, &w->bridges)
    call_let_all_go(container_of(it, struct worker_bridge, link));
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
    static const char *const types[] = { "reconnect.due/", "session.state/", "bridge.up/" };

    return bus_sub_open(app_loop(w->app), app_bus(&w->settings.app), types, ARRAY_LEN(types),
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

    LIST_FOR(it, &w->bridges)
    {
        const struct worker_bridge *b = container_of(it, struct worker_bridge, link);

        if (b->driver || b->leaving)
            continue;
        (void)snprintf(ret_why, n, "the driver of %s is not known yet; the monitor finds it",
                       b->settings->bridge.name);
        return -1;
    }
    return 0;
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

/* Between two sweeps, which are far apart while the database notifies of commits. */
static void on_ping(void *ctx)
{
    struct worker *w = ctx;
    int64_t wait_ms = state_store_ping(&w->state);

    timer_start(w->ping, STATE_STORE_PING_MS);
    if (wait_ms == 0 && w->state.db && w->state.backoff.tries == 0)
        (void)program_sign_give(&w->sign, w->state.db); /* a failure is found by the next ping */
    if (wait_ms > 0)
        claim_loop_retry(w, wait_ms);
    if (store_watch_came(w->state.watch))
        claim_loop_on_commit(w);
}

static int start_ping(struct worker *w)
{
    int r = store_is_server(w->state.dir) ? timer_open(app_loop(w->app), on_ping, w, &w->ping) : 0;

    program_sign_init(&w->sign, "worker");
    if (r == 0 && w->ping)
        timer_start(w->ping, STATE_STORE_PING_MS);
    return r;
}

static void watch_store(struct worker *w)
{
    (void)file_watch_open(app_loop(w->app), w->settings.app.data_dir, STATE_JOURNAL_FILE, FILE_WATCH_CLOSED,
                          claim_loop_on_commit, w, &w->watch);
    state_store_watch(&w->state, app_loop(w->app), "worker", claim_loop_on_commit, w);
}

static void on_reload(void *ctx, int signum)
{
    worker_bridges_reload(ctx);
}

static int start_worker(struct worker *w)
{
    int r = timer_open(app_loop(w->app), on_let_go, w, &w->stop);

    if (r == 0)
        r = worker_bridges_open(w);
    if (r == 0)
        r = subscribe(w);
    if (r == 0)
        r = start_ping(w);
    if (r == 0)
        r = loop_on_signal(app_loop(w->app), SIGHUP, on_reload, w);
    if (r != 0)
        return r;
    watch_store(w);
    add_checks(w);
    app_on_stop(w->app, on_stop, w);
    return 0;
}

int worker_open(struct worker *w, const struct app_start *start)
{
    int r;

    list_init(&w->bridges);
    r = app_open(&worker_spec, start, &w->settings, &w->app);
    if (r == 0)
        r = worker_bridges_read(w);
    if (r != 0)
        return r;
    name_worker(w);
    w->state = STATE_STORE(app_store(&w->settings.app), "nothing is attempted; trying again");
    return start_worker(w);
}

void worker_close(struct worker *w)
{
    if (!w->app)
        return;
    bus_sub_close(w->sub);
    file_watch_close(w->watch);
    if (w->stop)
        timer_close(w->stop);
    if (w->ping)
        timer_close(w->ping);
    worker_bridges_close(w);
    program_sign_stop(&w->sign, w->state.db);
    state_store_close(&w->state);
}

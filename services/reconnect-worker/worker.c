/*
 * One session, when all goes well:
 *   on_notification, on_wake  a bell, or the time of the next due row, or the sweep
 *   look              opens the store if need be, finds out what the bridge can do
 *   claim             one transaction takes what is due, for as many slots as are free
 *   call_start        calls the bridge (call.c) and, when that is over, records it
 *   tell              rings what has ended meanwhile: succeeded when the monitor saw the session connected
 * When it does not: the store is busy or gone -> again, with backoff; the bell is lost -> the sweep; the
 * worker dies -> its lease lapses and whoever claims next ends the attempt; the call fails -> recorded, and
 * the policy says when the next is due.
 */
#include "services/reconnect-worker/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/io/file_watch.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/publish.h"
#include "services/reconnect-worker/store.h"
#include "services/reconnect-worker/worker_metrics.h"

/* A call that has not ended by then is let go: 2 s remain of the 10 s to record it. */
#define STOP_LET_GO_MS 8000

/* ---- what the bridge can do ------------------------------------------------------------------ */

static int read_driver(struct worker *w)
{
    struct bridge_row row = { 0 };
    const struct bridge_driver *driver;
    int r = bridges_find(w->db, w->settings.bridge.name, &row);

    if (r < 0)
        return r;
    driver = r == 0 ? bridge_driver_find(row.driver) : NULL;
    if (driver != w->driver) {
        w->no_method_settled = false;
        log_info("bridge-driver", "what the bridge speaks", KS("bridge", w->settings.bridge.name),
                 KS("driver", row.driver),
                 KS("reconnects", driver && driver->has_reconnect ? "by call" : "by hook"));
    }
    str_copy(str_from(row.no_reconnect_method), w->no_reconnect_method, sizeof w->no_reconnect_method);
    w->driver = driver;
    w->by_hook = driver && !driver->has_reconnect;
    return 0;
}

/* May the bridge be restarted? If not, *ret_why says so. */
static int check_hook(struct worker *w, char *ret_why, size_t n, bool *ret_may)
{
    int64_t count[SESSION_STATE_N] = { 0 };
    int percent = 0;
    int r = sessions_count(w->db, w->settings.bridge.name, count);

    *ret_may = r == 0 && w->hook.kind != HOOK_NONE &&
               hook_may_restart(count, w->settings.hook.max_connected, &percent);
    if (w->hook.kind == HOOK_NONE)
        (void)snprintf(ret_why, n, "%s", hook_missing_message);
    else
        (void)snprintf(ret_why, n,
                       "%d %% of the sessions are connected, too many to restart the bridge for the rest"
                       " (RECONNECT_HOOK_MAX_CONNECTED); restart it by hand when it suits",
                       percent);
    return r;
}

/* For those who look at it. */
static int note_no_method(struct worker *w, const char *why)
{
    if (strcmp(w->no_reconnect_method, why) == 0)
        return 0;
    return bridges_set_no_method(w->db, w->settings.bridge.name, why);
}

/* Parks what there is no way to reconnect, unparks it when there is one. *ret_may: go on and claim. */
static int settle_no_method(struct worker *w, const struct now *now, bool *ret_may)
{
    const char *bridge = w->settings.bridge.name;
    char why[ATTEMPTS_DETAIL_MAX] = "";
    int64_t n = 0;
    int r = 0;

    *ret_may = w->driver != NULL;
    if (w->by_hook)
        r = check_hook(w, why, sizeof why, ret_may);
    if (r == 0 && w->driver)
        r = note_no_method(w, *ret_may ? "" : why);
    if (r != 0 || !w->driver)
        return r;
    if (!*ret_may)
        r = reconnect_park_no_method(w->db, now, bridge, w->settings.policy.policy.no_method_ms, why, &n);
    else if (w->by_hook || !w->no_method_settled)
        r = reconnect_unpark_no_method(w->db, &w->settings.policy.policy, now, bridge, &n);
    w->no_method_settled = r == 0;
    if (n > 0)
        log_info(*ret_may ? "unparked" : "parked", *ret_may ? "there is a way to reconnect now" : why,
                 KS("bridge", bridge), KI("sessions", n));
    return r;
}

/* ---- claiming -------------------------------------------------------------------------------- */

static int free_slots(const struct worker *w)
{
    int64_t slots = w->settings.policy.policy.in_flight_max - w->n_calls;

    return slots > RECONNECT_CLAIM_MAX ? RECONNECT_CLAIM_MAX : (int)slots;
}

static int claim(struct worker *w, struct claims *ret)
{
    struct claim_options o = { .policy = &w->settings.policy.policy,
                               .bridge = w->settings.bridge.name,
                               .worker = w->name,
                               .max = w->by_hook ? 1 : free_slots(w),
                               .by_hook = w->by_hook,
                               .hook_spacing_ms = w->settings.hook.spacing_ms };
    int64_t began = app_clock(w->app)->boot_ms(app_clock(w->app));
    int r = reconnect_claim(w->db, app_clock(w->app), app_rng(w->app), &o, ret);

    if (r != 0)
        return r;
    metric_add(&worker_repaired, 0, ret->repaired);
    for (int i = 0; i < ret->n; i++)
        call_start(w, &ret->claim[i], began);
    return 0;
}

static int64_t sweep_ms(struct worker *w)
{
    return WORKER_SWEEP_MS - (int64_t)rng_below(app_rng(w->app), WORKER_SWEEP_MS / 5);
}

static int64_t next_wake_ms(struct worker *w, const struct claims *claims)
{
    int64_t sweep = sweep_ms(w);
    int64_t wait = claims->next_at - claims->now.steady_ms;

    if (claims->next_at == 0 || wait > sweep || free_slots(w) < 1)
        return sweep;
    return wait > 0 ? wait : 1;
}

static int read_before(struct worker *w, struct now *ret_now)
{
    int r = db_begin_reads(w->db);

    if (r == 0)
        r = read_driver(w);
    if (r == 0)
        r = steady_now(w->db, app_clock(w->app), ret_now);
    db_end_reads(w->db);
    return r;
}

static int take_due(struct worker *w, int64_t *ret_next_ms)
{
    struct claims claims = { 0 };
    struct now now;
    bool may = false;
    int r = store_open(w);

    if (r == 0)
        r = read_before(w, &now);
    if (r == 0 && !app_stopping(w->app))
        r = settle_no_method(w, &now, &may);
    if (r == 0 && may && free_slots(w) > 0)
        r = claim(w, &claims);
    if (r == 0 && claims.n == 0) /* else the calls go out first; the look after them tells */
        r = publish_ended(w);
    *ret_next_ms = next_wake_ms(w, &claims);
    return r;
}

static void on_wake(void *ctx)
{
    struct worker *w = ctx;
    int64_t next_ms = WORKER_SWEEP_MS;
    int r;

    w->woken_at_ms = loop_now_ms(app_loop(w->app));
    w->wake_at_ms = INT64_MAX;
    r = take_due(w, &next_ms);
    if (r != 0)
        next_ms = store_failed(w, r);
    else
        store_works(w);
    worker_wake(w, next_ms);
}

void worker_wake(struct worker *w, int64_t after_ms)
{
    int64_t at_ms = loop_now_ms(app_loop(w->app)) + after_ms;

    if (at_ms >= w->wake_at_ms)
        return;
    w->wake_at_ms = at_ms;
    timer_start(w->wake, after_ms);
}

static void on_notification(void *ctx, struct str message)
{
    worker_wake(ctx, 0);
}

static void on_commit(void *ctx)
{
    struct worker *w = ctx;
    int64_t rest_ms = w->woken_at_ms + WORKER_COMMIT_REST_MS - loop_now_ms(app_loop(w->app));

    if (w->db_backoff.tries == 0)
        worker_wake(w, rest_ms > 0 ? rest_ms : 0);
}

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
    .program = "zapkeep-reconnect",
    .what = "reconnects sessions that are due; any number may run",
    .tables = worker_settings_tables,
    .admin_any_port = true,
    .needs_data_dir = true,
};

static int bad_setting(const struct buf *problem)
{
    (void)fprintf(stderr, "zapkeep-reconnect: %s\n", buf_str(problem));
    return APP_EXIT(EXIT_USAGE);
}

static int check_settings(struct worker *w)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);

    if (!*w->settings.bridge.url) {
        (void)buf_adds(&problem, "WHATSAPP_API_URL is not set; it has to be the base URL of the bridge, as"
                                 " http://127.0.0.1:3000");
        return bad_setting(&problem);
    }
    if (policy_settings_check(&w->settings.policy, &problem) != 0 ||
        hook_parse(&w->settings.hook, &problem, &w->hook) != 0)
        return bad_setting(&problem);
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
                        on_notification, NULL, w, &w->sub);
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

    (void)snprintf(ret_why, n, "not known yet what it speaks; the monitor finds out");
    return w->driver ? 0 : -1;
}

static void add_checks(struct worker *w)
{
    const struct app_check checks[] = {
        { .name = "store", .check = store_check, .ctx = w, .ready = true },
        { .name = "bridge", .check = check_driver, .ctx = w },
        { .name = "bus", .check = check_bus, .ctx = w },
    };

    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        app_check_add(w->app, &checks[i]);
}

static void watch_store(struct worker *w)
{
    (void)file_watch_open(app_loop(w->app), w->settings.app.data_dir, STATE_JOURNAL_FILE, FILE_WATCH_CLOSED,
                          on_commit, w, &w->watch);
}

static int start_worker(struct worker *w)
{
    struct loop *loop = app_loop(w->app);
    int r = app_http_client(w->app, (int)w->settings.policy.policy.in_flight_max, &w->client);

    if (r == 0)
        r = timer_open(loop, on_wake, w, &w->wake);
    if (r == 0)
        r = timer_open(loop, on_let_go, w, &w->stop);
    if (r == 0)
        r = subscribe(w);
    if (r != 0)
        return r;
    watch_store(w);
    worker_metrics_add();
    add_checks(w);
    app_on_stop(w->app, on_stop, w);
    w->wake_at_ms = INT64_MAX;
    worker_wake(w, 0);
    log_info("started", "waiting for sessions that are due", KS("worker", w->name),
             KS("bridge", w->settings.bridge.name), KS("url", w->settings.bridge.url));
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
    db_close(w->db);
}

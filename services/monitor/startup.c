/*
 * Opening and closing. The monitor waits for monitor.lock (another monitor may be at work) and for state.db (the disk
 * may be full); a state.db whose sync failed is closed, opened and read anew.
 *
 *   waiting ──the lock, state.db──► watching ──a sync failed──► waiting
 */
#include "services/monitor/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/instance_lock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "services/monitor/event_feed.h"
#include "services/monitor/metrics.h"

#define LOCK_FILE "monitor.lock"
/* The other monitor's death is noticed within this. */
#define LOCK_AGAIN_MS 1000

struct monitor {
    struct app *app;
    struct monitor_settings settings;
    struct bridge_target target;
    struct alert_sender_options sender_options;
    bool sinks[SINK_KIND_N]; /* which are set */
    int lock_fd;             /* of monitor.lock; -1: not held */
    struct timer *start;     /* opens a part that was not ready */
    struct backoff waiting, reopening;
    struct store_status store;
    bool reopen; /* close all and start over */

    /* From the opening of state.db to its closing. */
    struct monitor_context context;
    struct bridge_status status;
    struct alert_sender *sender;
    struct change_batch *batch;
    struct state_sync *sync;
    struct attempt_watch *attempts;
    struct silence_watch *silence;
    struct poll_schedule *schedule;
    struct event_feed *feed;
};

/* ---- settings -------------------------------------------------------------------------------- */

static int check_settings(struct monitor *m)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    const struct bridge_settings *b = &m->settings.bridge;

    if (!b->url[0])
        return app_exit(
            m->app, EXIT_USAGE,
            "WHATSAPP_API_URL is not set; it is the base URL of the bridge, as http://127.0.0.1:3000");
    if (m->settings.rules.flap_reuse > m->settings.rules.flap_suppress)
        return app_exit(m->app, EXIT_USAGE, "FLAP_REUSE must not be above FLAP_SUPPRESS");
    if (policy_settings_check(&m->settings.policy, &problem) != 0)
        return app_exit(m->app, EXIT_USAGE, "%s", buf_str(&problem));
    return 0;
}

/* ---- /health and /ready ---------------------------------------------------------------------- */

static int check_store(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (m->feed && !m->store.failing)
        return 0;
    (void)snprintf(ret_why, n, "%s",
                   m->lock_fd < 0 ? "another monitor is at work" : "state.db cannot be opened or written");
    return 1;
}

static int check_bridge(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;
    const char *problem = bridge_status_problem(&m->status);

    if (!problem && !(m->schedule && poll_schedule_is_settled(m->schedule)))
        problem = "no good sweep yet";
    if (!problem)
        return 0;
    (void)snprintf(ret_why, n, "%s", problem);
    return 1;
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (m->feed && event_feed_is_live(m->feed))
        return 0;
    (void)snprintf(ret_why, n, "no hub yet");
    return 1;
}

static void add_checks(struct monitor *m)
{
    app_check_add(m->app, &(struct app_check){ "store", check_store, m, true });
    app_check_add(m->app, &(struct app_check){ "bridge", check_bridge, m, false });
    app_check_add(m->app, &(struct app_check){ "bus", check_bus, m, false });
}

/* ---- monitor.lock ---------------------------------------------------------------------------- */

/* Returns 0, INSTANCE_LOCK_TAKEN: another monitor holds it, or -errno. */
static int take_lock(struct monitor *m)
{
    return instance_lock_take(m->settings.app.data_dir, LOCK_FILE, &m->lock_fd, NULL);
}

/* ---- opening and closing the parts ----------------------------------------------------------- */

/* Continues from the bridge's row. */
static int load_bridge(struct monitor *m, const struct bridge_driver *driver)
{
    const char *bridge = m->settings.bridge.name;
    struct bridge_row row;
    int r = bridges_find(m->context.db, bridge, &row);

    if (r < 0)
        return r;
    if (r == 0)
        bridge_status_load(&m->status, &row, times_steady(&m->context.times));
    return driver ? bridges_set_driver(m->context.db, bridge, driver->name) : 0;
}

/* What state.db knows. */
static int load(struct monitor *m, const struct bridge_driver *driver)
{
    int r = load_bridge(m, driver);

    if (r == 0)
        r = state_sync_load(m->sync);
    if (r == 0)
        r = change_batch_load_alerts(m->batch);
    if (r == 0)
        r = silence_watch_load(m->silence);
    m->status.key_refused = r == 0 && change_batch_alert_is_on(m->batch, ALERT_BRIDGE_KEY_REFUSED);
    return r;
}

static void on_ask(void *ctx, const char *id, int64_t gap_ms)
{
    struct monitor *m = ctx;

    if (m->schedule)
        poll_schedule_ask(m->schedule, id, gap_ms);
}

/* The parts that only hold data, and their rows in state.db. */
static int open_state(struct monitor *m, const struct bridge_driver *driver)
{
    struct monitor_context *c = &m->context;
    int r = times_init(&c->times, c->db, app_clock(m->app));

    if (r == 0)
        r = session_table_new(&c->table);
    if (r == 0)
        r = alert_sender_open(m->app, c->db, &m->sender_options, &m->sender);
    if (r == 0)
        r = change_batch_open(c, &m->status, m->sender, m->sinks, &m->batch);
    if (r == 0)
        r = state_sync_open(c, &m->status, m->batch, &m->sync);
    if (r == 0)
        r = silence_watch_open(c, m->batch, &m->silence);
    return r == 0 ? load(m, driver) : r;
}

/* The parts that do something by themselves. */
static int open_activities(struct monitor *m, const struct bridge_driver *driver)
{
    const struct monitor_context *c = &m->context;
    int r = attempt_watch_open(
        &(const struct attempt_watch_options){
            .m = c, .batch = m->batch, .sync = m->sync, .on_ask = on_ask, .ctx = m },
        &m->attempts);

    if (r == 0)
        r = poll_schedule_open(&(const struct poll_schedule_options){ .m = c,
                                                                      .status = &m->status,
                                                                      .batch = m->batch,
                                                                      .sync = m->sync,
                                                                      .attempts = m->attempts,
                                                                      .silence = m->silence,
                                                                      .sender = m->sender,
                                                                      .target = &m->target,
                                                                      .driver = driver },
                               &m->schedule);
    if (r == 0)
        r = event_feed_open(
            &(const struct event_feed_options){
                .m = c, .batch = m->batch, .attempts = m->attempts, .schedule = m->schedule },
            &m->feed);
    return r;
}

static int open_parts(struct monitor *m)
{
    const struct bridge_driver *driver = bridge_driver_find(m->settings.bridge.driver);
    int r = open_state(m, driver);

    if (r == 0)
        r = open_activities(m, driver);
    if (r == 0)
        log_info("watching", "watching the bridge's sessions", KS("bridge", m->settings.bridge.name),
                 KI("sessions", session_table_count(m->context.table)));
    return r;
}

/* All that try_start() and open_parts() open, in the other order. */
static void close_parts(struct monitor *m)
{
    struct db *db = m->context.db;

    event_feed_close(m->feed);
    poll_schedule_close(m->schedule);
    attempt_watch_close(m->attempts);
    silence_watch_close(m->silence);
    state_sync_close(m->sync);
    change_batch_close(m->batch);
    alert_sender_close(m->sender);
    session_table_free(m->context.table);
    m->feed = NULL;
    m->schedule = NULL;
    m->attempts = NULL;
    m->silence = NULL;
    m->sync = NULL;
    m->batch = NULL;
    m->sender = NULL;
    m->context.table = NULL;
    m->context.db = m->store.db = NULL;
    m->status = (struct bridge_status){ 0 };
    db_close(db);
}

/* ---- starting -------------------------------------------------------------------------------- */

/* Not a matter of waiting. */
static bool is_fatal(int r)
{
    return r != -ENOSPC && r != -EAGAIN && r != -EIO;
}

/* Returns 0, 1: another monitor holds the lock, or -errno. */
static int try_start(struct monitor *m)
{
    int r = m->lock_fd < 0 ? take_lock(m) : 0;

    if (r == 0)
        r = db_open_state(m->settings.app.data_dir, &m->context.db);
    m->store.db = m->context.db;
    return r == 0 ? open_parts(m) : r;
}

static void log_waiting(struct monitor *m, int r)
{
    (void)backoff_next_ms(&m->waiting);
    if (r > 0 && m->waiting.tries == 1)
        log_warn("second-monitor", "another monitor works on this data directory; waiting to take over",
                 KS("dir", m->settings.app.data_dir));
    if (r < 0 && backoff_is_news(&m->waiting))
        log_warn("state-waiting", "waiting for state.db", KS("error", err_text(r)));
}

static void on_start(void *ctx)
{
    struct monitor *m = ctx;
    int r;

    if (m->reopen)
        close_parts(m);
    m->reopen = false;
    r = try_start(m);
    if (r == 0) {
        backoff_reset(&m->waiting);
        return;
    }
    close_parts(m);
    if (r < 0 && is_fatal(r)) {
        log_error("state-unusable", "cannot work with state.db", KS("dir", m->settings.app.data_dir),
                  KS("error", err_text(r)));
        app_fail(m->app, EXIT_UNREACHABLE);
        return;
    }
    log_waiting(m, r);
    timer_start(m->start, LOCK_AGAIN_MS);
}

/* After a failed sync the content of disk and page cache is unknown: only reading it again tells. */
static void on_sync_failed(void *ctx)
{
    struct monitor *m = ctx;

    if (m->reopen)
        return;
    m->reopen = true;
    timer_start(m->start, backoff_next_ms(&m->reopening));
    if (backoff_is_news(&m->reopening))
        log_warn("state-reopened", "a sync of state.db failed; it is opened and read anew");
}

static void on_written(void *ctx)
{
    struct monitor *m = ctx;

    backoff_reset(&m->reopening);
}

static void wire(struct monitor *m)
{
    const struct monitor_settings *s = &m->settings;

    m->target = (struct bridge_target){ s->bridge.url, s->bridge.api_key };
    m->sinks[SINK_ALERTMANAGER] = s->alert_url[0] != '\0';
    m->sinks[SINK_NTFY] = s->alert_ntfy_url[0] != '\0';
    m->sender_options = (struct alert_sender_options){
        .url = { [SINK_ALERTMANAGER] = s->alert_url, [SINK_NTFY] = s->alert_ntfy_url },
        .heartbeat_url = s->heartbeat_url,
        .heartbeat_ms = s->heartbeat_ms
    };
    m->store = (struct store_status){ .on_sync_failed = on_sync_failed, .on_written = on_written, .ctx = m };
    m->context = (struct monitor_context){ .app = m->app, .settings = s, .store = &m->store };
}

static const struct app_spec monitor_spec = {
    .service = "monitor",
    .is_service = true,
    .program = "zapkeep-monitor",
    .what = "watches the bridge's sessions and plans the reconnections",
    .table = monitor_settings_table,
    .needs_data_dir = true,
};

int monitor_open(const struct app_start *start, struct monitor **ret)
{
    struct monitor *m = mem_zalloc(sizeof *m);
    int r;

    if (!m)
        return -ENOMEM;
    m->lock_fd = -1;
    *ret = m;
    r = app_open(&monitor_spec, start, &m->settings, &m->app);
    if (r == 0)
        r = check_settings(m);
    if (r != 0)
        return r;
    wire(m);
    add_checks(m);
    r = timer_open(app_loop(m->app), on_start, m, &m->start);
    if (r == 0)
        timer_start(m->start, 0);
    return r;
}

struct app *monitor_app(struct monitor *m)
{
    return m->app;
}

int monitor_close(struct monitor *m, int r)
{
    struct app *app;

    if (!m)
        return app_close(NULL, r);
    app = m->app;
    if (m->feed)
        (void)change_batch_commit(m->batch, 0);
    close_parts(m);
    timer_close(m->start);
    if (m->lock_fd >= 0)
        (void)close(m->lock_fd);
    r = app_close(app, r);
    mem_free(m);
    return r;
}

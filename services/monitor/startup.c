/*
 * Opening and closing. The monitor waits for monitor.lock (another monitor may be at work) and for state.db (the disk
 * may be full); a state.db whose sync failed is closed, opened and read anew.
 *
 *   waiting ──the lock, state.db──► watching ──a sync failed──► waiting
 *
 * With a database there is a role for each bridge, and one for the duties that belong to the stack. The monitors of the stack share
 * them; the part of a role is opened and closed with it.
 */
#include "services/monitor/monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/app/bridge_set.h"
#include "common/app/heartbeat.h"
#include "common/app/role_share.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/store/store.h"
#include "common/store/waiting.h"
#include "services/monitor/metrics.h"
#include "services/monitor/parts.h"
#include "services/monitor/store_outage.h"

#define MONITOR_ROLE "monitor"
/* The other monitor's death is noticed within this. */
#define LOCK_AGAIN_MS 1000

_Static_assert(BRIDGES_MAX + 1 <= SHARE_ROLES_MAX, "each bridge is a role, and the stack one");

struct monitor {
    struct app *app;
    struct monitor_settings settings; /* of all bridges */
    struct bridge_set bridges;        /* … and of each */
    struct alert_sender_options sender_options;
    struct sink_configs sinks;
    struct role_share *share;
    bool shares;          /* there is a role for each bridge: bridge i has role i + 1 */
    struct timer *start;  /* opens a part that was not ready */
    struct timer *owners; /* looks for phones that two sessions have */
    struct backoff waiting, reopening;
    struct store_status store;
    struct store_outage *outage;
    bool reopen; /* close all and start over */
    struct parts *parts;
};

/* ---- settings -------------------------------------------------------------------------------- */

static int check_one(void *settings, struct buf *problem)
{
    struct monitor_settings *s = settings;
    int r = rules_settings_check(&s->rules, problem);

    if (!s->bridge.url[0] && bridge_needs_url(&s->bridge)) {
        (void)buf_adds(problem, BRIDGE_URL_MISSING);
        return -EINVAL;
    }
    return r == 0 ? policy_settings_check(&s->policy, problem) : r;
}

static const struct bridge_set_spec bridges_spec = { .table = monitor_settings_table,
                                                     .bytes = sizeof(struct monitor_settings),
                                                     .bridge_at = offsetof(struct monitor_settings, bridge),
                                                     .check = check_one };

static int check_settings(struct monitor *m)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = bridge_set_read(&bridges_spec, &m->settings, &problem, &m->bridges);

    if (r == 0)
        r = sink_configs_load(&m->sinks, &m->settings.sinks, &problem);
    return r == -EINVAL ? app_exit(m->app, EXIT_USAGE, "%s", buf_str(&problem)) : r;
}

/* ---- /health and /ready ---------------------------------------------------------------------- */

static int check_store(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;
    bool away = app_store_is_away(m->app) || store_hangs();

    if (parts_are_working(m->parts) && !m->store.failing && !away)
        return 0;
    if (away)
        (void)snprintf(ret_why, n, "the database does not answer");
    else if (role_share_problem(m->share, PARTS_STACK_ROLE) == STORE_ROLE_TAKEN)
        (void)snprintf(ret_why, n, "another monitor is at work");
    else
        (void)snprintf(ret_why, n, "%s cannot be opened or written",
                       store_part(app_store(&m->settings.app), STATE_DB_FILE));
    return 1;
}

static int check_bridge(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    return parts_check_bridges(m->parts, ret_why, n);
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (parts_are_live(m->parts))
        return 0;
    (void)snprintf(ret_why, n, "no hub yet");
    return 1;
}

/* Shown, and no reason to call the monitor itself not ready: to start it again mends nothing. */
static int check_programs(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;
    const char *dead = heartbeat_first_dead(m->settings.app.data_dir, app_clock(m->app));

    (void)snprintf(ret_why, n, "%s is dead", dead ? dead : "nobody");
    return dead != NULL;
}

static void add_checks(struct monitor *m)
{
    app_check_add(m->app, &(struct app_check){ "store", check_store, m, true });
    app_check_add(m->app, &(struct app_check){ "bridge", check_bridge, m, false });
    app_check_add(m->app, &(struct app_check){ "bus", check_bus, m, false });
    app_check_add(m->app, &(struct app_check){ "programs", check_programs, m, false });
}

/* ---- the store fails ------------------------------------------------------------------------- */

/* After a failed sync the content of disk and page cache is unknown: only reading it again tells. */
static void on_sync_failed(void *ctx)
{
    struct monitor *m = ctx;

    if (m->reopen)
        return;
    m->reopen = true;
    timer_start(m->start, backoff_next_ms(&m->reopening));
    if (backoff_is_news(&m->reopening) && !store_is_server(app_store(&m->settings.app)))
        log_warn("state-reopened", "a sync of state.db failed; it is opened and read anew");
}

/* As often as all sessions are polled. */
static void on_owners(void *ctx)
{
    struct monitor *m = ctx;

    timer_start(m->owners, m->settings.rules.check_ms);
    if (!m->reopen)
        parts_read_owners(m->parts);
}

/* ---- roles that come and go ------------------------------------------------------------------ */

static void name_roles(struct monitor *m)
{
    const char *names[SHARE_ROLES_MAX] = { "" };

    for (int i = 0; m->shares && i < m->bridges.n; i++)
        names[i + 1] = bridge_set_bridge(&m->bridges, i)->name;
    role_share_name(m->share, names, m->shares ? m->bridges.n + 1 : 1);
}

static void end_role(struct monitor *m, int i, bool commit)
{
    const char *name = i == PARTS_STACK_ROLE ? NULL : bridge_set_bridge(&m->bridges, i - 1)->name;

    if (!name) {
        parts_end_duties(m->parts);
        return;
    }
    parts_end_bridge(m->parts, name, commit);
    metrics_bridge_end(name);
}

/* A monitor that was paused or cut off has lost the role: it writes nothing more, and waits for its turn. */
static void on_role(void *ctx, int i)
{
    struct monitor *m = ctx;
    bool held = role_share_role(m->share, i);

    if (!m->shares) {
        m->reopen = m->reopen || parts_are_open(m->parts);
        if (!held)
            parts_close(m->parts);
    } else if (!held) {
        end_role(m, i, false);
    }
    timer_start(m->start, 0);
}

/* Another monitor has too few. */
static void on_give(void *ctx, int i)
{
    struct monitor *m = ctx;

    end_role(m, i, true);
    role_share_leave(m->share, i);
    timer_start(m->start, 0);
}

/* ---- the file of bridges is read anew -------------------------------------------------------- */

/* Bridges that are not in the file any more, or otherwise, are let go. */
static void end_changed(struct monitor *m, struct bridge_set *next)
{
    bool kept[BRIDGES_MAX] = { false };

    for (int i = 0; i < next->n; i++)
        kept[i] = bridge_set_keep(&m->bridges, next, i);
    for (int i = 0; i < m->bridges.n; i++) {
        const char *name = bridge_set_bridge(&m->bridges, i)->name;
        int at = bridge_set_find(next, str_from(name));

        if (at >= 0 && kept[at])
            continue;
        parts_end_bridge(m->parts, name, true);
        if (at < 0)
            metrics_bridge_end(name);
    }
}

static int change_sinks(struct monitor *m, struct buf *problem)
{
    CLEANUP(sink_configs_fini) struct sink_configs next = SINK_CONFIGS_NULL;
    struct alert_sender *sender = parts_sender(m->parts);
    struct sink_configs old = m->sinks;
    int r = sink_configs_load(&next, &m->settings.sinks, problem);

    if (r != 0)
        return r;
    if (sender)
        alert_sender_suspend(sender);
    store_outage_suspend(m->outage);
    m->sinks = next;
    next = old;
    return sender ? alert_sender_resume(sender) : 0;
}

static void reload_sinks(struct monitor *m)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = change_sinks(m, &problem);

    if (r == 0)
        log_info("sinks-reloaded", "the file of sinks was read anew", KI("sinks", m->sinks.n));
    else
        log_error("sinks-refused", "the file of sinks has an error; nothing of it is changed",
                  KS("error", r == -EINVAL ? buf_str(&problem) : err_text(r)));
}

/* SIGHUP: a file is taken whole, or nothing of it is changed. */
static void on_reload(void *ctx, int signum)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    CLEANUP(bridge_set_fini) struct bridge_set next = { 0 };
    struct monitor *m = ctx;
    struct bridge_set old;
    int r;

    if (*m->settings.sinks.config)
        reload_sinks(m);
    if (!*m->settings.bridge.file)
        return;
    r = bridge_set_read(&bridges_spec, &m->settings, &problem, &next);
    if (r != 0) {
        log_error("reload-refused", "the file of bridges has an error; nothing is changed",
                  KS("error", r == -EINVAL ? buf_str(&problem) : err_text(r)));
        return;
    }
    end_changed(m, &next);
    r = parts_mark(m->parts, &next);
    old = m->bridges;
    m->bridges = next;
    next = old;
    if (m->shares)
        name_roles(m);
    if (r == 0 && parts_are_open(m->parts))
        r = parts_open(m->parts);
    log_info("reloaded", "the file of bridges was read anew", KI("bridges", m->bridges.n));
    if (r != 0) /* the store is busy or full: all are opened anew */
        on_sync_failed(m);
}

/* ---- starting -------------------------------------------------------------------------------- */

/* Not a matter of waiting. */
static bool is_fatal(int r)
{
    return !db_error_passes(r);
}

static void log_waiting(struct monitor *m, int r)
{
    char name[STORE_DISPLAY_MAX];

    if (r < 0) {
        store_outage_failed(m->outage, r);
        return;
    }
    store_outage_ended(m->outage, true);
    (void)backoff_next_ms(&m->waiting);
    if (m->waiting.tries == 1)
        log_warn("second-monitor", "another monitor works on this store; waiting to take over",
                 KS("dir", store_display(app_store(&m->settings.app), name, sizeof name)));
}

static void on_start(void *ctx)
{
    struct monitor *m = ctx;
    char problem[512]; /* a path and a sentence */
    int r;

    if (m->reopen)
        parts_close(m->parts);
    m->reopen = false;
    if (parts_are_open(m->parts) && !m->shares)
        return;
    if (!role_share_has_looked(m->share)) {
        timer_start(m->start, LOCK_AGAIN_MS);
        return;
    }
    r = parts_open(m->parts);
    if (r == 0) {
        backoff_reset(&m->waiting);
        store_outage_ended(m->outage, !parts_have_duties(m->parts));
        return;
    }
    parts_close(m->parts);
    if (r < 0 && is_fatal(r)) {
        log_error(
            "state-unusable", "cannot work with the state",
            KS("error", db_problem(app_store(&m->settings.app), STATE_DB_FILE, r, problem, sizeof problem)));
        app_fail(m->app, EXIT_UNREACHABLE);
        return;
    }
    log_waiting(m, r);
    timer_start(m->start, LOCK_AGAIN_MS);
}

static void on_written(void *ctx)
{
    struct monitor *m = ctx;

    backoff_reset(&m->reopening);
}

static void wire(struct monitor *m)
{
    const struct monitor_settings *s = &m->settings;

    m->sender_options = (struct alert_sender_options){ .sinks = &m->sinks,
                                                       .console_url = s->sinks.console_url,
                                                       .heartbeat_url = s->heartbeat_url,
                                                       .heartbeat_ms = s->heartbeat_ms };
    m->shares = store_is_server(app_store(&s->app));
    m->store = (struct store_status){ .on_sync_failed = on_sync_failed, .on_written = on_written, .ctx = m };
}

static const struct app_spec monitor_spec = {
    .service = "monitor",
    .is_service = true,
    .shares_connection = true,
    .program = "zapkeep-monitor",
    .what = "watches the bridge's sessions and plans the reconnections",
    .table = monitor_settings_table,
    .needs_data_dir = true,
};

static int open_outage(struct monitor *m)
{
    const struct store_outage_options o = { .store = app_store(&m->settings.app),
                                            .sinks = &m->sinks,
                                            .console_url = m->settings.sinks.console_url,
                                            .hold_ms = m->settings.rules.alert_hold_ms };

    return store_outage_open(m->app, &o, &m->outage);
}

int monitor_open(const struct app_start *start, struct monitor **ret)
{
    struct monitor *m = mem_zalloc(sizeof *m);
    int r;

    if (!m)
        return -ENOMEM;
    *ret = m;
    r = app_open(&monitor_spec, start, &m->settings, &m->app);
    if (r == 0)
        r = check_settings(m);
    if (r != 0)
        return r;
    wire(m);
    add_checks(m);
    r = open_outage(m);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_start, m, &m->start);
    if (r == 0)
        r = role_share_open(&(struct role_share_options){ .app = m->app,
                                                          .where = app_store(&m->settings.app),
                                                          .kind = MONITOR_ROLE,
                                                          .changed = on_role,
                                                          .give = on_give,
                                                          .ctx = m },
                            &m->share);
    if (r == 0)
        r = parts_new(&(struct parts_options){ .app = m->app,
                                               .settings = &m->settings,
                                               .bridges = &m->bridges,
                                               .sender = &m->sender_options,
                                               .share = m->share,
                                               .shares = m->shares,
                                               .store = &m->store },
                      &m->parts);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_owners, m, &m->owners);
    if (r != 0)
        return r;
    name_roles(m);
    timer_start(m->start, 0);
    timer_start(m->owners, m->settings.rules.check_ms);
    return r == 0 ? loop_on_signal(app_loop(m->app), SIGHUP, on_reload, m) : r;
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
    if (m->parts)
        parts_commit(m->parts);
    parts_free(m->parts);
    timer_close(m->start);
    if (m->owners)
        timer_close(m->owners);
    role_share_close(m->share);
    store_outage_close(m->outage);
    bridge_set_fini(&m->bridges);
    sink_configs_fini(&m->sinks);
    r = app_close(app, r);
    mem_free(m);
    return r;
}

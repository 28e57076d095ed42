/*
 * Opening and closing. The monitor waits for monitor.lock (another monitor may be at work) and for state.db (the disk
 * may be full); a state.db whose sync failed is closed, opened and read anew.
 *
 *   waiting ──the lock, state.db──► watching ──a sync failed──► waiting
 *
 * With a database there is a role for each bridge, and one for the duties that belong to the stack. The monitors of the stack share
 * them; what a role is for is opened and closed with it.
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
#include "services/monitor/bridge_watch.h"
#include "services/monitor/metrics.h"
#include "services/monitor/stack_duties.h"
#include "services/monitor/store_outage.h"

#define MONITOR_ROLE "monitor"
/* The other monitor's death is noticed within this. */
#define LOCK_AGAIN_MS 1000
/* The role of the stack; the one with a folder. */
#define STACK 0

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

    /* From the opening of state.db to its closing. */
    struct monitor_context context; /* of all bridges: without a table; its role is that of the stack */
    struct stack_duties *duties;    /* NULL: another monitor has them */
    struct alert_sender *sender;    /* theirs */
    struct event_feed *feed;
    struct received_feed *received;
    struct bridge_watch *watches[BRIDGES_MAX];
    int n_watches;
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

    if ((m->n_watches > 0 || m->duties) && !m->store.failing)
        return 0;
    (void)snprintf(ret_why, n, "%s",
                   role_share_problem(m->share, STACK) == STORE_ROLE_TAKEN
                       ? "another monitor is at work"
                       : "state.db cannot be opened or written");
    return 1;
}

static int check_bridge(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    for (int i = 0; i < m->n_watches; i++) {
        const char *problem = bridge_watch_problem(m->watches[i]);

        if (!problem)
            continue;
        (void)snprintf(ret_why, n, "%s%s%s", m->n_watches > 1 ? bridge_watch_name(m->watches[i]) : "",
                       m->n_watches > 1 ? ": " : "", problem);
        return 1;
    }
    (void)snprintf(ret_why, n, "no good sweep yet");
    return m->n_watches == 0 && !(m->shares && m->duties);
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (m->feed && event_feed_is_live(m->feed))
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

/* ---- opening and closing the parts ----------------------------------------------------------- */

static struct store_role *role_of_bridge(const struct monitor *m, int i)
{
    return role_share_role(m->share, m->shares ? i + 1 : STACK);
}

static struct bridge_watch *find_watch(const struct monitor *m, const char *name)
{
    for (int i = 0; i < m->n_watches; i++) {
        if (strcmp(bridge_watch_name(m->watches[i]), name) == 0)
            return m->watches[i];
    }
    return NULL;
}

static enum bridge_wellness wellness(void *ctx, const char *bridge)
{
    const struct bridge_watch *w = find_watch(ctx, bridge);

    if (!w)
        return WELLNESS_ELSEWHERE;
    return bridge_watch_is_well(w) ? WELLNESS_GOOD : WELLNESS_BAD;
}

static void on_well(void *ctx)
{
    struct monitor *m = ctx;

    if (m->duties)
        stack_duties_swept(m->duties);
}

static int open_watch(struct monitor *m, int i)
{
    struct bridge_watch_options o = {
        .context = m->context, .sender = &m->sender, .received = m->received, .on_well = on_well, .ctx = m
    };
    int r;

    o.context.settings = m->bridges.settings[i];
    o.context.role = role_of_bridge(m, i);
    r = bridge_watch_open(&o, &m->watches[m->n_watches]);
    if (r != 0)
        return r;
    return event_feed_add(m->feed, bridge_watch_feed(m->watches[m->n_watches++]));
}

/* On the first bridge of the file, as long as it is there. */
static void choose_programs(struct monitor *m)
{
    for (int i = 0; i < m->n_watches; i++)
        bridge_watch_programs(m->watches[i], strcmp(bridge_watch_name(m->watches[i]),
                                                    bridge_set_bridge(&m->bridges, 0)->name) == 0);
}

/* Of the bridges whose roles this monitor has, those that are not watched yet. */
static int open_watches(struct monitor *m)
{
    int r = 0;

    for (int i = 0; r == 0 && i < m->bridges.n; i++) {
        if (role_of_bridge(m, i) && !find_watch(m, bridge_set_bridge(&m->bridges, i)->name))
            r = open_watch(m, i);
    }
    choose_programs(m);
    return r;
}

static int open_duties(struct monitor *m)
{
    const struct stack_duties_options o = {
        .m = &m->context, .sender = &m->sender_options, .bridges = &m->bridges, .wellness = wellness, .ctx = m
    };
    int r;

    if (m->duties || !role_share_role(m->share, STACK))
        return 0;
    m->context.role = role_share_role(m->share, STACK);
    r = stack_duties_open(&o, &m->duties);
    m->sender = r == 0 ? stack_duties_sender(m->duties) : NULL;
    return r;
}

static void close_duties(struct monitor *m)
{
    m->sender = NULL;
    stack_duties_close(m->duties);
    m->duties = NULL;
    m->context.role = NULL;
}

/* Any of the roles that this monitor has; NULL: it has none. */
static struct store_role *any_role(const struct monitor *m)
{
    struct store_role *role = role_share_role(m->share, STACK);

    for (int i = 0; !role && i < m->bridges.n; i++)
        role = role_of_bridge(m, i);
    return role;
}

/* What all bridges share. */
static int open_common(struct monitor *m)
{
    int r = db_open_state(app_store(&m->settings.app), &m->context.db);

    m->store.db = m->context.db;
    if (r != 0)
        return r;
    store_role_fence(any_role(m), m->context.db);
    r = times_init(&m->context.times, m->context.db, app_clock(m->app));
    if (r == 0)
        r = event_feed_open(&m->context, &m->feed);
    return r == 0 ? received_feed_open(&m->context, &m->received) : r;
}

/* Returns 0; STORE_ROLE_TAKEN: other monitors have all; or -errno. */
static int open_parts(struct monitor *m)
{
    int n = m->n_watches;
    int r = any_role(m) ? 0 : role_share_problem(m->share, STACK);

    if (r == 0 && !m->context.db)
        r = open_common(m);
    if (r == 0)
        r = open_duties(m);
    if (r == 0)
        r = open_watches(m);
    return r == 0 && (n == 0 || m->n_watches > n) ? event_feed_start(m->feed) : r;
}

/* All that open_parts() opens, in the other order. */
static void close_parts(struct monitor *m)
{
    struct db *db = m->context.db;

    event_feed_close(m->feed);
    m->feed = NULL;
    while (m->n_watches > 0)
        bridge_watch_close(m->watches[--m->n_watches]);
    received_feed_close(m->received);
    m->received = NULL;
    close_duties(m);
    m->context.db = m->store.db = NULL;
    db_close(db);
}

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

/* ---- phones that two sessions have ----------------------------------------------------------- */

/* As often as all sessions are polled. */
static void on_owners(void *ctx)
{
    CLEANUP(two_owners_fini) struct two_owners t = TWO_OWNERS_NULL;
    struct monitor *m = ctx;
    int r;

    timer_start(m->owners, m->settings.rules.check_ms);
    if (m->n_watches == 0 || m->reopen)
        return;
    r = two_owners_read(m->context.db, &t);
    for (int i = 0; r == 0 && i < m->n_watches && !m->reopen; i++)
        bridge_watch_two_owners(m->watches[i], &t);
}

/* ---- the end of a watch ----------------------------------------------------------------------- */

static struct bridge_watch *take_watch(struct monitor *m, const char *name)
{
    for (int i = 0; i < m->n_watches; i++) {
        struct bridge_watch *w = m->watches[i];

        if (strcmp(bridge_watch_name(w), name) != 0)
            continue;
        m->watches[i] = m->watches[--m->n_watches];
        return w;
    }
    return NULL;
}

/* With @commit what is staged is kept; without, another monitor has the bridge. */
static void end_watch(struct monitor *m, const char *name, bool commit)
{
    struct bridge_watch *w = take_watch(m, name);

    if (!w)
        return;
    if (commit)
        bridge_watch_commit(w);
    event_feed_remove(m->feed, bridge_watch_feed(w));
    bridge_watch_close(w);
}

/* ---- roles that come and go ------------------------------------------------------------------- */

static void name_roles(struct monitor *m)
{
    const char *names[SHARE_ROLES_MAX] = { "" };

    for (int i = 0; m->shares && i < m->bridges.n; i++)
        names[i + 1] = bridge_set_bridge(&m->bridges, i)->name;
    role_share_name(m->share, names, m->shares ? m->bridges.n + 1 : 1);
}

static void end_role(struct monitor *m, int i, bool commit)
{
    const char *name = i == STACK ? NULL : bridge_set_bridge(&m->bridges, i - 1)->name;

    if (!name) {
        close_duties(m);
        return;
    }
    end_watch(m, name, commit);
    metrics_bridge_end(name);
}

/* A monitor that was paused or cut off has lost the role: it writes nothing more, and waits for its turn. */
static void on_role(void *ctx, int i)
{
    struct monitor *m = ctx;
    bool held = role_share_role(m->share, i);

    if (!m->shares) {
        m->reopen = m->reopen || m->context.db;
        if (!held)
            close_parts(m);
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
        end_watch(m, name, true);
        if (at < 0)
            metrics_bridge_end(name);
    }
}

static int change_sinks(struct monitor *m, struct buf *problem)
{
    CLEANUP(sink_configs_fini) struct sink_configs next = SINK_CONFIGS_NULL;
    struct sink_configs old = m->sinks;
    int r = sink_configs_load(&next, &m->settings.sinks, problem);

    if (r != 0)
        return r;
    if (m->sender)
        alert_sender_suspend(m->sender);
    store_outage_suspend(m->outage);
    m->sinks = next;
    next = old;
    return m->sender ? alert_sender_resume(m->sender) : 0;
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

/* SIGHUP: what is in a file is taken whole, or nothing of it is changed. */
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
    r = m->duties ? stack_duties_mark(m->duties, &next) : 0;
    old = m->bridges;
    m->bridges = next;
    next = old;
    if (m->shares)
        name_roles(m);
    if (r == 0 && m->context.db)
        r = open_parts(m);
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
        log_warn("second-monitor", "another monitor works on this data directory; waiting to take over",
                 KS("dir", store_display(app_store(&m->settings.app), name, sizeof name)));
}

static void on_start(void *ctx)
{
    struct monitor *m = ctx;
    char problem[512]; /* a path and a sentence */
    int r;

    if (m->reopen)
        close_parts(m);
    m->reopen = false;
    if (m->context.db && !m->shares)
        return;
    if (!role_share_has_looked(m->share)) {
        timer_start(m->start, LOCK_AGAIN_MS);
        return;
    }
    r = open_parts(m);
    if (r == 0) {
        backoff_reset(&m->waiting);
        store_outage_ended(m->outage, !m->duties);
        return;
    }
    close_parts(m);
    if (r < 0 && is_fatal(r)) {
        log_error(
            "state-unusable", "cannot work with state.db",
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
        r = role_share_open(&(struct role_share_options){ .loop = app_loop(m->app),
                                                          .where = app_store(&m->settings.app),
                                                          .kind = MONITOR_ROLE,
                                                          .changed = on_role,
                                                          .give = on_give,
                                                          .ctx = m },
                            &m->share);
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
    for (int i = 0; i < m->n_watches; i++)
        bridge_watch_commit(m->watches[i]);
    close_parts(m);
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

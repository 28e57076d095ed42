#include "services/reconnect-worker/worker_bridge.h"

#include <errno.h>

#include "common/app/bridge_settings.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/claim_loop.h"
#include "services/reconnect-worker/worker_metrics.h"

/* ---- settings -------------------------------------------------------------------------------- */

static int check_one(void *settings, struct buf *problem)
{
    struct worker_settings *s = settings;
    struct hook hook;

    if (!*s->bridge.url && bridge_needs_url(&s->bridge)) {
        (void)buf_adds(problem, BRIDGE_URL_MISSING);
        return -EINVAL;
    }
    return policy_settings_check(&s->policy, problem) != 0 || hook_parse(&s->hook, problem, &hook) != 0
               ? -EINVAL
               : 0;
}

static const struct bridge_set_spec spec = { .table = worker_settings_table,
                                             .bytes = sizeof(struct worker_settings),
                                             .bridge_at = offsetof(struct worker_settings, bridge),
                                             .check = check_one };

int worker_bridges_read(struct worker *w)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = bridge_set_read(&spec, &w->settings, &problem, &w->set);

    return r == -EINVAL ? app_exit(w->app, EXIT_USAGE, "%s", buf_str(&problem)) : r;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void free_bridge(struct worker_bridge *b)
{
    http_client_close(b->client);
    if (b->wake)
        timer_close(b->wake);
    if (b->leaving) {
        settings_free(worker_settings_table, b->settings);
        mem_free(b->settings);
    }
    list_remove(&b->link);
    mem_free(b);
}

/* The settings stay those of w->set until the bridge leaves. */
static int open_one(struct worker *w, struct worker_settings *settings)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX);
    struct worker_bridge *b = mem_zalloc(sizeof *b);
    char url[300];
    struct bridge_target target = bridge_settings_target(&settings->bridge);
    int r;

    if (!b)
        return -ENOMEM;
    b->worker = w;
    b->on_left = free_bridge;
    b->settings = settings;
    b->policy = settings->policy.policy;
    policy_space_starts(&b->policy, 0);
    b->metrics = metrics_bridge(settings->bridge.name);
    b->wake_at_ms = INT64_MAX;
    list_init(&b->calls);
    list_append(&w->bridges, &b->link);
    r = hook_parse(&settings->hook, &problem, &b->hook);
    if (r == 0)
        r = http_client_open(app_loop(w->app), (int)settings->policy.policy.in_flight_max, &b->client);
    if (r == 0)
        bridge_target_prepare(&target, b->client);
    if (r == 0)
        r = timer_open(app_loop(w->app), claim_loop_on_timer, b, &b->wake);
    if (r != 0) {
        free_bridge(b);
        return r;
    }
    metric_set_of(&worker_in_flight, b->metrics, 0, 0); /* shown before anything is counted */
    metric_add_of(&worker_attempts, b->metrics, 0, 0);
    metric_add_of(&worker_parked, b->metrics, 0, 0);
    claim_loop_wake(b, 0);
    log_info("started", "waiting for sessions that are due", KS("worker", w->name),
             KS("bridge", settings->bridge.name),
             KS("url", url_display(settings->bridge.url, url, sizeof url)));
    return 0;
}

int worker_bridges_open(struct worker *w)
{
    int r = 0;

    for (int i = 0; r == 0 && i < w->set.n; i++)
        r = open_one(w, w->set.settings[i]);
    return r;
}

void worker_bridges_close(struct worker *w)
{
    w->closing = true;
    LIST_FOR(it, &w->bridges)
    {
        struct worker_bridge *b = container_of(it, struct worker_bridge, link);

        call_drop_all(b);
        free_bridge(b);
    }
    bridge_set_fini(&w->set);
}

/* ---- SIGHUP ---------------------------------------------------------------------------------- */

/* With the settings that it was working with. */
static void leave(struct worker *w, int i)
{
    LIST_FOR(it, &w->bridges)
    {
        struct worker_bridge *b = container_of(it, struct worker_bridge, link);

        if (b->leaving || b->settings != w->set.settings[i])
            continue;
        b->leaving = true;
        (void)bridge_set_take(&w->set, i);
        claim_loop_wake(b, 0);
    }
}

static int change(struct worker *w, struct bridge_set *next)
{
    bool kept[BRIDGES_MAX] = { false };
    int r = 0;

    for (int i = 0; i < next->n; i++)
        kept[i] = bridge_set_keep(&w->set, next, i);
    for (int i = 0; i < w->set.n; i++) {
        int at = bridge_set_find(next, str_from(bridge_set_bridge(&w->set, i)->name));

        if (at < 0)
            metrics_bridge_end(bridge_set_bridge(&w->set, i)->name);
        if (at < 0 || !kept[at])
            leave(w, i);
    }
    for (int i = 0; r == 0 && i < next->n; i++)
        if (!kept[i])
            r = open_one(w, next->settings[i]);
    return r;
}

void worker_bridges_reload(struct worker *w)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    CLEANUP(bridge_set_fini) struct bridge_set next = { 0 };
    struct bridge_set old;
    int r = *w->settings.bridge.file ? bridge_set_read(&spec, &w->settings, &problem, &next) : 1;

    if (r > 0 || app_stopping(w->app))
        return;
    if (r != 0) {
        log_error("reload-refused", "the file of bridges has an error; nothing is changed",
                  KS("error", r == -EINVAL ? buf_str(&problem) : err_text(r)));
        return;
    }
    r = change(w, &next);
    old = w->set;
    w->set = next;
    next = old;
    log_info("reloaded", "the file of bridges was read anew", KI("bridges", w->set.n));
    if (r != 0) /* memory: a start makes the missing parts */
        app_fail(w->app, EXIT_UNREACHABLE);
}

#include "services/monitor/health_watch.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"

struct health_watch {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct poller *poller;
    struct timer *timer;
    struct backoff waiting; /* for the first answer */
    bool checked_good;      /* the last health check was good */
    bool lists_nothing;     /* the last sweep found a bridge that answers and says nothing of its sessions */
};

static const struct rules *rules_of(const struct health_watch *w)
{
    return &w->m->settings->rules;
}

static void log_unreachable(struct health_watch *w, const struct bridge_call *c)
{
    const struct bridge_settings *b = &w->m->settings->bridge;
    char url[300];

    if (!w->status->reached && (w->waiting.tries == 0 || backoff_is_news(&w->waiting)))
        log_warn("bridge-unreachable", "waiting for the bridge", KS("bridge", b->name),
                 KS("url", url_display(b->url, url, sizeof url)), KS("error", c->detail),
                 KI("http_status", c->http_status));
}

int64_t health_watch_wait_ms(struct health_watch *w)
{
    return backoff_next_ms(&w->waiting);
}

/* ---- observations ------------------------------------------------------------------------------ */

static void count_call(struct health_watch *w, const struct bridge_call *c)
{
    bool ok = c->kind >= 0 && !bridge_answer_is_transport(c->kind);

    bridge_status_call(rules_of(w), w->status, ok, times_steady(&w->m->times));
}

/* @took_ms: of the call that says so. */
static void count_health(struct health_watch *w, bool good, int64_t took_ms)
{
    int64_t now = times_steady(&w->m->times);

    if (bridge_status_health(rules_of(w), w->status, good, now - took_ms, now))
        (void)change_batch_commit(w->batch, 0); /* if not now, then with the next changeset */
}

/* A good one proves little: a bridge that lists nothing, or a page of somebody else, may still answer. */
void health_watch_checked(struct health_watch *w, bool good, const struct bridge_call *c)
{
    struct bridge_status *status = w->status;
    bool was_away = status->health.run > 0 && !status->health.run_good;

    status->reached = status->reached || c->http_status > 0;
    w->checked_good = good;
    if (good && w->lists_nothing)
        return;
    bridge_status_set_detail(status, c->detail, c->http_status);
    if (!good) {
        log_unreachable(w, c);
        count_call(w, c);
    }
    count_health(w, good, c->took_ms);
    if (!good && !was_away)
        (void)change_batch_commit(w->batch, 0); /* drops of the last moments are not the sessions' own */
    if (good && was_away)
        poller_forget_driver(w->poller); /* it may have come back as another one */
}

void health_watch_called(struct health_watch *w, const struct bridge_call *c)
{
    if (c->kind != 0)
        bridge_status_set_detail(w->status, c->detail, c->http_status);
    count_call(w, c);
}

/* Its health is good, and then it does not list its sessions: that is down, too. */
void health_watch_swept(struct health_watch *w, enum sweep_end end, int list_kind)
{
    bool nothing =
        end == SWEEP_UNKNOWN_BRIDGE || (end == SWEEP_FAULT && bridge_answer_is_transport(list_kind));

    if (nothing || w->lists_nothing)
        count_health(w, !nothing, 0);
    w->lists_nothing = nothing;
}

/* ---- between sweeps ---------------------------------------------------------------------------- */

static void on_timer(void *ctx)
{
    struct health_watch *w = ctx;
    const struct rules *r = rules_of(w);

    if (w->status->reached && !poller_is_sweeping(w->poller))
        poller_check(w->poller);
    timer_start(w->timer, w->checked_good ? r->health_check_ms : r->confirm_ms);
}

void health_watch_start(struct health_watch *w, struct poller *poller)
{
    w->poller = poller;
    timer_start(w->timer, rules_of(w)->health_check_ms);
}

int health_watch_open(const struct monitor_context *m, struct bridge_status *status,
                      struct change_batch *batch, struct health_watch **ret)
{
    struct health_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->m = m;
    w->status = status;
    w->batch = batch;
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r != 0) {
        health_watch_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

void health_watch_close(struct health_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    mem_free(w);
}

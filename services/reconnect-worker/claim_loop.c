/*
 * One session, when all goes well:
 *   take_due            opens the store if need be, finds out how the bridge reconnects
 *   claim               one transaction takes sessions that are due, for as many slots as are free
 *   call_start          calls the bridge (call.c) and, when that is over, records it
 *   publish_ended       publishes attempts that have ended meanwhile: succeeded when the monitor saw the session connected
 * When it does not: the store is busy or gone -> again, with backoff; a notification is lost -> the sweep; the
 * worker dies -> its lease lapses and the next claim of any worker ends the attempt; the call fails -> recorded, and
 * the policy says when the next is due.
 */
#include "services/reconnect-worker/claim_loop.h"

#include "common/app/store_watch.h"
#include "common/base/mem.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/publish.h"
#include "services/reconnect-worker/reconnect_method.h"
#include "services/reconnect-worker/store.h"
#include "services/reconnect-worker/worker_metrics.h"

static int free_slots(const struct worker_bridge *b)
{
    int64_t slots = b->settings->policy.policy.in_flight_max - b->n_calls;

    return slots > RECONNECT_CLAIM_MAX ? RECONNECT_CLAIM_MAX : (int)slots;
}

/* The slot is free, and the outcome may be published. */
static void on_call_over(struct worker_bridge *b)
{
    if (!app_stopping(b->worker->app)) {
        claim_loop_wake(b, 0);
        return;
    }
    (void)publish_ended(b); /* another worker publishes the rest if this fails */
    if (b->worker->n_calls == 0)
        app_stopped(b->worker->app);
}

static int claim(struct worker_bridge *b, struct claims *ret)
{
    struct claim_options o = { .policy = &b->policy,
                               .bridge = b->settings->bridge.name,
                               .worker = b->worker->name,
                               .max = b->by_hook ? 1 : free_slots(b),
                               .by_hook = b->by_hook,
                               .hook_spacing_ms = b->settings->hook.spacing_ms };
    int64_t began = app_boot_ms(b->worker->app);
    int r = reconnect_claim(b->worker->state.db, app_clock(b->worker->app), app_rng(b->worker->app), &o, ret);

    if (r != 0)
        return r;
    metric_add(&worker_repaired, 0, ret->repaired);
    for (int i = 0; i < ret->n; i++)
        call_start(b, &ret->claim[i], began, on_call_over);
    return 0;
}

static int64_t sweep_ms(struct worker_bridge *b)
{
    int64_t ms = store_watch_is_live(b->worker->state.watch) ? WORKER_WATCHED_SWEEP_MS : WORKER_SWEEP_MS;

    return ms - (int64_t)rng_below(app_rng(b->worker->app), (uint32_t)ms / 5);
}

static int64_t next_wake_ms(struct worker_bridge *b, const struct claims *claims)
{
    int64_t sweep = sweep_ms(b);
    int64_t wait = claims->next_at - claims->now.steady_ms;

    if (claims->next_at == 0 || wait > sweep || free_slots(b) < 1)
        return sweep;
    return wait > 0 ? wait : 1;
}

static int read_before(struct worker_bridge *b, struct now *ret_now)
{
    int r = db_begin_reads(b->worker->state.db);

    if (r == 0)
        r = reconnect_method_read(b);
    if (r == 0)
        r = steady_now(b->worker->state.db, app_clock(b->worker->app), ret_now);
    db_end_reads(b->worker->state.db);
    return r;
}

static int take_due(struct worker_bridge *b, int64_t *ret_next_ms)
{
    struct claims claims = { 0 };
    struct now now;
    bool may = false;
    int r = store_open(b);

    if (r == 0)
        r = read_before(b, &now);
    if (r == 0 && !app_stopping(b->worker->app) && !b->leaving)
        r = reconnect_method_settle(b, &now, &may);
    if (r == 0 && may && free_slots(b) > 0)
        r = claim(b, &claims);
    if (r == 0 && claims.n == 0) /* else the calls go out first; the look after them decides */
        r = publish_ended(b);
    *ret_next_ms = next_wake_ms(b, &claims);
    return r;
}

void claim_loop_on_timer(void *ctx)
{
    struct worker_bridge *b = ctx;
    int64_t next_ms = WORKER_SWEEP_MS, wait_ms;
    int r;

    if (b->leaving && b->n_calls == 0) {
        b->on_left(b);
        return;
    }

    b->woken_at_ms = loop_now_ms(app_loop(b->worker->app));
    b->wake_at_ms = INT64_MAX;
    r = take_due(b, &next_ms);
    wait_ms = state_store_result(&b->worker->state, r);
    if (wait_ms > 0)
        next_ms = wait_ms;
    claim_loop_wake(b, next_ms);
    if (store_watch_came(b->worker->state.watch)) /* while this was going on */
        claim_loop_on_commit(b->worker);
}

void claim_loop_wake(struct worker_bridge *b, int64_t after_ms)
{
    int64_t at_ms = loop_now_ms(app_loop(b->worker->app)) + after_ms;

    if (at_ms >= b->wake_at_ms)
        return;
    b->wake_at_ms = at_ms;
    timer_start(b->wake, after_ms);
}

static void wake_after_rest(struct worker_bridge *b)
{
    int64_t rest_ms = b->woken_at_ms + WORKER_REST_MS - loop_now_ms(app_loop(b->worker->app));

    claim_loop_wake(b, rest_ms > 0 ? rest_ms : 0);
}

void claim_loop_on_notification(void *ctx, struct str message)
{
    struct worker *w = ctx;
    struct str bridge = topic_bridge(message);

    LIST_FOR(it, &w->bridges)
    {
        struct worker_bridge *b = container_of(it, struct worker_bridge, link);

        if (str_eq(bridge, b->settings->bridge.name))
            wake_after_rest(b);
    }
}

void claim_loop_retry(struct worker *w, int64_t after_ms)
{
    LIST_FOR(it, &w->bridges)
    claim_loop_wake(container_of(it, struct worker_bridge, link), after_ms);
}

void claim_loop_on_commit(void *ctx)
{
    struct worker *w = ctx;

    LIST_FOR(it, &w->bridges)
    {
        struct worker_bridge *b = container_of(it, struct worker_bridge, link);

        if (w->state.backoff.tries == 0)
            wake_after_rest(b);
    }
}

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

#include "common/base/mem.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/publish.h"
#include "services/reconnect-worker/reconnect_method.h"
#include "services/reconnect-worker/store.h"
#include "services/reconnect-worker/worker_metrics.h"

static int free_slots(const struct worker *w)
{
    int64_t slots = w->settings.policy.policy.in_flight_max - w->n_calls;

    return slots > RECONNECT_CLAIM_MAX ? RECONNECT_CLAIM_MAX : (int)slots;
}

/* The slot is free, and the outcome may be published. */
static void on_call_over(struct worker *w)
{
    if (app_stopping(w->app) && w->n_calls == 0) {
        (void)publish_ended(w); /* another worker publishes the rest if this fails */
        app_stopped(w->app);
    } else {
        claim_loop_wake(w, 0);
    }
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
    int r = reconnect_claim(w->state.db, app_clock(w->app), app_rng(w->app), &o, ret);

    if (r != 0)
        return r;
    metric_add(&worker_repaired, 0, ret->repaired);
    for (int i = 0; i < ret->n; i++)
        call_start(w, &ret->claim[i], began, on_call_over);
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
    int r = db_begin_reads(w->state.db);

    if (r == 0)
        r = reconnect_method_read(w);
    if (r == 0)
        r = steady_now(w->state.db, app_clock(w->app), ret_now);
    db_end_reads(w->state.db);
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
        r = reconnect_method_settle(w, &now, &may);
    if (r == 0 && may && free_slots(w) > 0)
        r = claim(w, &claims);
    if (r == 0 && claims.n == 0) /* else the calls go out first; the look after them decides */
        r = publish_ended(w);
    *ret_next_ms = next_wake_ms(w, &claims);
    return r;
}

void claim_loop_on_timer(void *ctx)
{
    struct worker *w = ctx;
    int64_t next_ms = WORKER_SWEEP_MS, wait_ms;
    int r;

    w->woken_at_ms = loop_now_ms(app_loop(w->app));
    w->wake_at_ms = INT64_MAX;
    r = take_due(w, &next_ms);
    wait_ms = state_store_result(&w->state, r);
    if (wait_ms > 0)
        next_ms = wait_ms;
    claim_loop_wake(w, next_ms);
}

void claim_loop_wake(struct worker *w, int64_t after_ms)
{
    int64_t at_ms = loop_now_ms(app_loop(w->app)) + after_ms;

    if (at_ms >= w->wake_at_ms)
        return;
    w->wake_at_ms = at_ms;
    timer_start(w->wake, after_ms);
}

void claim_loop_on_notification(void *ctx, struct str message)
{
    claim_loop_wake(ctx, 0);
}

void claim_loop_on_commit(void *ctx)
{
    struct worker *w = ctx;
    int64_t rest_ms = w->woken_at_ms + WORKER_COMMIT_REST_MS - loop_now_ms(app_loop(w->app));

    if (w->state.backoff.tries == 0)
        claim_loop_wake(w, rest_ms > 0 ? rest_ms : 0);
}

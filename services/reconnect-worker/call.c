#include "services/reconnect-worker/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/reconnect-worker/publish.h"
#include "services/reconnect-worker/store.h"
#include "services/reconnect-worker/worker_metrics.h"

/* Other workers count with a request that left within sent_ms of its claim. A claim with less than this left of it
 * is given up: a connection takes that long. */
#define CONNECT_LEAST_MS 500
/* A bridge that says 429 without a Retry-After is left alone for so long; a longer one than the most is not believed. */
#define THROTTLED_MS     (30 * 1000)
#define THROTTLED_MAX_MS (60 * 60 * 1000)
/* A bridge that was restarted loads for a while before its sessions log in. */
#define HOOK_VERIFY_MS (60 * 1000)

struct call {
    struct worker_bridge *bridge;
    void (*on_over)(struct worker_bridge *b);
    struct list link;
    struct claim claim;
    int64_t began_ms;      /* boot ms before the claim */
    int64_t sent_after_ms; /* from there to the call's start */
    struct http_call *http;
    struct hook_run *hook;
    struct call_result result;
    char detail[ATTEMPTS_DETAIL_MAX];
    struct timer *retry;                /* to record again */
    const struct bridge_driver *driver; /* when it was claimed */
    bool by_hook;
    struct bridge_procedure procedure; /* of the driver: its calls after the first */
    struct bridge_request next;        /* the one that waits for its pause */
    struct timer *pause;
    enum call_step step;
};

#define TO(step) (1U << CALL_##step)
static const struct {
    const char *name;
    unsigned to; /* the steps that may follow */
} steps[CALL_STEP_N] = {
    [CALL_STARTED] = { "started", TO(CALLING) | TO(RECORDING) },
    [CALL_CALLING] = { "calling", TO(CALLING) | TO(RECORDING) | TO(OVER) },
    [CALL_RECORDING] = { "recording", TO(RECORDING) | TO(OVER) },
    [CALL_OVER] = { "over", 0 },
};

bool call_step_may_follow(enum call_step from, enum call_step to)
{
    return (steps[from].to & (1U << to)) != 0;
}

/* A move that is not drawn would record an attempt twice or never: better the lease lapses with this process. */
static void move_to(struct call *c, enum call_step step)
{
    if (!call_step_may_follow(c->step, step)) {
        log_error(
            "attempt-step", "an attempt made a move that does not exist; this is a bug, please report it",
            KS("session", c->claim.session), KS("from", steps[c->step].name), KS("to", steps[step].name));
        abort();
    }
    c->step = step;
}

static int64_t boot_ms(const struct worker_bridge *b)
{
    return app_boot_ms(b->worker->app);
}

static void call_free(struct call *c)
{
    struct worker_bridge *b = c->bridge;

    move_to(c, CALL_OVER);
    list_remove(&c->link);
    b->n_calls--;
    b->worker->n_calls--;
    metric_set_of(&worker_in_flight, b->metrics, 0, b->n_calls);
    if (c->retry)
        timer_close(c->retry);
    if (c->pause)
        timer_close(c->pause);
    bridge_request_fini(&c->next);
    explicit_bzero(c->procedure.note, sizeof c->procedure.note);
    mem_free(c);
}

/* ---- recording ------------------------------------------------------------------------------- */

static void log_called(const struct call *c)
{
    log_info("reconnect-called", c->detail, KS("bridge", c->bridge->settings->bridge.name),
             KS("session", c->claim.session), KI("attempt", c->claim.attempt),
             KS("outcome", attempt_outcome_text(c->result.call.outcome)),
             KI("http_status", c->result.http_status), KI("took_ms", c->result.took_ms));
}

static void on_recorded(struct call *c)
{
    void (*on_over)(struct worker_bridge *) = c->on_over;
    struct worker_bridge *b = c->bridge;

    call_free(c);
    on_over(b);
}

static int record_now(struct call *c)
{
    struct worker_bridge *b = c->bridge;
    struct policy p = b->settings->policy.policy;
    int r = store_open(b);

    if (c->by_hook)
        p.verify_ms = HOOK_VERIFY_MS;
    if (r != 0)
        return r;
    return reconnect_called(b->worker->state.db, app_clock(b->worker->app), app_rng(b->worker->app), &p,
                            b->settings->bridge.name, c->claim.session, c->claim.token, &c->result);
}

/* Again until it is recorded or the lease has ended: then another worker records it, and the token is refused. */
static void record(void *ctx)
{
    struct call *c = ctx;
    struct worker_bridge *b = c->bridge;
    int r;

    move_to(c, CALL_RECORDING);
    r = record_now(c);

    if (r < 0 && boot_ms(b) - c->began_ms < b->settings->policy.policy.lease_ms) {
        timer_start(c->retry, state_store_result(&b->worker->state, r));
        return;
    }
    if (r == RECONNECT_STALE)
        log_warn("reconnect-late", "the lease had ended before the call was over; nothing is recorded",
                 KS("session", c->claim.session), KI("token", c->claim.token));
    else if (r < 0)
        log_error("reconnect-unrecorded",
                  "the state stayed unavailable until the lease expired; the attempt was not recorded",
                  KS("session", c->claim.session), KS("error", err_text(r)));
    on_recorded(c);
}

static void end(struct call *c, enum attempt_outcome outcome, int64_t sent_ms, const char *detail)
{
    c->result.call.outcome = outcome;
    c->result.call.sent_after_ms = sent_ms < 0 ? -1 : c->sent_after_ms + sent_ms;
    c->result.detail = c->detail;
    str_copy(str_from(detail), c->detail, sizeof c->detail);
    log_called(c);
    metric_observe(&worker_call_seconds, c->result.took_ms > 0 ? c->result.took_ms : 0);
    record(c);
}

/* ---- calling --------------------------------------------------------------------------------- */

enum attempt_outcome call_outcome(int taken)
{
    switch (taken) {
    case 0:
    case BRIDGE_NOT_NEEDED:
        return ATTEMPT_CALLED;
    case BRIDGE_NO_ROUTE:
        return ATTEMPT_NO_METHOD;
    case BRIDGE_UNAUTHORIZED: /* the key is wrong for all sessions: not this one's failure */
        return ATTEMPT_BRIDGE_FAULT;
    case BRIDGE_THROTTLED:
        return ATTEMPT_THROTTLED;
    case BRIDGE_NEEDS_PERSON: /* of the bridge as a whole, and no reason to open its breaker: as if not sent */
        return ATTEMPT_NOT_SENT;
    default:
        return bridge_answer_is_transport(taken) ? ATTEMPT_BRIDGE_FAULT : ATTEMPT_REFUSED;
    }
}

static void on_cancelled(struct call *c, const struct http_answer *a)
{
    if (a->sent_ms >= 0)
        end(c, ATTEMPT_CALLED, a->sent_ms, "stopped while waiting for the answer");
    else
        end(c, ATTEMPT_NOT_SENT, -1, "stopped before it was sent");
}

static int64_t throttled_ms(int64_t retry_after_s)
{
    if (retry_after_s < 0)
        return THROTTLED_MS;
    return retry_after_s < THROTTLED_MAX_MS / 1000 ? retry_after_s * 1000 : THROTTLED_MAX_MS;
}

/* "the bridge refused (422): Session dead is logged out, scan the QR code again" */
static void describe(const struct http_answer *a, const struct bridge_answer *answer, int taken, char *ret,
                     size_t n)
{
    char message[BRIDGE_MESSAGE_MAX];

    if (a->error != HTTP_OK) {
        (void)snprintf(ret, n, "%s: %s", http_error_text(a->error), a->detail);
        return;
    }
    if (taken == 0) {
        (void)snprintf(ret, n, "accepted");
        return;
    }
    (void)bridge_answer_message(answer, message, sizeof message);
    (void)snprintf(ret, n, "%s (%d)%s%s", bridge_answer_text(taken), a->status, *message ? ": " : "",
                   message);
}

static void on_answer(void *ctx, const struct http_answer *a);

/* Takes @built over. @connect_ms is left for the connection; the whole call has until call_ms after the claim. */
static int send_call(struct call *c, struct bridge_request *built, int64_t connect_ms, int64_t spent_ms)
{
    CLEANUP(bridge_request_fini) struct bridge_request owned = *built;
    const struct worker_bridge *b = c->bridge;
    struct http_request req = { .method = owned.method,
                                .url = buf_str(&owned.url),
                                .headers = buf_str(&owned.headers),
                                .connect_timeout_ms = connect_ms,
                                .timeout_ms = b->settings->policy.policy.call_ms - spent_ms,
                                .once = true };

    *built = BRIDGE_REQUEST_NULL;
    if (owned.body.len > 0)
        req.body = (struct str){ owned.body.data, owned.body.len };
    return http_call(b->client, &req, on_answer, c, &c->http);
}

static int call_bridge(struct call *c, int64_t spent_ms)
{
    struct bridge_target target = bridge_settings_target(&c->bridge->settings->bridge);
    struct bridge_request built = BRIDGE_REQUEST_NULL;
    int r = bridge_build(c->driver, BRIDGE_RECONNECT, &target, c->claim.session, &built);

    return r ? r : send_call(c, &built, c->bridge->settings->policy.policy.sent_ms - spent_ms, spent_ms);
}

/* The next call of the driver's procedure, after its pause. */
static void on_paused(void *ctx)
{
    struct call *c = ctx;
    int64_t spent_ms = boot_ms(c->bridge) - c->began_ms;

    if (send_call(c, &c->next, c->bridge->settings->policy.policy.call_ms - spent_ms, spent_ms) != 0)
        end(c, ATTEMPT_NOT_SENT, -1, "the next call of the procedure could not be made");
}

/* @taken: the result of the last call; the driver may change it. True when another call follows. */
static bool call_next(struct call *c, const struct bridge_answer *answer, int *taken)
{
    struct bridge_target target = bridge_settings_target(&c->bridge->settings->bridge);
    int64_t left_ms = c->bridge->settings->policy.policy.call_ms - (boot_ms(c->bridge) - c->began_ms);
    struct bridge_procedure *p = &c->procedure;
    int r;

    p->op = BRIDGE_RECONNECT;
    p->id = c->claim.session;
    p->answer = answer;
    p->kind = *taken;
    r = bridge_next(c->driver, &target, p, &c->next);
    *taken = p->kind;
    p->answer = NULL;
    if (r != 0)
        return false;
    if (left_ms - p->pause_ms < CONNECT_LEAST_MS) { /* the next attempt begins where this one ends */
        bridge_request_fini(&c->next);
        return false;
    }
    move_to(c, CALL_CALLING);
    timer_start(c->pause, p->pause_ms);
    return true;
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct call *c = ctx;
    struct bridge_answer answer = { .status = a->status, .content_type = a->content_type, .body = a->body };
    char detail[ATTEMPTS_DETAIL_MAX];
    int taken = BRIDGE_NO_ANSWER;

    c->http = NULL;
    if (c->bridge->worker->closing) {
        call_free(c);
        return;
    }
    c->result.http_status = a->status;
    c->result.took_ms = a->took_ms;
    if (a->error == HTTP_E_CANCELLED) {
        on_cancelled(c, a);
        return;
    }
    if (a->error == HTTP_OK)
        taken = c->procedure.step == 0 ? bridge_read_reconnect(c->driver, &answer)
                                       : bridge_read_step(c->driver, BRIDGE_RECONNECT, &answer);
    if (a->error == HTTP_OK && call_next(c, &answer, &taken))
        return;
    c->result.call.no_effect = taken == BRIDGE_NOT_NEEDED;
    if (taken == BRIDGE_THROTTLED)
        c->result.call.wait_ms = throttled_ms(a->retry_after_s);
    describe(a, &answer, taken, detail, sizeof detail);
    end(c, call_outcome(taken), a->sent_ms, detail);
}

static void on_hook(void *ctx, const struct hook_result *h)
{
    struct call *c = ctx;

    c->hook = NULL;
    if (c->bridge->worker->closing) {
        call_free(c);
        return;
    }
    c->result.took_ms = boot_ms(c->bridge) - c->began_ms;
    end(c, h->restarted ? ATTEMPT_CALLED : ATTEMPT_BRIDGE_FAULT, h->sent_ms, h->message);
}

static int call_now(struct call *c)
{
    struct worker_bridge *b = c->bridge;
    int64_t spent_ms = boot_ms(b) - c->began_ms;
    int r;

    if (b->settings->policy.policy.sent_ms - spent_ms < CONNECT_LEAST_MS)
        return -ETIMEDOUT;
    if (c->by_hook)
        r = hook_run(&b->hook, app_loop(b->worker->app), b->client, b->settings->bridge.name, on_hook, c,
                     &c->hook);
    else
        r = call_bridge(c, spent_ms);
    /* Not before: the process may have been stopped in between, and then the lease may be over. */
    c->sent_after_ms = boot_ms(b) - c->began_ms;
    if (r == 0 && c->http && b->settings->policy.policy.sent_ms - c->sent_after_ms < CONNECT_LEAST_MS)
        http_call_cancel(c->http);
    return r;
}

void call_start(struct worker_bridge *b, const struct claim *claim, int64_t began_ms,
                void (*on_over)(struct worker_bridge *b))
{
    struct call *c = mem_zalloc(sizeof *c);
    int r;

    if (!c || timer_open(app_loop(b->worker->app), record, c, &c->retry) != 0 ||
        timer_open(app_loop(b->worker->app), on_paused, c, &c->pause) != 0) {
        log_error("no-memory", "no memory for an attempt; its claim lapses and it is tried again",
                  KS("session", claim->session));
        if (c && c->retry)
            timer_close(c->retry);
        mem_free(c);
        return;
    }
    c->bridge = b;
    c->on_over = on_over;
    c->driver = b->driver;
    c->by_hook = b->by_hook;
    c->claim = *claim;
    c->began_ms = began_ms;
    list_append(&b->calls, &c->link);
    b->n_calls++;
    b->worker->n_calls++;
    metric_set_of(&worker_in_flight, b->metrics, 0, b->n_calls);
    r = call_now(c);
    publish_started(b, claim);
    if (r == 0)
        move_to(c, CALL_CALLING);
    else
        end(c, ATTEMPT_NOT_SENT, -1, r == -ETIMEDOUT ? "the claim took too long" : err_text(r));
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* Between two calls: the first has reached the bridge, so it counts. */
static void stop_pause(struct call *c)
{
    timer_stop(c->pause);
    end(c, ATTEMPT_CALLED, 0, "stopped between two calls");
}

void call_let_all_go(struct worker_bridge *b)
{
    LIST_FOR(it, &b->calls)
    {
        struct call *c = container_of(it, struct call, link);

        if (c->http)
            http_call_cancel(c->http);
        else if (c->step == CALL_CALLING && !c->hook)
            stop_pause(c);
        if (c->hook)
            hook_let_go(c->hook);
    }
}

void call_drop_all(struct worker_bridge *b)
{
    LIST_FOR(it, &b->calls)
    {
        struct call *c = container_of(it, struct call, link);

        if (c->step != CALL_CALLING || (!c->http && !c->hook) || (c->hook && hook_drop(c->hook)))
            call_free(c);
    }
}

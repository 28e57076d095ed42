#include "services/forwarder/deliver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/forwarder/delivery_answer.h"
#include "services/forwarder/forward_metrics.h"

/* More of an answer is not read: nobody looks at it. */
#define ANSWER_BYTES_MAX (64 * 1024)
#define HEADERS_MAX      8192
/* A batch of bodies of 1 MiB, escaped nowhere. */
#define BODY_MAX (FORWARD_BATCH_MAX * (size_t)(1024 * 1024 + 1024))
/* A request of this size does not happen often: its memory is not kept. */
#define BODY_KEEP_MAX (8 * 1024 * 1024)

struct deliver {
    struct deliver_options o;
    struct http_client *client;
    struct list calls;
    int64_t in_flight; /* requests */
    struct dest_breaker breaker;
    struct timer *timer;
    int64_t timer_at;    /* boot ms, 0: not set */
    int64_t batch_since; /* boot ms since when a batch waits to be full, 0: none does */
    bool reopened;
    bool closing;
    struct buf headers, body; /* memory that is kept between requests */
};

struct call {
    struct list in_deliver;
    struct deliver *d;
    int64_t period; /* of the breaker */
    int n;
    struct backlog_entry at[];
};

static int64_t boot_ms(const struct deliver *d)
{
    return app_boot_ms(d->o.app);
}

static unsigned jitter_permille(const struct deliver *d)
{
    return (unsigned)rng_below(app_rng(d->o.app), 1001);
}

int64_t deliver_in_flight(const struct deliver *d)
{
    return d->in_flight;
}

const struct dest_breaker *deliver_breaker(const struct deliver *d)
{
    return &d->breaker;
}

bool deliver_take_reopened(struct deliver *d)
{
    bool r = d->reopened;

    d->reopened = false;
    return r;
}

/* ---- the timer ------------------------------------------------------------------------------- */

static void wake_at(struct deliver *d, int64_t at)
{
    int64_t now = boot_ms(d);

    if (at == 0 || (d->timer_at > 0 && d->timer_at <= at))
        return;
    d->timer_at = at;
    timer_start(d->timer, at > now ? at - now : 0);
}

static void on_timer(void *ctx)
{
    struct deliver *d = ctx;

    d->timer_at = 0;
    d->o.hooks.poke(d->o.hooks.ctx);
}

/* ---- a request ------------------------------------------------------------------------------- */

/* Fills the call with the events that are ready. */
static int collect(struct deliver *d, struct call *c)
{
    int batch = (int)d->o.config->batch;
    bool well = dest_breaker_is_closed(&d->breaker) && d->breaker.limit >= d->o.config->concurrency;
    struct session_queue *q;

    while (c->n < batch && group_commit_is_done(d->o.commit) && (q = backlog_next(d->o.backlog, !well))) {
        bool alone = backlog_goes_alone(q);
        int n = 0;
        int r;

        if (c->n > 0 && alone)
            return 0;
        r = backlog_take(d->o.backlog, q, batch - c->n, &c->at[c->n], &n);
        if (r != 0)
            return r;
        c->n += n;
        if (alone && n > 0)
            return 0;
    }
    return 0;
}

static int build(struct call *c)
{
    const struct event *events[FORWARD_BATCH_MAX];
    struct deliver *d = c->d;
    struct clock *clock = app_clock(d->o.app);
    struct delivery_try how = { .attempt = backlog_tries(c->at[0].queue)->sends,
                                .timestamp_s = clock->wall_ms(clock) / 1000,
                                .batch = d->o.config->batch > 1 };

    for (int i = 0; i < c->n; i++)
        events[i] = &c->at[i].event->event;
    buf_reset(&d->headers);
    buf_reset(&d->body);
    return delivery_request_build(&d->o.config->target, &how, events, c->n, &d->headers, &d->body);
}

static void on_answer(void *ctx, const struct http_answer *answer);

static int send_request(struct deliver *d, void (*done)(void *ctx, const struct http_answer *answer),
                        void *ctx)
{
    const struct destination_config *config = d->o.config;

    return http_call(d->client,
                     &(struct http_request){ .method = "POST",
                                             .url = config->url,
                                             .headers = buf_str(&d->headers),
                                             .body = { buf_str(&d->body), d->body.len },
                                             .timeout_ms = config->timeout_ms,
                                             .answer_bytes_max = ANSWER_BYTES_MAX,
                                             .http2 = true,
                                             .public_only = !config->allow_private && !config->proxy },
                     done, ctx, NULL);
}

static int post(struct call *c)
{
    struct deliver *d = c->d;
    int r = build(c);

    if (r == 0)
        r = send_request(d, on_answer, c);
    if (d->body.cap > BODY_KEEP_MAX)
        buf_fini(&d->body);
    return r;
}

/* Whether others are taken is counted from the first try of an event on. */
static void note_sends(struct call *c)
{
    for (int i = 0; i < c->n; i++) {
        struct delivery_tries *t = backlog_tries(c->at[i].queue);

        if (t->sends == 1)
            t->taken_seen = c->d->breaker.taken;
    }
}

/* Returns 1 when nothing was started. */
static int start_one(struct deliver *d, int64_t now)
{
    struct call *c = mem_zalloc(sizeof *c + (size_t)d->o.config->batch * sizeof c->at[0]);
    int r;

    if (!c)
        return 1; /* tried again with the next poke */
    c->d = d;
    list_init(&c->in_deliver);
    r = collect(d, c);
    if (c->n == 0) {
        mem_free(c);
        return r < 0 ? r : 1;
    }
    d->batch_since = 0;
    note_sends(c);
    c->period = dest_breaker_take(&d->breaker, now);
    list_append(&d->calls, &c->in_deliver);
    d->in_flight++;
    if (post(c) != 0)
        on_answer(
            c, &(struct http_answer){ .error = HTTP_E_BROKEN, .retry_after_s = -1, .detail = "no memory" });
    return r;
}

/* A batch that is not full waits a while for more. */
static bool waits_for_more(struct deliver *d, int64_t now)
{
    const struct destination_config *config = d->o.config;

    if (config->batch_wait_ms == 0 || config->batch == 1 || backlog_has_retry(d->o.backlog) ||
        backlog_new_events(d->o.backlog, config->batch) == config->batch)
        return false;
    if (d->batch_since == 0)
        d->batch_since = now;
    if (now >= d->batch_since + config->batch_wait_ms)
        return false;
    wake_at(d, d->batch_since + config->batch_wait_ms);
    return true;
}

static bool may_start(struct deliver *d, int64_t now, int64_t *ret_at)
{
    bool has_new = backlog_has_new(d->o.backlog);

    return group_commit_is_done(d->o.commit) && (has_new || backlog_has_retry(d->o.backlog)) &&
           dest_breaker_may(&d->breaker, d->in_flight, has_new, now, ret_at);
}

int deliver_poke(struct deliver *d)
{
    int64_t now = boot_ms(d);
    int64_t at = 0;
    int r = redeliver_load(d->o.redeliver);

    wake_at(d, backlog_wake(d->o.backlog, now));
    while (r == 0 && may_start(d, now, &at) && !waits_for_more(d, now))
        r = start_one(d, now);
    wake_at(d, at);
    wake_at(d, backlog_wake(d->o.backlog, now)); /* a queue may wait now because the log could not be read */
    return r < 0 ? r : 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

static int taken(struct call *c)
{
    struct deliver *d = c->d;
    int r = 0;

    for (int i = 0; r == 0 && i < c->n; i++)
        r = c->at[i].event->letter_id ? redeliver_ended(d->o.redeliver, &c->at[i], NULL)
                                      : backlog_done(d->o.backlog, &c->at[i]);
    d->o.hooks.delivered(d->o.hooks.ctx, c->n);
    return r;
}

/* Of a batch nobody knows which event it was: each queue goes by itself next. */
static int counted(struct call *c, const struct delivery_error *error, enum delivery_result result)
{
    struct deliver *d = c->d;
    const struct delivery_failure_facts facts = { .schedule = &d->o.config->schedule,
                                                  .fault = result == DELIVERY_FAULT,
                                                  .may_give_up = dead_letters_have_room(d->o.dead),
                                                  .jitter_permille = jitter_permille(d),
                                                  .now_ms = boot_ms(d) };

    for (int i = 0; c->n > 1 && i < c->n; i++)
        backlog_set_alone(c->at[i].queue);
    if (c->n > 1)
        return 0;
    return c->at[0].event->letter_id ? redeliver_ended(d->o.redeliver, &c->at[0], error)
                                     : backlog_failed(d->o.backlog, &c->at[0], &d->breaker, &facts, error);
}

static enum dest_breaker_change note_answer(struct call *c, enum delivery_result result,
                                            int64_t retry_after_ms, bool *ret_counts)
{
    struct deliver *d = c->d;
    int64_t failed_in = backlog_tries(c->at[0].queue)->failed_in;
    const struct dest_breaker_try t = { .period = c->period,
                                        .session = backlog_session_hash(c->at[0].queue),
                                        .retry_after_ms = retry_after_ms,
                                        .known = failed_in > 0 && failed_in <= d->breaker.streak_id };

    return dest_breaker_answer(&d->breaker, &t, result, jitter_permille(d), boot_ms(d), ret_counts);
}

static int handle_answer(struct call *c, const struct http_answer *a)
{
    struct deliver *d = c->d;
    enum delivery_failure failure = delivery_answer_failure(a);
    enum delivery_result result = delivery_classify(failure, a->status, delivery_answer_retry_after_ms(a));
    struct delivery_error error = { 0 };
    bool counts = false;
    enum dest_breaker_change change = note_answer(c, result, delivery_answer_retry_after_ms(a), &counts);
    int r = 0;

    forward_metrics_attempt(failure, a->status);
    metric_observe(&forward_seconds, a->took_ms);
    if (result == DELIVERY_TAKEN) {
        r = taken(c);
    } else {
        delivery_answer_describe(a, &error);
        error.session = c->at[0].event->event.session;
        for (int i = 0; i < c->n; i++)
            backlog_tries(c->at[i].queue)->failed_in = d->breaker.streak_id + 1;
        d->o.hooks.failed(d->o.hooks.ctx, &error);
        if (result == DELIVERY_GONE)
            r = d->o.hooks.gone(d->o.hooks.ctx);
        else if (counts)
            r = counted(c, &error, result);
    }
    backlog_release(d->o.backlog, c->at, c->n);
    if (r == 0 && change == DEST_BREAKER_OPENED)
        r = backlog_give_back(d->o.backlog, &d->breaker);
    d->reopened = d->reopened || change == DEST_BREAKER_REOPENED;
    if (change != DEST_BREAKER_SAME)
        d->o.hooks.changed(d->o.hooks.ctx, change, &error);
    return r;
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
    struct call *c = ctx;
    struct deliver *d = c->d;

    list_remove(&c->in_deliver);
    d->in_flight--;
    if (!d->closing) {
        (void)handle_answer(c, answer); /* the group commit knows of a failure */
        group_commit_soon(d->o.commit);
    }
    mem_free(c);
}

/* ---- a test ---------------------------------------------------------------------------------- */

#define TEST_BODY "{\"eventType\":\"zapkeep.test\",\"sessionId\":\"zapkeep-test\",\"data\":{}}"

struct test {
    struct deliver *d;
    void (*done)(void *ctx, const struct deliver_test *t);
    void *ctx;
};

static void on_test_answer(void *ctx, const struct http_answer *answer)
{
    struct test *test = ctx;
    struct deliver_test t = { .took_ms = answer->took_ms };

    delivery_answer_describe(answer, &t.error);
    test->done(test->ctx, test->d->closing ? NULL : &t);
    mem_free(test);
}

int deliver_test(struct deliver *d, void (*done)(void *ctx, const struct deliver_test *t), void *ctx)
{
    struct clock *clock = app_clock(d->o.app);
    struct event e = { .type = STR_LIT("zapkeep.test"),
                       .bridge = STR_LIT("zapkeep"),
                       .session = STR_LIT("zapkeep-test"),
                       .at = clock->wall_ms(clock),
                       .body = STR_LIT(TEST_BODY) };
    const struct event *events[] = { &e };
    struct delivery_try how = { .attempt = 1, .timestamp_s = e.at / 1000, .batch = d->o.config->batch > 1 };
    struct test *test = mem_alloc(sizeof *test);
    int r;

    if (!test)
        return -ENOMEM;
    *test = (struct test){ d, done, ctx };
    (void)snprintf(e.id, sizeof e.id, "evt_test_%lld", (long long)e.at);
    buf_reset(&d->headers);
    buf_reset(&d->body);
    r = delivery_request_build(&d->o.config->target, &how, events, 1, &d->headers, &d->body);
    if (r == 0)
        r = send_request(d, on_test_answer, test);
    if (r != 0)
        mem_free(test);
    return r;
}

void deliver_retry_now(struct deliver *d)
{
    dest_breaker_retry_now(&d->breaker, boot_ms(d));
}

/* ---- opening --------------------------------------------------------------------------------- */

static int start(struct deliver *d)
{
    int r = http_client_open(app_loop(d->o.app), (int)d->o.config->concurrency, &d->client);

    if (r == 0)
        http_client_set_peer(d->client, &d->o.config->peer);
    if (r == 0)
        r = timer_open(app_loop(d->o.app), on_timer, d, &d->timer);
    return r;
}

int deliver_open(const struct deliver_options *o, struct deliver **ret)
{
    struct deliver *d = mem_zalloc(sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    d->o = *o;
    d->headers = BUF_INIT(HEADERS_MAX);
    d->body = BUF_INIT(BODY_MAX);
    list_init(&d->calls);
    dest_breaker_init(&d->breaker, o->config->concurrency);
    r = start(d);
    if (r != 0) {
        deliver_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

void deliver_close(struct deliver *d)
{
    if (!d)
        return;
    d->closing = true;
    http_client_close(d->client);
    if (d->timer)
        timer_close(d->timer);
    buf_fini(&d->headers);
    buf_fini(&d->body);
    mem_free(d);
}

/*
 * Lanes in, requests out.
 *
 * One event, when all goes well:
 *   session_queue_settle   its queue has something to do: it is put among those that are ready
 *   deliver_poke  a slot is free and the breaker open: queue and event go into a request
 *   on_answer     2xx: the event is done (a row or a bit)
 *   deliver_poke  when that is on record the slot is free again
 * When it does not: the event is at fault -> it waits in forward.db, and its queue with it; the destination is
 * at fault -> the event stays where it is, first of its queue, and the breaker says when it is tried again; 410
 * -> the destination is turned off.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/forward_metrics.h"

/* More of an answer is not read: nobody looks at it. */
#define ANSWER_BYTES_MAX (64 * 1024)
#define HEADERS_MAX      8192
/* A batch of bodies of 1 MiB, escaped nowhere. */
#define BODY_MAX (FORWARD_BATCH_MAX * (size_t)(1024 * 1024 + 1024))

struct call {
    struct list in_destination;
    struct destination *d;
    struct http_call *http;
    int64_t period; /* of the breaker */
    int n;          /* items */
    struct {
        struct session_queue *queue;
        struct item *item;
    } at[];
};

/* ---- which queues ----------------------------------------------------------------------------- */

void deliver_at(struct destination *d, int64_t boot_ms)
{
    int64_t now = forwarder_boot_ms(d->f);

    if (d->due_at > 0 && d->due_at <= boot_ms)
        return;
    d->due_at = boot_ms;
    timer_start(d->due, boot_ms > now ? boot_ms - now : 0);
}

void session_queue_settle(struct destination *d, struct session_queue *q)
{
    if (q->state == QUEUE_BUSY)
        return;
    list_remove(&q->in_queue);
    if (q->state == QUEUE_WAITING) {
        list_append(&d->waiting, &q->in_queue);
        deliver_at(d, q->next_at);
    } else if (q->n_items > 0 || q->blocked > 0 || q->head.has_row) {
        q->state = QUEUE_READY;
        list_append(q->head.sends > 0 || q->head.has_row ? &d->ready_retry : &d->ready_new, &q->in_queue);
    } else {
        session_queues_free(&d->queues, q);
    }
}

void deliver_due(void *ctx)
{
    struct destination *d = ctx;
    int64_t now = forwarder_boot_ms(d->f);

    d->due_at = 0;
    LIST_FOR(it, &d->waiting)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_queue);

        if (q->next_at > now) {
            deliver_at(d, q->next_at);
            continue;
        }
        q->state = QUEUE_EMPTY;
        session_queue_settle(d, q);
    }
    destination_poke(d);
}

/* Those that failed and those that did not take turns. While it is shut, and while it begins slowly, those
 * that have not failed go first: it may be that the backend only cannot stand the others. */
static struct session_queue *next_queue(struct destination *d)
{
    bool all_is_well = dest_breaker_is_closed(&d->breaker) && d->breaker.limit >= d->config->concurrency;
    bool ready_retry =
        list_empty(&d->ready_new) || (!list_empty(&d->ready_retry) && d->retry_next && all_is_well);
    struct list *from = ready_retry ? &d->ready_retry : &d->ready_new;

    if (list_empty(from))
        return NULL;
    d->retry_next = !ready_retry;
    return container_of(from->next, struct session_queue, in_queue);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* How many events of the queue may go in a batch with room for so many. */
static int items_of(const struct session_queue *q, int room)
{
    if (q->head.sends > 0 || q->head.has_row || q->alone || q->blocked > 0)
        return 1;
    return q->n_items < room ? q->n_items : room;
}

static void take_queue(struct call *c, struct session_queue *q, int n)
{
    struct list *at = q->items.next;

    list_remove(&q->in_queue);
    q->state = QUEUE_BUSY;
    q->n_sent = n;
    for (int i = 0; i < n; i++, at = at->next) {
        c->at[c->n].queue = q;
        c->at[c->n++].item = container_of(at, struct item, in_session);
    }
}

/* Those that failed go alone: they would fail the others. */
static bool goes_alone(const struct session_queue *q)
{
    return q->alone || q->head.sends > 0 || q->head.has_row;
}

/* Fills the call with what is ready. */
static void collect(struct destination *d, struct call *c)
{
    struct session_queue *q;

    while (c->n < d->config->batch && forwarder_may_send(d->f) && (q = next_queue(d))) {
        if (c->n > 0 && goes_alone(q))
            return;
        if (!backlog_first(d, q)) {
            session_queue_settle(d, q);
            continue;
        }
        take_queue(c, q, items_of(q, (int)d->config->batch - c->n));
        if (goes_alone(q))
            return;
    }
}

/* The head's tries are those of the event that is sent. */
static void note_head(struct session_queue *q, const struct item *it)
{
    if (q->head.seq != it->event.seq) {
        memset(&q->head, 0, sizeof q->head);
        q->head.seq = it->event.seq;
        q->fault_tries = 0;
    }
    q->head.sends++;
}

static int build(struct call *c, struct buf *headers, struct buf *body)
{
    const struct event *events[FORWARD_BATCH_MAX];
    const struct destination *d = c->d;
    struct delivery_try how = { .attempt = c->at[0].queue->head.sends,
                                .timestamp_s = forwarder_wall_ms(d->f) / 1000,
                                .batch = d->config->batch > 1 };

    for (int i = 0; i < c->n; i++)
        events[i] = &c->at[i].item->event;
    return delivery_request_build(&d->config->target, &how, events, c->n, headers, body);
}

static void on_answer(void *ctx, const struct http_answer *answer);

static int post(struct call *c)
{
    static struct buf headers = BUF_INIT(HEADERS_MAX), body = BUF_INIT(BODY_MAX); /* kept between calls */
    const struct destination_config *config = c->d->config;
    int r;

    buf_reset(&headers);
    buf_reset(&body);
    r = build(c, &headers, &body);
    if (r != 0)
        return r;
    r = http_call(c->d->client,
                  &(struct http_request){ .method = "POST",
                                          .url = config->url,
                                          .headers = buf_str(&headers),
                                          .headers_as_one = true,
                                          .body = { buf_str(&body), body.len },
                                          .timeout_ms = config->timeout_ms,
                                          .answer_bytes_max = ANSWER_BYTES_MAX,
                                          .http2 = true,
                                          .public_only = !config->allow_private },
                  on_answer, c, &c->http);
    if (body.cap > (size_t)QUEUE_BYTES_MAX)
        buf_fini(&body);
    return r;
}

/* A batch that is not full waits a while for more. */
static bool waits_for_more(struct destination *d, int64_t now)
{
    int64_t n = 0;

    if (d->config->batch_wait_ms == 0 || d->config->batch == 1 || !list_empty(&d->ready_retry))
        return false;
    LIST_FOR(it, &d->ready_new)
    {
        n += container_of(it, struct session_queue, in_queue)->n_items;
        if (n >= d->config->batch)
            return false;
    }
    if (d->batch_since == 0)
        d->batch_since = now;
    if (now >= d->batch_since + d->config->batch_wait_ms)
        return false;
    deliver_at(d, d->batch_since + d->config->batch_wait_ms);
    return true;
}

/* Returns false when nothing was started. */
static bool start_one(struct destination *d, int64_t now)
{
    struct call *c = mem_zalloc(sizeof *c + (size_t)d->config->batch * sizeof c->at[0]);

    if (!c)
        return false;
    c->d = d;
    list_init(&c->in_destination);
    collect(d, c);
    if (c->n == 0) {
        mem_free(c);
        return false;
    }
    d->batch_since = 0;
    for (int i = 0; i < c->n; i++) {
        if (i == 0 || c->at[i].queue != c->at[i - 1].queue)
            note_head(c->at[i].queue, c->at[i].item);
    }
    c->period = dest_breaker_take(&d->breaker, now);
    list_append(&d->calls, &c->in_destination);
    d->in_flight++;
    if (post(c) != 0) /* no memory */
        on_answer(
            c, &(struct http_answer){ .error = HTTP_E_BROKEN, .retry_after_s = -1, .detail = "no memory" });
    return true;
}

void deliver_poke(struct destination *d)
{
    int64_t now = forwarder_boot_ms(d->f);
    int64_t at = 0;

    /* At a stop nothing is started: what is read meanwhile would be sent, and its answer not be heard. */
    if (destination_is_off(d) || app_stopping(d->f->app))
        return;
    redeliver_load(d);
    while (forwarder_may_send(d->f) && !(list_empty(&d->ready_new) && list_empty(&d->ready_retry)) &&
           dest_breaker_may(&d->breaker, d->in_flight, !list_empty(&d->ready_new), now, &at)) {
        if (waits_for_more(d, now) || !start_one(d, now))
            return;
    }
    if (at > 0)
        deliver_at(d, at);
}

void deliver_cancel(struct destination *d)
{
    LIST_FOR(it, &d->calls)
    {
        http_call_cancel(container_of(it, struct call, in_destination)->http);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum delivery_failure failure_of(const struct http_answer *a)
{
    switch (a->error) {
    case HTTP_OK:
        return DELIVERY_ANSWERED;
    case HTTP_E_TOO_BIG: /* we read no further, but it was answered */
        return a->status > 0 ? DELIVERY_ANSWERED : DELIVERY_BROKEN;
    case HTTP_E_CONNECT:
    case HTTP_E_RESOLVE:
    case HTTP_E_URL:
    case HTTP_E_PRIVATE:
        return DELIVERY_NO_CONNECTION;
    case HTTP_E_TIMEOUT:
        return a->sent_ms < 0 ? DELIVERY_NO_CONNECTION : DELIVERY_TIMEOUT;
    default:
        return DELIVERY_BROKEN;
    }
}

static void describe(const struct http_answer *a, struct delivery_error *ret)
{
    ret->status = a->status;
    ret->answer = a->body;
    if (a->error == HTTP_OK)
        (void)snprintf(ret->detail, sizeof ret->detail, "answered %d", a->status);
    else
        (void)snprintf(ret->detail, sizeof ret->detail, "%s%s%.80s", http_error_text(a->error),
                       a->detail[0] ? ": " : "", a->detail);
    if (ret->answer.n > FORWARD_ANSWER_MAX)
        ret->answer.n = FORWARD_ANSWER_MAX;
}

static void taken(struct destination *d, struct call *c)
{
    for (int i = 0; i < c->n; i++)
        backlog_done(d, c->at[i].queue, c->at[i].item);
    d->row.delivered += c->n;
    metric_add(&forward_delivered, d->index, c->n);
}

/* The queues go on, wherever their events are now. */
static void release(struct destination *d, struct call *c)
{
    struct session_queue *last = NULL;

    for (int i = 0; i < c->n; i++) {
        struct session_queue *q = c->at[i].queue;

        if (q == last)
            continue;
        last = q;
        q->n_sent = 0;
        if (q->state == QUEUE_BUSY)
            q->state = QUEUE_EMPTY;
        session_queue_settle(d, q);
    }
}

/* Of a batch nobody knows which event it was: each queue goes by itself next. */
static void failed(struct destination *d, struct call *c, const struct delivery_error *w,
                   int64_t retry_after_ms, bool fault)
{
    if (c->n == 1) {
        backlog_failed(d, c->at[0].queue, c->at[0].item, w, retry_after_ms, fault);
        return;
    }
    for (int i = 0; i < c->n; i++)
        c->at[i].queue->alone = true;
}

static void tell(struct destination *d, enum dest_breaker_change change, const char *detail)
{
    if (change == DEST_BREAKER_OPENED)
        log_warn("destination-down", "the destination does not work; what comes for it waits in the log",
                 KS("destination", d->config->name), KS("error", detail));
    if (change == DEST_BREAKER_OPENED)
        destination_publish(d, "down", detail);
    if (change == DEST_BREAKER_CLOSED)
        destination_publish(d, "up", "");
    if (change == DEST_BREAKER_CLOSED)
        log_info("destination-well", "the destination works again; beginning slowly",
                 KS("destination", d->config->name));
}

/* For the events of the request. */
static void note_fault(struct destination *d, struct call *c)
{
    for (int i = 0; i < c->n; i++)
        c->at[i].queue->head.failed_in = d->breaker.streak_id + 1;
}

static void handle_answer(struct destination *d, struct call *c, const struct http_answer *a)
{
    enum delivery_failure failure = failure_of(a);
    enum delivery_result result = delivery_classify(failure, a->status);
    struct delivery_error w = { 0 };
    const struct session_queue *q = c->at[0].queue;
    const struct dest_breaker_try t = { .period = c->period,
                                        .session = q->hash,
                                        .known = q->head.failed_in > 0 &&
                                                 q->head.failed_in <= d->breaker.streak_id };
    bool counts = false;
    enum dest_breaker_change change = dest_breaker_answer(
        &d->breaker, &t, result, forwarder_jitter_permille(d->f), forwarder_boot_ms(d->f), &counts);

    forward_metrics_attempt(failure, a->status);
    metric_observe(&forward_seconds, a->took_ms);
    if (result != DELIVERY_TAKEN) {
        describe(a, &w);
        note_fault(d, c);
        destination_failed(d, w.detail);
    }
    if (result == DELIVERY_TAKEN)
        taken(d, c);
    else if (result == DELIVERY_GONE)
        destination_turn_off(d, true);
    else if (counts)
        failed(d, c, &w, a->retry_after_s >= 0 ? a->retry_after_s * 1000 : -1, result == DELIVERY_FAULT);
    release(d, c);
    if (change == DEST_BREAKER_OPENED)
        backlog_give_back(d);
    if (change == DEST_BREAKER_REOPENED)
        d->look_once = true;
    tell(d, change, w.detail);
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
    struct call *c = ctx;
    struct destination *d = c->d;

    list_remove(&c->in_destination);
    d->in_flight--;
    if (!d->f->closing)
        handle_answer(d, c, answer);
    mem_free(c);
    forwarder_ended(d->f);
}

/*
 * Webhooks on their way out. Each receiver is a target with queues and connections of its own:
 *   sender_queue    into the ready queue of the target
 *   target_pump     takes the next when a connection is free (looks the host up first, if it has a name)
 *   target_settle   2xx: acknowledged; else into a waiting queue, or dropped after the last try
 *   sender_tick     from the waiting queues back into the ready one; breaks connections without an answer
 */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"
#include "tests/bridge-sim/conn.h"
#include "tests/bridge-sim/dialect.h"

/* zapw's own number. */
#define ANSWER_TIMEOUT_MS 10000
/* Webhooks that wait; beyond it they are counted as lost. About 120 MB of the usual size. */
#define QUEUE_MAX 200000
/* Webhooks that are ready and still let traffic be made: some ticks' worth for all connections. */
#define READY_ENOUGH 2048
/* Receivers; a test uses one or two. */
#define TARGETS_MAX 16

struct sender {
    struct sim *sim;
    struct list targets;
    struct target *main; /* of WEBHOOK_URL, or NULL */
    int n_targets;
    int64_t n_queued;      /* ready or waiting, over all targets */
    uint8_t *acknowledged; /* a bit per message number */
    size_t acknowledged_bits;
};

/* ---- the end of a webhook -------------------------------------------------------------------- */

static void mark_acknowledged(struct sender *x, int64_t number)
{
    size_t bits = x->acknowledged_bits ? x->acknowledged_bits : 1 << 16;
    uint8_t *more;

    if (number < 0)
        return;
    while (bits <= (size_t)number)
        bits *= 2;
    if (bits > x->acknowledged_bits) {
        more = mem_realloc(x->acknowledged, bits / 8);
        if (!more)
            return;
        memset(more + x->acknowledged_bits / 8, 0, (bits - x->acknowledged_bits) / 8);
        x->acknowledged = more;
        x->acknowledged_bits = bits;
    }
    x->acknowledged[number / 8] |= (uint8_t)(1 << (number % 8));
}

bool sender_is_acknowledged(const struct sender *x, int64_t number)
{
    return (size_t)number < x->acknowledged_bits && (x->acknowledged[number / 8] >> (number % 8) & 1);
}

static void try_again(struct target *t, struct hook *h)
{
    const struct sim_settings *o = &t->sim->settings;
    int step = h->tries < RETRY_STEPS ? h->tries : RETRY_STEPS;

    t->sim->counters.retried++;
    if (h->repeat)
        *h->repeat = (char)('0' + h->tries % 10);
    h->next_at = sim_now(t->sim) + o->retry_ms * step;
    list_append(&t->waiting[step - 1], &h->in_queue);
    t->n_waiting++;
    t->sender->n_queued++;
}

void target_settle(struct target *t, struct hook *h, int status)
{
    struct sim *s = t->sim;

    s->counters.by_status[status > 0 && status < (int)ARRAY_LEN(s->counters.by_status) ? status : 0]++;
    h->tries++;
    if (status / 100 == 2) {
        s->counters.acknowledged++;
        mark_acknowledged(t->sender, h->number);
        mem_free(h);
    } else if ((s->settings.retries > 0 && h->tries >= s->settings.retries) || s->dialect->has_no_repeats ||
               (s->dialect->gives_up && s->dialect->gives_up(status))) {
        s->counters.dropped++;
        mem_free(h);
    } else {
        try_again(t, h);
    }
}

/* Nothing that is ready can be sent. */
void target_give_up(struct target *t)
{
    struct list all;

    list_init(&all);
    list_splice(&all, &t->ready);
    t->sender->n_queued -= t->n_ready;
    t->n_ready = 0;
    LIST_FOR(it, &all)
    {
        list_remove(it);
        target_settle(t, container_of(it, struct hook, in_queue), 0);
    }
}

/* ---- queues ---------------------------------------------------------------------------------- */

void target_pump(struct target *t)
{
    while (t->n_ready > 0 && t->known && !list_empty(&t->idle)) {
        struct conn *c = container_of(t->idle.next, struct conn, in_idle);
        struct hook *h = container_of(list_pop(&t->ready), struct hook, in_queue);

        t->n_ready--;
        t->sender->n_queued--;
        conn_send(c, h);
    }
    if (t->n_ready > 0 && !t->known)
        target_look_up(t);
}

bool sender_has_target(const struct sender *x, const struct target *to)
{
    return to || x->main;
}

void sender_queue(struct sender *x, struct target *to, struct hook *h)
{
    struct target *t = to ? to : x->main;

    if (!t || x->n_queued >= QUEUE_MAX) {
        x->sim->counters.lost++;
        mem_free(h);
        return;
    }
    list_append(&t->ready, &h->in_queue);
    t->n_ready++;
    x->n_queued++;
    target_pump(t);
}

static void wake_waiting(struct target *t, int64_t now_ms)
{
    for (int i = 0; i < RETRY_STEPS; i++) {
        LIST_FOR(it, &t->waiting[i])
        {
            if (container_of(it, struct hook, in_queue)->next_at > now_ms)
                break;
            list_remove(it);
            list_append(&t->ready, it);
            t->n_waiting--;
            t->n_ready++;
        }
    }
}

void sender_tick(struct sender *x, int64_t now_ms)
{
    LIST_FOR(it, &x->targets)
    {
        struct target *t = container_of(it, struct target, in_sender);

        wake_waiting(t, now_ms);
        for (int i = 0; i < t->n_conns; i++) {
            if (t->conns[i].hook && now_ms - t->conns[i].since_ms > ANSWER_TIMEOUT_MS)
                conn_break(&t->conns[i]);
        }
        target_pump(t);
    }
}

int64_t sender_waiting(const struct sender *x)
{
    int64_t n = x->n_queued;

    LIST_FOR(it, &x->targets)
    {
        const struct target *t = container_of(it, struct target, in_sender);

        for (int i = 0; i < t->n_conns; i++)
            n += t->conns[i].hook != NULL;
    }
    return n;
}

bool sender_is_full(const struct sender *x)
{
    return x->n_queued >= QUEUE_MAX || (x->main && x->main->n_ready >= READY_ENOUGH);
}

static void free_queue(struct sender *x, struct list *queue)
{
    struct list *it;

    while ((it = list_pop(queue))) {
        mem_free(container_of(it, struct hook, in_queue));
        x->n_queued--;
        x->sim->counters.lost++;
    }
}

static void forget_target(struct sender *x, struct target *t)
{
    free_queue(x, &t->ready);
    for (int i = 0; i < RETRY_STEPS; i++)
        free_queue(x, &t->waiting[i]);
    t->n_ready = t->n_waiting = 0;
    for (int i = 0; i < t->n_conns; i++) {
        if (t->conns[i].hook)
            x->sim->counters.lost++;
        mem_free(TAKE(t->conns[i].hook));
        conn_break(&t->conns[i]);
    }
}

void sender_forget(struct sender *x)
{
    LIST_FOR(it, &x->targets)
    {
        forget_target(x, container_of(it, struct target, in_sender));
    }
}

/* ---- receivers ------------------------------------------------------------------------------- */

int sender_target(struct sender *x, const char *url, struct target **ret)
{
    struct target *t;
    int r;

    LIST_FOR(it, &x->targets)
    {
        t = container_of(it, struct target, in_sender);

        if (strcmp(t->url, url) == 0) {
            *ret = t;
            return 0;
        }
    }
    if (x->n_targets == TARGETS_MAX)
        return -ENOSPC;
    r = target_new(x->sim, x, url, &t);
    if (r != 0)
        return r;
    list_append(&x->targets, &t->in_sender);
    x->n_targets++;
    *ret = t;
    return 0;
}

/* ---- open and close -------------------------------------------------------------------------- */

int sender_open(struct sim *s, struct sender **ret)
{
    struct sender *x = mem_zalloc(sizeof *x);
    int r = 0;

    if (!x)
        return -ENOMEM;
    x->sim = s;
    list_init(&x->targets);
    if (s->settings.webhook_url[0])
        r = sender_target(x, s->settings.webhook_url, &x->main);
    if (r != 0) {
        sender_close(x);
        return r;
    }
    *ret = x;
    return 0;
}

static void close_target(struct sender *x, struct target *t)
{
    forget_target(x, t);
    if (t->looking)
        (void)uv_cancel((uv_req_t *)&t->lookup);
    while (t->n_open > 0 || t->looking)
        (void)uv_run(loop_uv(app_loop(x->sim->app)), UV_RUN_ONCE);
    list_remove(&t->in_sender);
    target_free(t);
}

void sender_close(struct sender *x)
{
    if (!x)
        return;
    LIST_FOR(it, &x->targets)
    {
        close_target(x, container_of(it, struct target, in_sender));
    }
    mem_free(x->acknowledged);
    mem_free(x);
}

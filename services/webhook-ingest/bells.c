#include "services/webhook-ingest/bells.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* Bells of one turn of the loop: a millisecond at most between two looks at the sockets. */
#define TURN_BELLS 128
/* Waiting bells at most; their bodies were counted by the committer until a moment ago. */
#define WAITING_MAX       8192
#define WAITING_BYTES_MAX (64LL * 1024 * 1024)

struct bells {
    struct app *app;
    struct timer *timer;
    struct list waiting;
    int n;
    int64_t bytes;
    bool running; /* the timer is set */
    char log_id[16];
};

static void ring(struct bells *b, struct request *r)
{
    const struct event_new *e = &r->item.event;
    struct message m;

    message_init(&m);
    event_id_format(b->log_id, r->item.seq, r->id);
    m.id = str_from(r->id);
    m.at = e->at;
    m.type = e->type;
    m.bridge = e->bridge;
    m.session = e->session;
    m.seq = r->item.seq;
    if (e->occurred_at)
        m.occurred_at = e->occurred_at;
    m.message_id = e->message_id;
    m.body = e->body;
    app_ring(b->app, &m);
}

static void ring_next(struct bells *b)
{
    struct list *it = list_pop(&b->waiting);
    struct request *r = container_of(it, struct request, item.link);

    b->n--;
    b->bytes -= (int64_t)r->item.event.body.n;
    ring(b, r);
    request_free(r);
}

static void on_timer(void *ctx)
{
    struct bells *b = ctx;

    for (int i = 0; i < TURN_BELLS && !list_empty(&b->waiting); i++)
        ring_next(b);
    b->running = !list_empty(&b->waiting);
    if (b->running)
        timer_start(b->timer, 0);
}

void bells_add(struct bells *b, struct request *r, const char *log_id)
{
    if (b->n >= WAITING_MAX || b->bytes >= WAITING_BYTES_MAX) {
        metric_add(&ingest_metrics.bells_dropped, 0, 1);
        request_free(r);
        return;
    }
    (void)snprintf(b->log_id, sizeof b->log_id, "%s", log_id);
    list_append(&b->waiting, &r->item.link);
    b->n++;
    b->bytes += (int64_t)r->item.event.body.n;
    if (!b->running)
        timer_start(b->timer, 0);
    b->running = true;
}

void bells_head(struct bells *b, int64_t head)
{
    struct message m;

    message_init(&m);
    m.type = STR_LIT("log.head");
    m.seq = head;
    app_ring(b->app, &m);
}

int bells_open(struct app *app, struct bells **ret)
{
    struct bells *b = mem_zalloc(sizeof *b);
    int r;

    if (!b)
        return -ENOMEM;
    b->app = app;
    list_init(&b->waiting);
    r = timer_open(app_loop(app), on_timer, b, &b->timer);
    if (r == 0)
        *ret = b;
    else
        mem_free(b);
    return r;
}

void bells_close(struct bells *b)
{
    if (!b)
        return;
    while (!list_empty(&b->waiting))
        ring_next(b); /* what is committed is rung, also at the end */
    timer_close(b->timer);
    mem_free(b);
}

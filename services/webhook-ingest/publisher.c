#include "services/webhook-ingest/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* Notifications that are published between two polls of the sockets: a millisecond at most. */
#define BATCH_NOTIFICATIONS 128
/* A message of the bus has room for this much; a larger body is read from the log. */
#define BODY_PUBLISHED_MAX (1024 * 1024)
/* Notifications that wait at most; their bodies were counted by the committer until a moment ago. */
#define WAITING_MAX       8192
#define WAITING_BYTES_MAX (64LL * 1024 * 1024)

struct publisher {
    struct app *app;
    struct timer *timer;
    struct list waiting;
    int n;
    int64_t bytes;
    bool running; /* the timer is set */
    char log_id[16];
};

static void publish(struct publisher *p, struct request *r)
{
    const struct event_new *e = &r->item.event;
    struct message m;

    message_init(&m);
    event_id_format(p->log_id, r->item.seq, r->id);
    m.id = str_from(r->id);
    m.at = e->at;
    m.type = e->type;
    m.bridge = e->bridge;
    m.session = e->session;
    m.seq = r->item.seq;
    if (e->occurred_at)
        m.occurred_at = e->occurred_at;
    m.message_id = e->message_id;
    if (e->body.n <= BODY_PUBLISHED_MAX)
        m.body = e->body;
    app_publish(p->app, &m);
}

static void publish_next(struct publisher *p)
{
    struct list *it = list_pop(&p->waiting);
    struct request *r = container_of(it, struct request, item.link);

    p->n--;
    p->bytes -= (int64_t)r->item.event.body.n;
    publish(p, r);
    request_free(r);
}

static void on_timer(void *ctx)
{
    struct publisher *p = ctx;

    for (int i = 0; i < BATCH_NOTIFICATIONS && !list_empty(&p->waiting); i++)
        publish_next(p);
    p->running = !list_empty(&p->waiting);
    if (p->running)
        timer_start(p->timer, 0);
}

void publisher_add(struct publisher *p, struct request *r, const char *log_id)
{
    if (p->n >= WAITING_MAX || p->bytes >= WAITING_BYTES_MAX) {
        metric_add(&ingest_notifications_dropped, 0, 1);
        request_free(r);
        return;
    }
    (void)snprintf(p->log_id, sizeof p->log_id, "%s", log_id);
    list_append(&p->waiting, &r->item.link);
    p->n++;
    p->bytes += (int64_t)r->item.event.body.n;
    if (!p->running)
        timer_start(p->timer, 0);
    p->running = true;
}

void publisher_head(struct publisher *p, int64_t head)
{
    struct message m;

    message_init(&m);
    m.type = STR_LIT("log.head");
    m.seq = head;
    app_publish(p->app, &m);
}

int publisher_open(struct app *app, struct publisher **ret)
{
    struct publisher *p = mem_zalloc(sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->app = app;
    list_init(&p->waiting);
    r = timer_open(app_loop(app), on_timer, p, &p->timer);
    if (r == 0)
        *ret = p;
    else
        mem_free(p);
    return r;
}

void publisher_close(struct publisher *p)
{
    if (!p)
        return;
    while (!list_empty(&p->waiting))
        publish_next(p); /* an event that is committed is published, also at the end */
    timer_close(p->timer);
    mem_free(p);
}

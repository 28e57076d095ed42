#include "services/forwarder/queue_memory.h"

#include "common/base/mem.h"

struct queued_event *queue_memory_keep(struct queue_memory *m, const struct event *e)
{
    struct queued_event *ev = queued_event_new(e);

    if (ev) {
        m->n_events++;
        m->bytes += ev->bytes;
    }
    return ev;
}

void queue_memory_forget(struct queue_memory *m, struct session_queue *q, struct queued_event *ev)
{
    m->n_events--;
    m->bytes -= ev->bytes;
    session_queue_drop(q, ev);
}

bool queue_memory_is_full(const struct queue_memory *m, int part)
{
    return m->n_events >= QUEUE_MEMORY_EVENTS_MAX / part ||
           m->bytes >= (size_t)QUEUE_MEMORY_BYTES_MAX / (size_t)part;
}

bool queue_memory_has_row(const struct session_queue *q, const struct queued_event *ev)
{
    return ev->blocked || (q->head_has_row && q->head_seq == ev->event.seq);
}

/* Its place in the log is behind the window, its row holds it from now on. */
int queue_memory_block(struct queue_memory *m, struct session_queue *q, int64_t seq, bool newest)
{
    int r = queue_rows_block(m->rows, q, seq, newest);

    if (r == 0)
        done_events_mark(m->done, seq);
    return r;
}

/* The first of a queue that is in flight becomes its retry, all others are blocked behind it. */
static int store_event(struct queue_memory *m, struct session_queue *q, struct queued_event *ev,
                       bool first_in_flight)
{
    int r;

    if (!first_in_flight) {
        r = queue_memory_block(m, q, ev->event.seq, false);
        ev->blocked = r == 0;
        return r;
    }
    r = queue_rows_put_retry(m->rows, q, m->clock->wall_ms(m->clock), NULL);
    if (r == 0)
        done_events_mark(m->done, ev->event.seq);
    return r;
}

int queue_memory_spill_queue(struct queue_memory *m, struct session_queue *q, int keep)
{
    int i = 0;
    int r = 0;

    if (q->kind == QUEUE_REDELIVERY)
        return 0;
    LIST_FOR(it, &q->events)
    {
        struct queued_event *ev = container_of(it, struct queued_event, in_queue);
        bool in_flight = i < q->n_sent;

        if (i++ < keep)
            continue;
        if (!queue_memory_has_row(q, ev))
            r = store_event(m, q, ev, in_flight && i == 1);
        if (r != 0)
            return r;
        if (!in_flight)
            queue_memory_forget(m, q, ev);
    }
    return 0;
}

struct spilling {
    struct queue_memory *m;
    int keep;
};

static int on_spill(void *ctx, struct session_queue *q)
{
    const struct spilling *s = ctx;

    return queue_memory_spill_queue(s->m, q, s->keep);
}

int queue_memory_spill(struct queue_memory *m, int keep)
{
    struct spilling s = { m, keep };

    return queue_table_each(m->table, on_spill, &s);
}

#include "services/forwarder/queue_schedule.h"

#include "common/base/mem.h"

void queue_schedule_init(struct queue_schedule *s, struct queue_table *table)
{
    *s = (struct queue_schedule){ .table = table };
    list_init(&s->ready_new);
    list_init(&s->ready_retry);
    list_init(&s->waiting);
}

/* ---- from state to state --------------------------------------------------------------------- */

void queue_schedule_settle(struct queue_schedule *s, struct session_queue *q)
{
    list_remove(&q->in_list);
    if (session_queue_is_empty(q)) {
        queue_table_free(s->table, q);
        return;
    }
    session_queue_move(q, QUEUE_READY);
    list_append(session_queue_is_retry(q) ? &s->ready_retry : &s->ready_new, &q->in_list);
}

void queue_schedule_wait_until(struct queue_schedule *s, struct session_queue *q, int64_t at)
{
    session_queue_move(q, QUEUE_WAITING);
    q->next_at = at;
    list_remove(&q->in_list);
    list_append(&s->waiting, &q->in_list);
    if (s->next_due == 0 || at < s->next_due)
        s->next_due = at;
}

void queue_schedule_stop_waiting(struct queue_schedule *s, struct session_queue *q)
{
    session_queue_move(q, QUEUE_IDLE);
    queue_schedule_settle(s, q);
}

int64_t queue_schedule_wake(struct queue_schedule *s, int64_t now_ms)
{
    if (s->next_due == 0 || s->next_due > now_ms)
        return s->next_due;
    s->next_due = 0;
    LIST_FOR(it, &s->waiting)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_list);

        if (q->next_at <= now_ms)
            queue_schedule_stop_waiting(s, q);
        else if (s->next_due == 0 || q->next_at < s->next_due)
            s->next_due = q->next_at;
    }
    return s->next_due;
}

int64_t queue_schedule_retry_now(struct queue_schedule *s, struct str session, int64_t seq)
{
    int64_t n = 0;

    LIST_FOR(it, &s->waiting)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_list);

        if ((session.n > 0 && !str_same(q->session, session)) || (seq > 0 && q->head_seq != seq))
            continue;
        queue_schedule_stop_waiting(s, q);
        n++;
    }
    return n;
}

/* ---- which is next --------------------------------------------------------------------------- */

bool queue_schedule_has_new(const struct queue_schedule *s)
{
    return !list_empty(&s->ready_new);
}

bool queue_schedule_has_retry(const struct queue_schedule *s)
{
    return !list_empty(&s->ready_retry);
}

bool queue_schedule_has_new_queues(const struct queue_schedule *s, int64_t n)
{
    for (const struct list *it = s->ready_new.next; it != &s->ready_new && n > 0; it = it->next)
        n--;
    return n == 0;
}

int64_t queue_schedule_new_events(const struct queue_schedule *s, int64_t enough)
{
    int64_t n = 0;

    for (const struct list *it = s->ready_new.next; it != &s->ready_new && n < enough; it = it->next)
        n += container_of(it, struct session_queue, in_list)->n_events;
    return n < enough ? n : enough;
}

struct session_queue *queue_schedule_next(struct queue_schedule *s, bool new_first)
{
    bool retry = list_empty(&s->ready_new) || (!list_empty(&s->ready_retry) && s->retry_next && !new_first);
    struct list *from = retry ? &s->ready_retry : &s->ready_new;

    if (list_empty(from))
        return NULL;
    s->retry_next = !retry;
    return container_of(from->next, struct session_queue, in_list);
}

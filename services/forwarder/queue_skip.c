#include "services/forwarder/queue_skip.h"

#include "common/base/mem.h"

struct search {
    int64_t seq;
    struct session_queue *found;
};

static int on_head(void *ctx, struct session_queue *q)
{
    struct search *s = ctx;

    if (q->kind == QUEUE_LIVE && q->head_has_row && q->head_seq == s->seq && q->state != QUEUE_SENDING)
        s->found = q;
    return 0;
}

/* The queue of which the event is the head, or which has it as a blocked one. NULL: none. */
static int find_waiting(struct queue_skip *k, int64_t seq, struct session_queue **ret)
{
    CLEANUP(buf_fini) struct buf bridge = BUF_INIT(1024);
    CLEANUP(buf_fini) struct buf session = BUF_INIT(1024);
    struct search s = { .seq = seq };
    bool found = false;
    int r;

    (void)queue_table_each(k->table, on_head, &s);
    *ret = s.found;
    if (s.found)
        return 0;
    r = forward_blocked_session(k->stores->db, k->destination, seq, &bridge, &session, &found);
    if (r == 0 && found)
        *ret = queue_table_find(k->table, QUEUE_LIVE, (struct str){ buf_str(&bridge), bridge.len },
                                (struct str){ buf_str(&session), session.len });
    return r;
}

static bool is_in_memory(const struct session_queue *q, int64_t seq)
{
    for (const struct list *it = q->events.next; it != &q->events; it = it->next) {
        if (container_of(it, struct queued_event, in_queue)->event.seq == seq)
            return true;
    }
    return false;
}

static int skip(struct queue_skip *k, struct session_queue *q, int64_t seq)
{
    struct event gone = { .seq = seq, .bridge = q->bridge, .session = q->session };
    bool head = q->head_has_row && q->head_seq == seq;
    int r = stores_read(k->stores, seq, NULL, 1, &k->read);
    bool there = r == 0 && k->read.n > 0 && k->read.rows[0].seq == seq;

    event_reader_event_id(k->stores->reader, seq, gone.id);
    r = dead_letters_put(k->dead, k->of, there ? &k->read.rows[0] : &gone, "skipped by an operator",
                         head ? q->tries.counted : 0, NULL);
    if (r == 0)
        r = queue_rows_remove(k->rows, q, seq, !head);
    if (head)
        session_queue_forget_head(q);
    if (head && q->state == QUEUE_WAITING)
        queue_schedule_stop_waiting(k->schedule, q);
    return r;
}

int queue_skip_event(struct queue_skip *k, int64_t seq, bool *ret_found)
{
    struct session_queue *q = NULL;
    int r = find_waiting(k, seq, &q);

    *ret_found = false;
    if (r != 0 || !q || is_in_memory(q, seq))
        return r;
    *ret_found = true;
    return skip(k, q, seq);
}

void queue_skip_fini(struct queue_skip *k)
{
    event_rows_fini(&k->read);
}

#include "services/forwarder/queue_head.h"

#include <errno.h>

/* When the log cannot be read, or has not been read far enough. */
#define READ_AGAIN_MS 50

static int give_up_removed(struct queue_head *h, struct session_queue *q, int64_t seq)
{
    bool of_retry = q->head_has_row && q->head_seq == seq;
    int r = lost_events_one(h->lost, seq, q->bridge, q->session, of_retry ? q->tries.counted : 0);

    if (r == 0)
        r = queue_rows_remove(h->rows, q, seq, !of_retry);
    session_queue_forget_head(q);
    return r;
}

/* Returns 0 (*ret is the event of the log), 1: it is gone, or negative. */
static int read_event(struct queue_head *h, int64_t seq, int64_t position, struct queued_event **ret)
{
    int r = seq <= position ? stores_read(h->stores, seq, NULL, 1, &h->read) : -EAGAIN;

    if (r != 0)
        return r;
    if (h->read.n == 0 || h->read.rows[0].seq != seq)
        return 1;
    *ret = queue_memory_keep(h->memory, &h->read.rows[0]);
    return *ret ? 0 : -ENOMEM;
}

/* Spilled events get rows, some hundred at a time, when the rows before them are used up. */
static int unspill(struct queue_head *h, struct session_queue *q)
{
    const struct event_filter filter = { .session = q->session, .bridge = q->bridge };
    int64_t missing;
    int r = stores_read(h->stores, q->spill_from, &filter, EVENT_READ_ROWS_MAX, &h->read);

    for (int i = 0; r == 0 && i < h->read.n && h->read.rows[i].seq <= q->spill_to; i++) {
        const struct event *e = &h->read.rows[i];

        if (str_same(e->session, q->session) && str_same(e->bridge, q->bridge) &&
            event_filter_wants(h->filter, e))
            r = queue_rows_unspill(h->rows, q, e->seq);
    }
    if (r != 0)
        return r;
    if (q->blocked == 0 && h->read.next_seq <= q->spill_to)
        q->first_row_seq = h->read.next_seq;
    missing = queue_rows_spill_looked(h->rows, q, h->read.next_seq);
    return missing > 0 ? lost_events_range(h->lost, q->spill_to - missing + 1, q->spill_to) : 0;
}

/* Seq of the first event of a queue that has none in memory; 0: there is none. */
static int first_seq_of(struct queue_head *h, struct session_queue *q, int64_t *ret)
{
    int r = 0;

    if (q->head_has_row) {
        *ret = q->head_seq;
        return 0;
    }
    if (q->blocked == 0 && q->spill_n > 0)
        r = unspill(h, q);
    if (r != 0)
        return r;
    r = queue_rows_first_blocked(h->rows, q, ret);
    if (r == 0 && *ret > 0)
        q->first_row_seq = *ret;
    return r;
}

int queue_head_load(struct queue_head *h, struct session_queue *q, int64_t position, bool *ret_found)
{
    struct queued_event *ev = NULL;
    int64_t seq = 0;
    int r = first_seq_of(h, q, &seq);

    *ret_found = false;
    if (r != 0)
        return r;
    r = seq > 0 ? read_event(h, seq, position, &ev) : -EAGAIN;
    if (r > 0) {
        r = give_up_removed(h, q, seq);
        session_queue_move(q, QUEUE_IDLE);
        queue_schedule_settle(h->schedule, q);
        return r;
    }
    if (r < 0) {
        queue_schedule_wait_until(h->schedule, q, h->clock->boot_ms(h->clock) + READ_AGAIN_MS);
        return 0;
    }
    ev->blocked = !q->head_has_row;
    session_queue_append(q, ev); /* the queue has none in memory */
    *ret_found = true;
    return 0;
}

void queue_head_fini(struct queue_head *h)
{
    event_rows_fini(&h->read);
}

#include "services/forwarder/queue_load.h"

#include <errno.h>

static int on_retry_row(void *ctx, const struct forward_retry *row)
{
    struct queue_load *l = ctx;
    struct session_queue *q = queue_table_get(l->table, QUEUE_LIVE, row->bridge, row->session);
    int64_t soon = l->boot_ms + DEST_BREAKER_DOUBT_MS;

    if (!q)
        return -ENOMEM;
    session_queue_note_row(q, row->seq);
    q->head_seq = row->seq;
    q->head_has_row = true;
    q->tries.counted = (int)row->tries;
    q->tries.sends = (int)row->sends;
    q->tries.due_at = l->boot_ms + delivery_wait_left_ms(l->delivery, row->tries, row->next_at, l->wall_ms);
    /* The backend may have been put right meanwhile. */
    queue_schedule_wait_until(l->schedule, q, q->tries.due_at < soon ? q->tries.due_at : soon);
    l->rows->n_retry++;
    return 0;
}

static int on_spill_row(void *ctx, const struct forward_spill *row)
{
    struct queue_load *l = ctx;
    struct session_queue *q = queue_table_get(l->table, QUEUE_LIVE, row->bridge, row->session);

    if (!q)
        return -ENOMEM;
    session_queue_note_row(q, row->from_seq);
    q->spill_from = row->from_seq;
    q->spill_to = row->to_seq;
    q->spill_n = row->n;
    l->rows->n_spilled += row->n;
    if (q->state == QUEUE_IDLE)
        queue_schedule_settle(l->schedule, q);
    return 0;
}

static int on_blocked_rows(void *ctx, struct str bridge, struct str session, int64_t n, int64_t first_seq)
{
    struct queue_load *l = ctx;
    struct session_queue *q = queue_table_get(l->table, QUEUE_LIVE, bridge, session);

    if (!q)
        return -ENOMEM;
    session_queue_note_row(q, first_seq);
    q->blocked = n;
    l->rows->n_blocked += n;
    if (q->state == QUEUE_IDLE)
        queue_schedule_settle(l->schedule, q);
    return 0;
}

int queue_load_all(struct queue_load *l)
{
    int r = forward_retry_each(l->rows->db, l->rows->destination, on_retry_row, l);

    if (r == 0)
        r = forward_blocked_each(l->rows->db, l->rows->destination, on_blocked_rows, l);
    return r == 0 ? forward_spill_each(l->rows->db, l->rows->destination, on_spill_row, l) : r;
}

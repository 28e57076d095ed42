#include "services/forwarder/queue_rows.h"

#include "common/base/mem.h"

static int checked(const struct queue_rows *r, int result)
{
    return result == 0 ? 0 : group_commit_fail(r->commit, result);
}

int queue_rows_put_retry(struct queue_rows *r, struct session_queue *q, int64_t next_wall,
                         const struct delivery_error *error)
{
    const struct forward_retry row = { .seq = q->head_seq,
                                       .bridge = q->bridge,
                                       .session = q->session,
                                       .tries = q->tries.counted,
                                       .sends = q->tries.sends,
                                       .next_at = next_wall,
                                       .status = error ? error->status : 0,
                                       .detail = error ? str_from(error->detail) : STR_LIT("") };
    int result = group_commit_begin(r->commit);

    if (result == 0)
        result = forward_retry_put(r->db, r->destination, &row);
    if (result == 0 && !q->head_has_row) {
        session_queue_note_row(q, q->head_seq);
        q->head_has_row = true;
        r->n_retry++;
    }
    return checked(r, result);
}

static int put_blocked(struct queue_rows *r, struct session_queue *q, int64_t seq)
{
    int result = group_commit_begin(r->commit);

    if (result == 0)
        result = forward_blocked_put(r->db, r->destination, q->bridge, q->session, seq);
    if (result != 0)
        return checked(r, result);
    session_queue_note_row(q, seq);
    q->blocked++;
    r->n_blocked++;
    return 0;
}

/* ---- spills ---------------------------------------------------------------------------------- */

static void set_dirty(struct queue_rows *r, struct session_queue *q)
{
    list_remove(&q->in_dirty);
    list_append(&r->dirty, &q->in_dirty);
}

static bool is_spilled(const struct queue_rows *r, const struct session_queue *q)
{
    return q->spill_n > 0 || q->blocked >= QUEUE_ROWS_SESSION_MAX || r->n_blocked >= FORWARD_BLOCKED_MAX;
}

static int spill(struct queue_rows *r, struct session_queue *q, int64_t seq)
{
    int result = group_commit_begin(r->commit);

    if (result != 0)
        return result;
    session_queue_note_row(q, seq);
    if (q->spill_n++ == 0)
        q->spill_from = seq;
    q->spill_to = seq;
    r->n_spilled++;
    set_dirty(r, q);
    return 0;
}

int queue_rows_block(struct queue_rows *r, struct session_queue *q, int64_t seq, bool newest)
{
    return newest && is_spilled(r, q) ? spill(r, q, seq) : put_blocked(r, q, seq);
}

int queue_rows_save_spills(struct queue_rows *r)
{
    int result = list_empty(&r->dirty) ? 0 : group_commit_begin(r->commit);

    LIST_FOR(it, &r->dirty)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_dirty);
        const struct forward_spill row = { q->bridge, q->session, q->spill_from, q->spill_to, q->spill_n };

        if (result == 0)
            result = forward_spill_put(r->db, r->destination, &row);
        list_remove(&q->in_dirty);
    }
    return checked(r, result);
}

int queue_rows_unspill(struct queue_rows *r, struct session_queue *q, int64_t seq)
{
    q->spill_n--;
    r->n_spilled--;
    return put_blocked(r, q, seq);
}

int64_t queue_rows_spill_looked(struct queue_rows *r, struct session_queue *q, int64_t next_seq)
{
    int64_t missing = next_seq > q->spill_to ? q->spill_n : 0;

    q->spill_from = next_seq;
    q->spill_n -= missing;
    r->n_spilled -= missing;
    set_dirty(r, q);
    return missing;
}

int queue_rows_unblock(struct queue_rows *r, struct session_queue *q, int64_t seq)
{
    int result = group_commit_begin(r->commit);

    if (result == 0)
        result = forward_blocked_remove(r->db, r->destination, q->bridge, q->session, seq);
    if (result != 0)
        return checked(r, result);
    q->blocked--;
    r->n_blocked--;
    return 0;
}

int queue_rows_remove(struct queue_rows *r, struct session_queue *q, int64_t seq, bool blocked)
{
    int result = group_commit_begin(r->commit);

    if (result == 0 && q->head_has_row && q->head_seq == seq) {
        result = forward_retry_remove(r->db, r->destination, seq);
        q->head_has_row = false;
        r->n_retry--;
    }
    if (result != 0)
        return checked(r, result);
    return blocked ? queue_rows_unblock(r, q, seq) : 0;
}

int queue_rows_first_blocked(struct queue_rows *r, const struct session_queue *q, int64_t *ret_seq)
{
    return checked(r, forward_blocked_first(r->db, r->destination, q->bridge, q->session, ret_seq));
}

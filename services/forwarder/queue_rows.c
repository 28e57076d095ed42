#include "services/forwarder/queue_rows.h"

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

int queue_rows_block(struct queue_rows *r, struct session_queue *q, int64_t seq)
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

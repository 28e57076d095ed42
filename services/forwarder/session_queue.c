#include "services/forwarder/session_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* ---- the life of a queue --------------------------------------------------------------------- */

#define TO(state) (1U << QUEUE_##state)

static const struct {
    const char *name;
    unsigned allowed;
} states[QUEUE_STATES] = {
    [QUEUE_IDLE] = { "idle", TO(READY) | TO(WAITING) },
    [QUEUE_READY] = { "ready", TO(SENDING) | TO(WAITING) | TO(IDLE) },
    [QUEUE_SENDING] = { "sending", TO(IDLE) | TO(WAITING) },
    [QUEUE_WAITING] = { "waiting", TO(IDLE) },
};

void session_queue_move(struct session_queue *q, enum queue_state to)
{
    if (!(states[q->state].allowed & (1U << to))) {
        (void)fprintf(stderr, "zapkeep-forward: a session queue went from %s to %s, which is not allowed\n",
                      states[q->state].name, states[to].name);
        abort();
    }
    q->state = to;
}

/* ---- events ---------------------------------------------------------------------------------- */

struct queued_event *session_queue_first(const struct session_queue *q)
{
    return list_empty(&q->events) ? NULL : container_of(q->events.next, struct queued_event, in_queue);
}

void session_queue_append(struct session_queue *q, struct queued_event *ev)
{
    list_append(&q->events, &ev->in_queue);
    q->n_events++;
}

void session_queue_drop(struct session_queue *q, struct queued_event *ev)
{
    list_remove(&ev->in_queue);
    q->n_events--;
    queued_event_free(ev);
}

/* ---- questions ------------------------------------------------------------------------------- */

bool session_queue_has_rows(const struct session_queue *q)
{
    return q->head_has_row || q->blocked > 0 || q->spill_n > 0;
}

bool session_queue_is_empty(const struct session_queue *q)
{
    return q->n_events == 0 && !session_queue_has_rows(q);
}

bool session_queue_is_retry(const struct session_queue *q)
{
    return q->tries.sends > 0 || q->head_has_row;
}

/* ---- the head -------------------------------------------------------------------------------- */

void session_queue_note_row(struct session_queue *q, int64_t seq)
{
    if (!session_queue_has_rows(q) || q->first_row_seq == 0 || seq < q->first_row_seq)
        q->first_row_seq = seq;
}

void session_queue_forget_head(struct session_queue *q)
{
    q->head_seq = 0;
    q->tries = (struct delivery_tries){ 0 };
}

void session_queue_note_send(struct session_queue *q, int64_t seq)
{
    if (q->head_seq != seq) {
        session_queue_forget_head(q);
        q->head_has_row = false;
        q->head_seq = seq;
    }
    q->tries.sends++;
}

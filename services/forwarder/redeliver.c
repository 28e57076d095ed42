/*
 * Dead letters that an operator wants tried again. Each is tried once, when the destination works; it leaves
 * the shelf when it is taken, and goes back on it with its new answer when it is not. They have queues of
 * their own: what came after them was delivered long ago.
 */
#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/destination.h"

static int on_dead(void *ctx, const struct forward_dead *row)
{
    struct destination *d = ctx;
    struct session_queue *q = session_queues_get(&d->queues, str_from(REDELIVER_BRIDGE), row->event.session);
    struct item *it = q ? item_new(&row->event) : NULL;

    if (!it)
        return -ENOMEM;
    it->dead_id = row->id;
    session_queue_push(q, it);
    d->n_items++;
    d->bytes += it->bytes;
    d->n_redeliver++;
    d->redeliver_after = row->id;
    if (q->state == QUEUE_EMPTY)
        session_queue_settle(d, q);
    return 0;
}

void redeliver_load(struct destination *d)
{
    if (!d->redeliver_more || d->n_redeliver > 0)
        return;
    forwarder_note(d->f, forward_dead_redeliver_each(d->f->db, d->config->name, d->redeliver_after,
                                                     REDELIVER_MAX, on_dead, d));
    d->redeliver_more = d->n_redeliver > 0;
}

void redeliver_done(struct destination *d, struct session_queue *q, struct item *it)
{
    const struct forward_dead_filter one = { .id = it->dead_id };
    int64_t n = 0;

    forwarder_write(d->f);
    forwarder_note(d->f, forward_dead_remove(d->f->db, &one, &n));
    d->f->dead -= n;
    log_info("redelivered", "a dead letter was delivered", KS("destination", d->config->name),
             KS("event", it->event.id));
    d->n_redeliver--;
    item_forget(d, q, it);
}

void redeliver_failed(struct destination *d, struct session_queue *q, struct item *it,
                      const struct delivery_error *w)
{
    struct forward_dead dead = { .id = it->dead_id,
                                 .status = w->status,
                                 .dead_at = forwarder_wall_ms(d->f),
                                 .detail = str_from(w->detail),
                                 .answer = w->answer };

    str_copy(STR_LIT("tried again by hand, in vain"), dead.reason, sizeof dead.reason);
    forwarder_write(d->f);
    forwarder_note(d->f, forward_dead_returned(d->f->db, &dead));
    d->n_redeliver--;
    item_forget(d, q, it);
}

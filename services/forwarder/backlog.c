/*
 * Events that wait or are given up, as rows of forward.db.
 *
 * A queue's events are in this order: those in memory (some of which have rows), then blocked rows. So what is
 * read for a queue with blocked rows goes behind them, and the first of a queue without one in memory is that of
 * its retry row, or else its first blocked one. After a crash an event that had no row is read again: no event
 * with a row is sent before reading has come that far, or it would overtake it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/forward_metrics.h"

/* When the log cannot be read, or has not been read far enough. */
#define LOOK_AGAIN_MS 50
/* A clock that was set back must not keep an event for longer than its schedule would. */
#define WAIT_FACTOR 2

static int64_t needed_seq(const struct session_queue *q)
{
    return q->head.has_row || q->blocked > 0 ? q->first_row_seq : 0;
}

static void row_at(struct session_queue *q, int64_t seq)
{
    if (needed_seq(q) == 0 || seq < q->first_row_seq)
        q->first_row_seq = seq;
}

void item_forget(struct destination *d, struct session_queue *q, struct item *it)
{
    d->n_items--;
    d->bytes -= it->bytes;
    session_queue_drop(q, it);
}

/* What comes next has its own tries. */
static void forget_head(struct session_queue *q)
{
    q->head.seq = 0;
    q->head.tries = q->head.sends = 0;
    q->head.failed_in = 0;
    q->fault_tries = 0;
    q->due_at = 0;
}

static void mark_done(struct destination *d, int64_t seq)
{
    ack_window_set(&d->window, seq);
    d->window_dirty = true;
}

/* ---- at the start ---------------------------------------------------------------------------- */

static int on_retry(void *ctx, const struct forward_retry *row)
{
    struct destination *d = ctx;
    const struct delivery_schedule *s = &d->f->schedule;
    struct session_queue *q = session_queues_get(&d->queues, row->bridge, row->session);
    int64_t wait = row->next_at - forwarder_wall_ms(d->f);
    int64_t longest = WAIT_FACTOR * (row->tries < s->n ? s->wait_ms[row->tries] : s->wait_ms[s->n - 1]);

    if (!q)
        return -ENOMEM;
    if (wait > longest)
        wait = longest;
    row_at(q, row->seq);
    q->head.seq = row->seq;
    q->head.tries = (int)row->tries;
    q->head.sends = (int)row->sends;
    q->head.has_row = true;
    q->state = QUEUE_WAITING;
    q->next_at = q->due_at = forwarder_boot_ms(d->f) + (wait > 0 ? wait : 0);
    session_queue_settle(d, q);
    d->n_retry++;
    return 0;
}

static int on_blocked(void *ctx, struct str bridge, struct str session, int64_t n, int64_t first_seq)
{
    struct destination *d = ctx;
    struct session_queue *q = session_queues_get(&d->queues, bridge, session);

    if (!q)
        return -ENOMEM;
    row_at(q, first_seq);
    q->blocked = n;
    d->n_blocked += n;
    session_queue_settle(d, q);
    return 0;
}

int backlog_load(struct destination *d)
{
    int r = forward_retry_each(d->f->db, d->row.id, on_retry, d);

    return r == 0 ? forward_blocked_each(d->f->db, d->row.id, on_blocked, d) : r;
}

/* ---- in -------------------------------------------------------------------------------------- */

static void block(struct destination *d, struct session_queue *q, int64_t seq)
{
    forwarder_write(d->f);
    forwarder_note(d->f, forward_blocked_put(d->f->db, d->row.id, q->bridge, q->session, seq));
    row_at(q, seq);
    q->blocked++;
    d->n_blocked++;
    mark_done(d, seq);
}

int backlog_or_queue(struct destination *d, const struct event *e)
{
    struct session_queue *q = session_queues_get(&d->queues, e->bridge, e->session);
    struct item *it;

    if (!q)
        return -ENOMEM;
    if (q->blocked > 0 || q->head.has_row) {
        block(d, q, e->seq);
        return 0;
    }
    it = item_new(e);
    if (!it)
        return -ENOMEM;
    session_queue_push(q, it);
    d->n_items++;
    d->bytes += it->bytes;
    if (q->state == QUEUE_EMPTY)
        session_queue_settle(d, q);
    return 0;
}

/* ---- out of memory, into rows ---------------------------------------------------------------- */

static void put_retry(struct destination *d, struct session_queue *q, int64_t next_wall,
                      const struct delivery_error *w)
{
    const struct forward_retry row = { .seq = q->head.seq,
                                       .bridge = q->bridge,
                                       .session = q->session,
                                       .tries = q->head.tries,
                                       .sends = q->head.sends,
                                       .next_at = next_wall,
                                       .status = w ? w->status : 0,
                                       .detail = w ? str_from(w->detail) : STR_LIT("") };

    forwarder_write(d->f);
    forwarder_note(d->f, forward_retry_put(d->f->db, d->row.id, &row));
    if (!q->head.has_row) {
        row_at(q, q->head.seq);
        d->n_retry++;
    }
    q->head.has_row = true;
}

/* Gives up the row that an event has. */
static void remove_row(struct destination *d, struct session_queue *q, int64_t seq, bool blocked)
{
    if (q->head.has_row && q->head.seq == seq) {
        forwarder_note(d->f, forward_retry_remove(d->f->db, d->row.id, seq));
        q->head.has_row = false;
        d->n_retry--;
    }
    if (blocked) {
        forwarder_note(d->f, forward_blocked_remove(d->f->db, d->row.id, q->bridge, q->session, seq));
        q->blocked--;
        d->n_blocked--;
    }
}

/* All but the first @keep; what is under way stays, and gets rows when @keep is 0. */
static void backlog_queue(struct destination *d, struct session_queue *q, int keep)
{
    int i = 0;

    if (str_eq(q->bridge, REDELIVER_BRIDGE))
        return;
    LIST_FOR(at, &q->items)
    {
        struct item *it = container_of(at, struct item, in_session);
        bool sent = i < q->n_sent;

        if (i++ < keep)
            continue;
        if (!it->blocked && !(q->head.has_row && q->head.seq == it->event.seq)) {
            if (sent && i == 1) {
                put_retry(d, q, forwarder_wall_ms(d->f), NULL);
                mark_done(d, it->event.seq);
            } else {
                block(d, q, it->event.seq);
                it->blocked = true;
            }
        }
        if (!sent)
            item_forget(d, q, it);
    }
}

struct spilling {
    struct destination *d;
    int keep;
};

static void on_queue(void *ctx, struct session_queue *q)
{
    const struct spilling *s = ctx;

    backlog_queue(s->d, q, s->keep);
}

void backlog_memory(struct destination *d, int keep)
{
    struct spilling s = { d, keep };

    forwarder_write(d->f);
    session_queues_each(&d->queues, on_queue, &s);
}

/* ---- the first of a queue --------------------------------------------------------------------- */

static void publish_dead(struct destination *d, const struct forward_dead *dead)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_DEAD));
    m.bridge = dead->event.bridge;
    m.session = dead->event.session;
    m.destination = str_from(dead->destination);
    m.seq = dead->event.seq;
    m.attempt = dead->tries;
    m.http_status = dead->status;
    m.text = str_from(dead->reason);
    app_publish(d->f->app, &m);
}

static void dead_letter(struct destination *d, const struct session_queue *q, const struct event *e,
                        const char *reason, const struct delivery_error *w)
{
    struct forward_dead dead = { .tries = q ? q->head.tries : 0,
                                 .status = w ? w->status : 0,
                                 .dead_at = forwarder_wall_ms(d->f),
                                 .detail = w ? str_from(w->detail) : STR_LIT(""),
                                 .answer = w ? w->answer : STR_NULL,
                                 .event = *e };

    str_copy(str_from(d->config->name), dead.destination, sizeof dead.destination);
    str_copy(str_from(reason), dead.reason, sizeof dead.reason);
    forwarder_write(d->f);
    forwarder_note(d->f, forward_dead_put(d->f->db, &dead));
    d->f->dead++;
    metric_add(&forward_dead_total, d->index, 1);
    publish_dead(d, &dead);
}

#define REMOVED "removed from the log by its hard limit before delivery"

static void dead_letter_removed(struct destination *d, struct session_queue *q, int64_t seq)
{
    struct event e = { .seq = seq, .bridge = q->bridge, .session = q->session };
    bool blocked = !(q->head.has_row && q->head.seq == seq);

    event_reader_event_id(d->f->reader, seq, e.id);
    dead_letter(d, blocked ? NULL : q, &e, REMOVED, NULL);
    remove_row(d, q, seq, blocked);
    forget_head(q);
    log_error("event-lost", "an event was " REMOVED, KS("destination", d->config->name), KI("seq", seq),
              KR("session", q->session));
}

static void look_again(struct destination *d, struct session_queue *q)
{
    q->state = QUEUE_WAITING;
    q->next_at = forwarder_boot_ms(d->f) + LOOK_AGAIN_MS;
}

/* Returns 0 (*ret is the first event, of the log), 1: it is gone, or negative. */
static int read_event(struct destination *d, int64_t seq, struct item **ret)
{
    static struct event_rows rows; /* its memory is kept */
    int r = event_read(d->f->reader, seq, NULL, 1, &rows);

    if (r != 0)
        return r;
    if (rows.n == 0 || rows.rows[0].seq != seq)
        return 1;
    *ret = item_new(&rows.rows[0]);
    return *ret ? 0 : -ENOMEM;
}

struct item *backlog_first(struct destination *d, struct session_queue *q)
{
    struct item *it = session_queue_first(q);
    bool of_retry = q->head.has_row;
    int64_t seq = q->head.seq;
    int r;

    if (it)
        return it;
    q->state = QUEUE_EMPTY;
    if (!of_retry) {
        r = forward_blocked_first(d->f->db, d->row.id, q->bridge, q->session, &seq);
        forwarder_note(d->f, r);
        if (r != 0 || seq == 0)
            return NULL;
        q->first_row_seq = seq;
    }
    r = seq <= consumer_position(d->consumer) ? read_event(d, seq, &it) : -EAGAIN;
    if (r < 0) {
        look_again(d, q);
        return NULL;
    }
    if (r > 0) {
        dead_letter_removed(d, q, seq);
        return NULL;
    }
    it->blocked = !of_retry;
    session_queue_push_front(q, it);
    d->n_items++;
    d->bytes += it->bytes;
    return it;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* The event needs no more: its rows go, or its bit is set. */
static void finish(struct destination *d, struct session_queue *q, struct item *it)
{
    int64_t seq = it->event.seq;

    if (it->blocked || (q->head.has_row && q->head.seq == seq)) {
        forwarder_write(d->f);
        remove_row(d, q, seq, it->blocked);
    } else {
        mark_done(d, seq);
        if (ack_window_reaches(d->row.floor, seq))
            forwarder_taken(d->f, d->row.id, &it->event);
        else
            forwarder_write(d->f);
    }
    forget_head(q);
    item_forget(d, q, it);
}

void backlog_done(struct destination *d, struct session_queue *q, struct item *it)
{
    q->alone = false;
    if (it->dead_id)
        redeliver_done(d, q, it);
    else
        finish(d, q, it);
}

static void give_up(struct destination *d, struct session_queue *q, struct item *it,
                    const struct delivery_error *w)
{
    dead_letter(d, q, &it->event, "its tries are used up", w);
    log_error("dead-letter", "an event is given up; see zapkeep forward dead list",
              KS("destination", d->config->name), KS("event", it->event.id), KI("tries", q->head.tries),
              KS("error", w->detail));
    finish(d, q, it);
}

/* Its next counted try is in @planned_ms, which stands in its row. */
static void wait_for(struct destination *d, struct session_queue *q, struct item *it, int64_t wait_ms,
                     int64_t planned_ms, const struct delivery_error *w)
{
    int64_t seq = it->event.seq;
    bool had_row = it->blocked || q->head.has_row;

    put_retry(d, q, forwarder_wall_ms(d->f) + planned_ms, w);
    if (it->blocked)
        forwarder_note(d->f, forward_blocked_remove(d->f->db, d->row.id, q->bridge, q->session, seq));
    q->blocked -= it->blocked;
    d->n_blocked -= it->blocked;
    if (!had_row)
        mark_done(d, seq);
    q->n_sent = 0;
    item_forget(d, q, it);
    backlog_queue(d, q, 0);
    q->state = QUEUE_WAITING;
    q->next_at = forwarder_boot_ms(d->f) + wait_ms;
    q->due_at = forwarder_boot_ms(d->f) + planned_ms;
}

/* -1: give it up. */
static int64_t next_wait(struct destination *d, const struct session_queue *q, int64_t retry_after_ms)
{
    const struct delivery_schedule *s = &d->f->schedule;
    int64_t wait = delivery_wait_ms(s, q->head.tries, retry_after_ms, forwarder_jitter_permille(d->f));

    if (wait >= 0 || !(dest_breaker_suspects(&d->breaker) || d->f->dead >= FORWARD_DEAD_MAX))
        return wait;
    wait = delivery_wait_ms(s, s->n - 1, retry_after_ms, forwarder_jitter_permille(d->f));
    return wait > 0 ? wait : 1000;
}

/* Counts a try that came at its time. Returns how long until the next that counts, -1: give it up. */
static int64_t count_try(struct destination *d, struct session_queue *q, int64_t retry_after_ms)
{
    int64_t early_ms = q->due_at - forwarder_boot_ms(d->f);

    if (early_ms > 0)
        return early_ms;
    if (q->fault_streak != d->breaker.streak_id)
        q->fault_tries = 0;
    q->fault_streak = d->breaker.streak_id;
    q->fault_tries++;
    q->head.tries++;
    return next_wait(d, q, retry_after_ms);
}

void backlog_failed(struct destination *d, struct session_queue *q, struct item *it,
                    const struct delivery_error *w, int64_t retry_after_ms, bool fault)
{
    int64_t planned, wait;

    if (it->dead_id) {
        redeliver_failed(d, q, it, w);
        return;
    }
    planned = count_try(d, q, retry_after_ms);
    if (planned < 0) {
        give_up(d, q, it, w);
        return;
    }
    wait = fault && retry_after_ms < 0 && dest_breaker_doubts(&d->breaker) && planned > DEST_BREAKER_DOUBT_MS
               ? DEST_BREAKER_DOUBT_MS
               : planned;
    wait_for(d, q, it, wait, planned, w);
}

void backlog_give_back(struct destination *d)
{
    LIST_FOR(at, &d->waiting)
    {
        struct session_queue *q = container_of(at, struct session_queue, in_queue);

        if (q->fault_streak != d->breaker.streak_id || q->fault_tries == 0 || !q->head.has_row)
            continue;
        q->head.tries -= q->fault_tries;
        q->fault_tries = 0;
        q->due_at = 0;
        put_retry(d, q, forwarder_wall_ms(d->f), NULL);
        q->state = QUEUE_EMPTY;
        session_queue_settle(d, q);
    }
}

void dead_letter_gap(struct destination *d, int64_t from, int64_t to)
{
    struct event e = { .seq = from };
    char reason[FORWARD_DETAIL_MAX];

    event_reader_event_id(d->f->reader, from, e.id);
    (void)snprintf(reason, sizeof reason, "%" PRId64 " events, seq %" PRId64 " to %" PRId64 ", " REMOVED,
                   to - from + 1, from, to);
    dead_letter(d, NULL, &e, reason, NULL);
    log_error("events-lost", "events were " REMOVED, KS("destination", d->config->name), KI("from", from),
              KI("to", to));
}

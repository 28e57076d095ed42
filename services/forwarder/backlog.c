/*
 * A queue's events are in this order: those in memory (some of which have rows), then blocked rows. So an
 * event that is read for a queue with rows goes behind them, and the first of a queue without one in memory
 * is that of its retry row, or else its first blocked one.
 */
#include "services/forwarder/backlog.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/done_events.h"
#include "services/forwarder/lost_events.h"
#include "services/forwarder/queue_load.h"
#include "services/forwarder/queue_rows.h"
#include "services/forwarder/queue_schedule.h"

/* When the log cannot be read, or has not been read far enough. */
#define READ_AGAIN_MS 50

struct backlog {
    struct backlog_options o;
    struct queue_rows rows;
    struct queue_table *table;
    struct queue_schedule schedule;
    int n_events; /* in memory */
    size_t bytes;
    int64_t position; /* newest seq that was read */

    struct done_events done;
    struct lost_events lost;
    struct event_rows read; /* memory that is kept between reads */
};

static bool str_is(struct str a, struct str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static int64_t boot_ms(const struct backlog *b)
{
    return app_clock(b->o.app)->boot_ms(app_clock(b->o.app));
}

static int64_t wall_ms(const struct backlog *b)
{
    return app_clock(b->o.app)->wall_ms(app_clock(b->o.app));
}

/* ---- memory ---------------------------------------------------------------------------------- */

static struct queued_event *keep_event(struct backlog *b, const struct event *e)
{
    struct queued_event *ev = queued_event_new(e);

    if (ev) {
        b->n_events++;
        b->bytes += ev->bytes;
    }
    return ev;
}

static void forget_event(struct backlog *b, struct session_queue *q, struct queued_event *ev)
{
    b->n_events--;
    b->bytes -= ev->bytes;
    session_queue_drop(q, ev);
}

/* Its place in the log is behind the window, its row holds it from now on. */
static int block(struct backlog *b, struct session_queue *q, int64_t seq, bool newest)
{
    int r = queue_rows_block(&b->rows, q, seq, newest);

    if (r == 0)
        done_events_mark(&b->done, seq);
    return r;
}

/* ---- in -------------------------------------------------------------------------------------- */

static int append(struct backlog *b, struct session_queue *q, const struct event *e, int64_t letter_id)
{
    struct queued_event *ev = q ? keep_event(b, e) : NULL;

    if (!ev)
        return group_commit_fail(b->o.commit, -ENOMEM);
    ev->letter_id = letter_id;
    session_queue_append(q, ev);
    if (q->state == QUEUE_IDLE)
        queue_schedule_settle(&b->schedule, q);
    return 0;
}

static int add_wanted(struct backlog *b, const struct event *e)
{
    struct session_queue *q = queue_table_get(b->table, QUEUE_LIVE, e->bridge, e->session);

    if (q && session_queue_has_rows(q))
        return block(b, q, e->seq, true);
    return append(b, q, e, 0);
}

int backlog_add(struct backlog *b, const struct event *e, bool wanted)
{
    int r = 0;

    if (done_events_has(&b->done, e->seq))
        return 0;
    if (!done_events_fits(&b->done, e->seq)) /* the floor has to move on before anything else is remembered */
        r = backlog_spill(b, 0);
    if (r != 0)
        return r;
    if (wanted)
        return add_wanted(b, e);
    done_events_mark_unwanted(&b->done, e->seq);
    return 0;
}

int backlog_add_letter(struct backlog *b, const struct forward_dead *letter)
{
    return append(b, queue_table_get(b->table, QUEUE_REDELIVERY, letter->event.bridge, letter->event.session),
                  &letter->event, letter->id);
}

void backlog_read_up_to(struct backlog *b, int64_t seq)
{
    b->position = seq;
}

int64_t backlog_position(const struct backlog *b)
{
    return b->position;
}

/* ---- out of memory, into rows ---------------------------------------------------------------- */

static bool has_row(const struct session_queue *q, const struct queued_event *ev)
{
    return ev->blocked || (q->head_has_row && q->head_seq == ev->event.seq);
}

/* The first of a queue that is in flight becomes its retry, all others are blocked behind it. */
static int store_event(struct backlog *b, struct session_queue *q, struct queued_event *ev,
                       bool first_in_flight)
{
    int r;

    if (!first_in_flight) {
        r = block(b, q, ev->event.seq, false);
        ev->blocked = r == 0;
        return r;
    }
    r = queue_rows_put_retry(&b->rows, q, wall_ms(b), NULL);
    if (r == 0)
        done_events_mark(&b->done, ev->event.seq);
    return r;
}

static int spill_queue(struct backlog *b, struct session_queue *q, int keep)
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
        if (!has_row(q, ev))
            r = store_event(b, q, ev, in_flight && i == 1);
        if (r != 0)
            return r;
        if (!in_flight)
            forget_event(b, q, ev);
    }
    return 0;
}

struct spilling {
    struct backlog *b;
    int keep;
};

static int on_spill(void *ctx, struct session_queue *q)
{
    const struct spilling *s = ctx;

    return spill_queue(s->b, q, s->keep);
}

int backlog_spill(struct backlog *b, int keep)
{
    struct spilling s = { b, keep };
    int r = group_commit_begin(b->o.commit);

    return r == 0 ? queue_table_each(b->table, on_spill, &s) : r;
}

/* ---- events that the log has lost ------------------------------------------------------------ */

static int give_up_removed(struct backlog *b, struct session_queue *q, int64_t seq)
{
    bool of_retry = q->head_has_row && q->head_seq == seq;
    int r = lost_events_one(&b->lost, seq, q->bridge, q->session, of_retry ? q->tries.counted : 0);

    if (r == 0)
        r = queue_rows_remove(&b->rows, q, seq, !of_retry);
    session_queue_forget_head(q);
    return r;
}

int backlog_skip_gap(struct backlog *b, int64_t first_seq)
{
    bool begun = done_events_begun(&b->done);
    int r = group_commit_begin(b->o.commit);

    if (begun && first_seq <= b->position + 1)
        return 0;
    if (r == 0 && begun)
        r = backlog_spill(b, 0);
    if (r == 0 && begun)
        r = lost_events_range(&b->lost, b->position + 1, first_seq - 1);
    done_events_jump(&b->done, first_seq - 1);
    return r;
}

/* ---- which is next --------------------------------------------------------------------------- */

bool backlog_has_new(const struct backlog *b)
{
    return queue_schedule_has_new(&b->schedule);
}

bool backlog_has_retry(const struct backlog *b)
{
    return queue_schedule_has_retry(&b->schedule);
}

bool backlog_has_new_queues(const struct backlog *b, int64_t n)
{
    return queue_schedule_has_new_queues(&b->schedule, n);
}

int64_t backlog_new_events(const struct backlog *b, int64_t enough)
{
    return queue_schedule_new_events(&b->schedule, enough);
}

struct session_queue *backlog_next(struct backlog *b, bool new_first)
{
    return queue_schedule_next(&b->schedule, new_first);
}

int64_t backlog_wake(struct backlog *b, int64_t now_ms)
{
    return queue_schedule_wake(&b->schedule, now_ms);
}

bool backlog_goes_alone(const struct session_queue *q)
{
    return q->alone || session_queue_is_retry(q);
}

/* Returns 0 (*ret is the event of the log), 1: it is gone, or negative. */
static int read_event(struct backlog *b, int64_t seq, struct queued_event **ret)
{
    int r = seq <= b->position ? event_read(b->o.stores->reader, seq, NULL, 1, &b->read) : -EAGAIN;

    if (r != 0)
        return r;
    if (b->read.n == 0 || b->read.rows[0].seq != seq)
        return 1;
    *ret = keep_event(b, &b->read.rows[0]);
    return *ret ? 0 : -ENOMEM;
}

/* Spilled events get rows, some hundred at a time, when the rows before them are used up. */
static int unspill(struct backlog *b, struct session_queue *q)
{
    const struct event_filter filter = { .session = q->session, .bridge = q->bridge };
    int64_t missing;
    int r = event_read(b->o.stores->reader, q->spill_from, &filter, EVENT_READ_ROWS_MAX, &b->read);

    for (int i = 0; r == 0 && i < b->read.n && b->read.rows[i].seq <= q->spill_to; i++) {
        const struct event *e = &b->read.rows[i];

        if (str_is(e->session, q->session) && str_is(e->bridge, q->bridge) &&
            event_filter_wants(b->o.filter, e))
            r = queue_rows_unspill(&b->rows, q, e->seq);
    }
    if (r != 0)
        return r;
    if (q->blocked == 0 && b->read.next_seq <= q->spill_to)
        q->first_row_seq = b->read.next_seq;
    missing = queue_rows_spill_looked(&b->rows, q, b->read.next_seq);
    return missing > 0 ? lost_events_range(&b->lost, q->spill_to - missing + 1, q->spill_to) : 0;
}

/* Seq of the first event of a queue that has none in memory; 0: there is none. */
static int first_seq_of(struct backlog *b, struct session_queue *q, int64_t *ret)
{
    int r = 0;

    if (q->head_has_row) {
        *ret = q->head_seq;
        return 0;
    }
    if (q->blocked == 0 && q->spill_n > 0)
        r = unspill(b, q);
    if (r != 0)
        return r;
    r = queue_rows_first_blocked(&b->rows, q, ret);
    if (r == 0 && *ret > 0)
        q->first_row_seq = *ret;
    return r;
}

/* Reads the first event of a ready queue into memory. *ret_found is false when that cannot be: then the queue is not
 * ready any more, or another event of it is first. */
static int load_first(struct backlog *b, struct session_queue *q, bool *ret_found)
{
    struct queued_event *ev = NULL;
    int64_t seq = 0;
    int r = first_seq_of(b, q, &seq);

    *ret_found = false;
    if (r != 0)
        return r;
    r = seq > 0 ? read_event(b, seq, &ev) : -EAGAIN;
    if (r > 0) {
        r = give_up_removed(b, q, seq);
        session_queue_move(q, QUEUE_IDLE);
        queue_schedule_settle(&b->schedule, q);
        return r;
    }
    if (r < 0) {
        queue_schedule_wait_until(&b->schedule, q, boot_ms(b) + READ_AGAIN_MS);
        return 0;
    }
    ev->blocked = !q->head_has_row;
    session_queue_prepend(q, ev);
    *ret_found = true;
    return 0;
}

/* How many events of the queue may go in a request with room for so many. */
static int events_to_send(const struct session_queue *q, int room)
{
    if (backlog_goes_alone(q) || q->blocked > 0)
        return 1;
    return q->n_events < room ? q->n_events : room;
}

int backlog_take(struct backlog *b, struct session_queue *q, int room, struct backlog_entry *ret, int *ret_n)
{
    bool found = session_queue_first(q) != NULL;
    int r = found ? 0 : load_first(b, q, &found);
    struct list *it;

    *ret_n = 0;
    if (r != 0 || !found)
        return r;
    list_remove(&q->in_list);
    session_queue_move(q, QUEUE_SENDING);
    q->n_sent = events_to_send(q, room);
    session_queue_note_send(q, session_queue_first(q)->event.seq);
    it = q->events.next;
    for (; *ret_n < q->n_sent; it = it->next)
        ret[(*ret_n)++] = (struct backlog_entry){ q, container_of(it, struct queued_event, in_queue) };
    return 0;
}

/* ---- out ------------------------------------------------------------------------------------- */

struct delivery_tries *backlog_tries(struct session_queue *q)
{
    return &q->tries;
}

uint64_t backlog_session_hash(const struct session_queue *q)
{
    return q->hash;
}

void backlog_set_alone(struct session_queue *q)
{
    q->alone = true;
}

/* The event needs no more: its rows go, or its bit is set. */
static int finish(struct backlog *b, struct session_queue *q, struct queued_event *ev)
{
    int r = has_row(q, ev) ? queue_rows_remove(&b->rows, q, ev->event.seq, ev->blocked)
                           : done_events_ack(&b->done, b->o.commit, b->o.destination, &ev->event);

    session_queue_forget_head(q);
    forget_event(b, q, ev);
    return r;
}

int backlog_done(struct backlog *b, const struct backlog_entry *e)
{
    e->queue->alone = false;
    return finish(b, e->queue, e->event);
}

static int give_up(struct backlog *b, struct session_queue *q, struct queued_event *ev,
                   const struct delivery_error *error)
{
    int r =
        dead_letters_put(b->o.dead, &b->o.of, &ev->event, "its tries are used up", q->tries.counted, error);

    log_error("dead-letter", "an event is given up; see zapkeep forward dead list",
              KS("destination", b->o.of.name), KS("event", ev->event.id), KI("tries", q->tries.counted),
              KS("error", error->detail));
    return r == 0 ? finish(b, q, ev) : r;
}

/* The head waits as a row of table retry, all behind it as blocked ones. */
static int wait_for_retry(struct backlog *b, struct session_queue *q, struct queued_event *ev,
                          const struct delivery_next *next, const struct delivery_error *error)
{
    int64_t seq = ev->event.seq;
    bool had_row = has_row(q, ev);
    int r = queue_rows_put_retry(&b->rows, q, wall_ms(b) + next->planned_ms, error);

    if (r == 0 && ev->blocked)
        r = queue_rows_unblock(&b->rows, q, seq);
    if (r != 0)
        return r;
    if (!had_row)
        done_events_mark(&b->done, seq);
    q->n_sent = 0;
    forget_event(b, q, ev);
    r = spill_queue(b, q, 0);
    if (r == 0)
        queue_schedule_wait_until(&b->schedule, q, boot_ms(b) + next->wait_ms);
    return r;
}

int backlog_failed(struct backlog *b, const struct backlog_entry *e, const struct dest_breaker *breaker,
                   const struct delivery_failure_facts *facts, const struct delivery_error *error)
{
    struct delivery_next next = delivery_failed(&e->queue->tries, breaker, facts);

    if (next.give_up)
        return give_up(b, e->queue, e->event, error);
    return wait_for_retry(b, e->queue, e->event, &next, error);
}

void backlog_forget_letter(struct backlog *b, const struct backlog_entry *e)
{
    session_queue_forget_head(e->queue);
    forget_event(b, e->queue, e->event);
}

void backlog_release(struct backlog *b, const struct backlog_entry *entries, int n)
{
    struct session_queue *last = NULL;

    for (int i = 0; i < n; i++) {
        struct session_queue *q = entries[i].queue;

        if (q == last)
            continue;
        last = q;
        q->n_sent = 0;
        if (q->state != QUEUE_SENDING)
            continue;
        session_queue_move(q, QUEUE_IDLE);
        queue_schedule_settle(&b->schedule, q);
    }
}

int backlog_give_back(struct backlog *b, const struct dest_breaker *breaker)
{
    int r = 0;

    LIST_FOR(it, &b->schedule.waiting)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_list);

        if (r != 0 || !q->head_has_row || !delivery_give_back(&q->tries, breaker))
            continue;
        r = queue_rows_put_retry(&b->rows, q, wall_ms(b), NULL);
        queue_schedule_stop_waiting(&b->schedule, q);
    }
    return r;
}

/* ---- operators ------------------------------------------------------------------------------- */

int64_t backlog_retry_now(struct backlog *b, struct str session, int64_t seq)
{
    int64_t n = 0;

    LIST_FOR(it, &b->schedule.waiting)
    {
        struct session_queue *q = container_of(it, struct session_queue, in_list);

        if ((session.n > 0 && !str_is(q->session, session)) || (seq > 0 && q->head_seq != seq))
            continue;
        queue_schedule_stop_waiting(&b->schedule, q);
        n++;
    }
    return n;
}

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
static int find_waiting(struct backlog *b, int64_t seq, struct session_queue **ret)
{
    CLEANUP(buf_fini) struct buf bridge = BUF_INIT(1024);
    CLEANUP(buf_fini) struct buf session = BUF_INIT(1024);
    struct search s = { .seq = seq };
    bool found = false;
    int r;

    (void)queue_table_each(b->table, on_head, &s);
    *ret = s.found;
    if (s.found)
        return 0;
    r = forward_blocked_session(b->o.stores->db, b->o.destination, seq, &bridge, &session, &found);
    if (r == 0 && found)
        *ret = queue_table_find(b->table, QUEUE_LIVE, (struct str){ buf_str(&bridge), bridge.len },
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

static int skip(struct backlog *b, struct session_queue *q, int64_t seq)
{
    struct event gone = { .seq = seq, .bridge = q->bridge, .session = q->session };
    bool head = q->head_has_row && q->head_seq == seq;
    int r = event_read(b->o.stores->reader, seq, NULL, 1, &b->read);
    bool there = r == 0 && b->read.n > 0 && b->read.rows[0].seq == seq;

    event_reader_event_id(b->o.stores->reader, seq, gone.id);
    r = dead_letters_put(b->o.dead, &b->o.of, there ? &b->read.rows[0] : &gone, "skipped by an operator",
                         head ? q->tries.counted : 0, NULL);
    if (r == 0)
        r = queue_rows_remove(&b->rows, q, seq, !head);
    if (head)
        session_queue_forget_head(q);
    if (head && q->state == QUEUE_WAITING)
        queue_schedule_stop_waiting(&b->schedule, q);
    return r;
}

int backlog_skip(struct backlog *b, int64_t seq, bool *ret_found)
{
    struct session_queue *q = NULL;
    int r = backlog_spill(b, 0);

    *ret_found = false;
    if (r == 0)
        r = find_waiting(b, seq, &q);
    if (r != 0 || !q || is_in_memory(q, seq))
        return r;
    *ret_found = true;
    return skip(b, q, seq);
}

/* ---- stored and shown ------------------------------------------------------------------------ */

int backlog_save(struct backlog *b, bool all)
{
    int r = queue_rows_save_spills(&b->rows);

    return r ? r : done_events_save(&b->done, b->o.commit, b->o.stores->db, b->o.destination, all);
}

static int on_needs(void *ctx, struct session_queue *q)
{
    int64_t *seq = ctx;

    if (session_queue_has_rows(q) && q->first_row_seq - 1 < *seq)
        *seq = q->first_row_seq - 1;
    return 0;
}

int64_t backlog_needs(struct backlog *b)
{
    int64_t seq = done_events_saved(&b->done);

    (void)queue_table_each(b->table, on_needs, &seq);
    return seq;
}

static int on_age(void *ctx, struct session_queue *q)
{
    int64_t *oldest = ctx;
    const struct queued_event *ev = session_queue_first(q);

    if (ev && q->kind == QUEUE_LIVE && !has_row(q, ev) && (*oldest == 0 || ev->event.at < *oldest))
        *oldest = ev->event.at;
    return 0;
}

void backlog_count(struct backlog *b, struct backlog_counts *ret)
{
    *ret = (struct backlog_counts){ .events = b->n_events,
                                    .bytes = b->bytes,
                                    .retry = b->rows.n_retry,
                                    .blocked = b->rows.n_blocked + b->rows.n_spilled };
    (void)queue_table_each(b->table, on_age, &ret->oldest_at);
}

bool backlog_is_full(const struct backlog *b, int part)
{
    return b->n_events >= BACKLOG_EVENTS_MAX / part || b->bytes >= (size_t)BACKLOG_BYTES_MAX / (size_t)part;
}

int64_t backlog_rows(const struct backlog *b)
{
    return b->rows.n_blocked + b->rows.n_spilled;
}

int64_t backlog_events(const struct backlog *b)
{
    return b->n_events;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Taken after the last commit, if it is of the event that the log has. */
static void on_ack(void *ctx, const struct ack *e)
{
    struct backlog *b = ctx;

    if (done_events_has(&b->done, e->seq) || !done_events_fits(&b->done, e->seq))
        return;
    if (event_read(b->o.stores->reader, e->seq, NULL, 1, &b->read) != 0 || b->read.n == 0 ||
        !acks_match(b->o.stores->acks, e, b->read.rows[0].seq, b->read.rows[0].at))
        return;
    done_events_mark(&b->done, e->seq);
}

static int load(struct backlog *b)
{
    struct queue_load l = { .rows = &b->rows,
                            .table = b->table,
                            .schedule = &b->schedule,
                            .delivery = b->o.schedule,
                            .boot_ms = boot_ms(b),
                            .wall_ms = wall_ms(b) };

    done_events_load(&b->done, b->o.floor, b->o.done);
    acks_each(b->o.stores->acks, b->o.destination, on_ack, b);
    b->position = done_events_floor(&b->done);
    return queue_load_all(&l);
}

int backlog_open(const struct backlog_options *o, struct backlog **ret)
{
    struct backlog *b = mem_zalloc(sizeof *b);
    int r;

    if (!b)
        return -ENOMEM;
    b->o = *o;
    b->lost = (struct lost_events){ o->stores, o->dead, &b->o.of };
    b->rows = (struct queue_rows){ .db = o->stores->db, .commit = o->commit, .destination = o->destination };
    list_init(&b->rows.dirty);
    r = queue_table_open(&b->table);
    queue_schedule_init(&b->schedule, b->table);
    if (r == 0)
        r = load(b);
    if (r != 0) {
        backlog_close(b);
        return r;
    }
    *ret = b;
    return 0;
}

void backlog_close(struct backlog *b)
{
    if (!b)
        return;
    queue_table_close(b->table);
    event_rows_fini(&b->read);
    mem_free(b);
}

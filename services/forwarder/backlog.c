/*
 * A queue's events are in this order: those in memory (some of which have rows), then blocked rows. So an
 * event that is read for a queue with rows goes behind them, and the first of a queue without one in memory
 * is that of its retry row, or else its first blocked one.
 */
#include "services/forwarder/backlog.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/queue_head.h"
#include "services/forwarder/queue_load.h"
#include "services/forwarder/queue_skip.h"

struct backlog {
    struct backlog_options o;
    struct queue_rows rows;
    struct queue_table *table;
    struct queue_schedule schedule;
    int64_t position; /* newest seq that was read */

    struct done_events done;
    struct queue_memory memory;
    struct lost_events lost;
    struct queue_head head;
    struct queue_skip skip;
    struct event_rows read; /* memory for on_ack() */
};

static int64_t boot_ms(const struct backlog *b)
{
    return app_boot_ms(b->o.app);
}

static int64_t wall_ms(const struct backlog *b)
{
    return app_wall_ms(b->o.app);
}

/* ---- in -------------------------------------------------------------------------------------- */

static int append(struct backlog *b, struct session_queue *q, const struct event *e, int64_t letter_id)
{
    struct queued_event *ev = q ? queue_memory_keep(&b->memory, e) : NULL;

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
        return queue_memory_block(&b->memory, q, e->seq, true);
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

int backlog_spill(struct backlog *b, int keep)
{
    int r = group_commit_begin(b->o.commit);

    return r == 0 ? queue_memory_spill(&b->memory, keep) : r;
}

/* ---- events that the log has lost ------------------------------------------------------------ */

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
    int r = found ? 0 : queue_head_load(&b->head, q, b->position, &found);
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
    int r = queue_memory_has_row(q, ev)
                ? queue_rows_remove(&b->rows, q, ev->event.seq, ev->blocked)
                : done_events_ack(&b->done, b->o.commit, b->o.destination, &ev->event);

    session_queue_forget_head(q);
    queue_memory_forget(&b->memory, q, ev);
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
    bool had_row = queue_memory_has_row(q, ev);
    int r = queue_rows_put_retry(&b->rows, q, wall_ms(b) + next->planned_ms, error);

    if (r == 0 && ev->blocked)
        r = queue_rows_unblock(&b->rows, q, seq);
    if (r != 0)
        return r;
    if (!had_row)
        done_events_mark(&b->done, seq);
    q->n_sent = 0;
    queue_memory_forget(&b->memory, q, ev);
    r = queue_memory_spill_queue(&b->memory, q, 0);
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
    queue_memory_forget(&b->memory, e->queue, e->event);
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
    return queue_schedule_retry_now(&b->schedule, session, seq);
}

int backlog_skip(struct backlog *b, int64_t seq, bool *ret_found)
{
    int r = backlog_spill(b, 0);

    *ret_found = false;
    return r == 0 ? queue_skip_event(&b->skip, seq, ret_found) : r;
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

    if (ev && q->kind == QUEUE_LIVE && !queue_memory_has_row(q, ev) &&
        (*oldest == 0 || ev->event.at < *oldest))
        *oldest = ev->event.at;
    return 0;
}

void backlog_count(struct backlog *b, struct backlog_counts *ret)
{
    *ret = (struct backlog_counts){ .events = b->memory.n_events,
                                    .bytes = b->memory.bytes,
                                    .retry = b->rows.n_retry,
                                    .blocked = b->rows.n_blocked + b->rows.n_spilled };
    (void)queue_table_each(b->table, on_age, &ret->oldest_at);
}

bool backlog_is_full(const struct backlog *b, int part)
{
    return queue_memory_is_full(&b->memory, part);
}

int64_t backlog_rows(const struct backlog *b)
{
    return b->rows.n_blocked + b->rows.n_spilled;
}

int64_t backlog_events(const struct backlog *b)
{
    return b->memory.n_events;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Taken after the last commit, if it is of the event that the log has. */
static void on_ack(void *ctx, const struct ack *e)
{
    struct backlog *b = ctx;

    if (done_events_has(&b->done, e->seq) || !done_events_fits(&b->done, e->seq))
        return;
    if (stores_read(b->o.stores, e->seq, NULL, 1, &b->read) != 0 || b->read.n == 0 ||
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

/* Each part knows those that it works on. */
static void join(struct backlog *b)
{
    struct clock *clock = app_clock(b->o.app);

    b->memory =
        (struct queue_memory){ .clock = clock, .rows = &b->rows, .table = b->table, .done = &b->done };
    b->lost = (struct lost_events){ b->o.stores, b->o.dead, &b->o.of };
    b->head = (struct queue_head){ .clock = clock,
                                   .stores = b->o.stores,
                                   .filter = b->o.filter,
                                   .rows = &b->rows,
                                   .memory = &b->memory,
                                   .schedule = &b->schedule,
                                   .lost = &b->lost };
    b->skip = (struct queue_skip){ .stores = b->o.stores,
                                   .table = b->table,
                                   .schedule = &b->schedule,
                                   .rows = &b->rows,
                                   .dead = b->o.dead,
                                   .of = &b->o.of,
                                   .destination = b->o.destination };
}

int backlog_open(const struct backlog_options *o, struct backlog **ret)
{
    struct backlog *b = mem_zalloc(sizeof *b);
    int r;

    if (!b)
        return -ENOMEM;
    b->o = *o;
    b->rows = (struct queue_rows){ .db = o->stores->db, .commit = o->commit, .destination = o->destination };
    list_init(&b->rows.dirty);
    r = queue_table_open(&b->table);
    queue_schedule_init(&b->schedule, b->table);
    join(b);
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
    queue_head_fini(&b->head);
    queue_skip_fini(&b->skip);
    mem_free(b);
}

/*
 * Events that wait or are given up, as rows of forward.db.
 *
 * A lane's events are in this order: those in memory (some of which have rows), then held rows. So what is
 * read for a lane with held rows goes behind them, and the first of a lane without one in memory is that of
 * its retry row, or else its first held one. After a crash an event that had no row is read again: no event
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

static int64_t needed_seq(const struct lane *l)
{
    return l->head.row || l->held > 0 ? l->first_row : 0;
}

static void row_at(struct lane *l, int64_t seq)
{
    if (needed_seq(l) == 0 || seq < l->first_row)
        l->first_row = seq;
}

void item_forget(struct destination *d, struct lane *l, struct item *it)
{
    d->n_items--;
    d->bytes -= it->bytes;
    lane_drop(l, it);
}

/* What comes next has its own tries. */
static void forget_head(struct lane *l)
{
    l->head.seq = 0;
    l->head.tries = l->head.sends = 0;
    l->head.failed_in = 0;
    l->fault_tries = 0;
    l->due_at = 0;
}

static void mark_done(struct destination *d, int64_t seq)
{
    window_set(&d->window, seq);
    d->window_dirty = true;
}

/* ---- at the start ---------------------------------------------------------------------------- */

static int on_retry(void *ctx, const struct forward_retry *row)
{
    struct destination *d = ctx;
    const struct delivery_schedule *s = &d->f->schedule;
    struct lane *l = lanes_get(&d->lanes, row->bridge, row->session);
    int64_t wait = row->next_at - forwarder_wall_ms(d->f);
    int64_t longest = WAIT_FACTOR * (row->tries < s->n ? s->wait_ms[row->tries] : s->wait_ms[s->n - 1]);

    if (!l)
        return -ENOMEM;
    if (wait > longest)
        wait = longest;
    row_at(l, row->seq);
    l->head.seq = row->seq;
    l->head.tries = (int)row->tries;
    l->head.sends = (int)row->sends;
    l->head.row = true;
    l->state = LANE_WAITING;
    l->next_at = l->due_at = forwarder_boot_ms(d->f) + (wait > 0 ? wait : 0);
    lane_settle(d, l);
    d->n_retry++;
    return 0;
}

static int on_held(void *ctx, struct str bridge, struct str session, int64_t n, int64_t first_seq)
{
    struct destination *d = ctx;
    struct lane *l = lanes_get(&d->lanes, bridge, session);

    if (!l)
        return -ENOMEM;
    row_at(l, first_seq);
    l->held = n;
    d->n_held += n;
    lane_settle(d, l);
    return 0;
}

int shelve_load(struct destination *d)
{
    int r = forward_retry_each(d->f->db, d->row.id, on_retry, d);

    return r == 0 ? forward_held_each(d->f->db, d->row.id, on_held, d) : r;
}

/* ---- in -------------------------------------------------------------------------------------- */

static void hold(struct destination *d, struct lane *l, int64_t seq)
{
    forwarder_write(d->f);
    forwarder_note(d->f, forward_held_put(d->f->db, d->row.id, l->bridge, l->session, seq));
    row_at(l, seq);
    l->held++;
    d->n_held++;
    mark_done(d, seq);
}

int shelve_or_queue(struct destination *d, const struct event *e)
{
    struct lane *l = lanes_get(&d->lanes, e->bridge, e->session);
    struct item *it;

    if (!l)
        return -ENOMEM;
    if (l->held > 0 || l->head.row) {
        hold(d, l, e->seq);
        return 0;
    }
    it = item_new(e);
    if (!it)
        return -ENOMEM;
    lane_push(l, it);
    d->n_items++;
    d->bytes += it->bytes;
    if (l->state == LANE_EMPTY)
        lane_settle(d, l);
    return 0;
}

/* ---- out of memory, into rows ---------------------------------------------------------------- */

static void put_retry(struct destination *d, struct lane *l, int64_t next_wall, const struct verdict_words *w)
{
    const struct forward_retry row = { .seq = l->head.seq,
                                       .bridge = l->bridge,
                                       .session = l->session,
                                       .tries = l->head.tries,
                                       .sends = l->head.sends,
                                       .next_at = next_wall,
                                       .status = w ? w->status : 0,
                                       .detail = w ? str_from(w->words) : STR_LIT("") };

    forwarder_write(d->f);
    forwarder_note(d->f, forward_retry_put(d->f->db, d->row.id, &row));
    if (!l->head.row) {
        row_at(l, l->head.seq);
        d->n_retry++;
    }
    l->head.row = true;
}

/* Gives up the row that an event has. */
static void remove_row(struct destination *d, struct lane *l, int64_t seq, bool held)
{
    if (l->head.row && l->head.seq == seq) {
        forwarder_note(d->f, forward_retry_remove(d->f->db, d->row.id, seq));
        l->head.row = false;
        d->n_retry--;
    }
    if (held) {
        forwarder_note(d->f, forward_held_remove(d->f->db, d->row.id, l->bridge, l->session, seq));
        l->held--;
        d->n_held--;
    }
}

/* All but the first @keep; what is under way stays, and gets rows when @keep is 0. */
static void shelve_lane(struct destination *d, struct lane *l, int keep)
{
    int i = 0;

    if (str_eq(l->bridge, AGAIN_BRIDGE))
        return;
    LIST_FOR(at, &l->items)
    {
        struct item *it = container_of(at, struct item, in_lane);
        bool sent = i < l->n_sent;

        if (i++ < keep)
            continue;
        if (!it->held && !(l->head.row && l->head.seq == it->event.seq)) {
            if (sent && i == 1) {
                put_retry(d, l, forwarder_wall_ms(d->f), NULL);
                mark_done(d, it->event.seq);
            } else {
                hold(d, l, it->event.seq);
                it->held = true;
            }
        }
        if (!sent)
            item_forget(d, l, it);
    }
}

struct shelving {
    struct destination *d;
    int keep;
};

static void on_lane(void *ctx, struct lane *l)
{
    const struct shelving *s = ctx;

    shelve_lane(s->d, l, s->keep);
}

void shelve_memory(struct destination *d, int keep)
{
    struct shelving s = { d, keep };

    forwarder_write(d->f);
    lanes_each(&d->lanes, on_lane, &s);
}

/* ---- the first of a lane --------------------------------------------------------------------- */

static void ring_dead(struct destination *d, const struct forward_dead *dead)
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

static void bury(struct destination *d, const struct lane *l, const struct event *e, const char *reason,
                 const struct verdict_words *w)
{
    struct forward_dead dead = { .tries = l ? l->head.tries : 0,
                                 .status = w ? w->status : 0,
                                 .dead_at = forwarder_wall_ms(d->f),
                                 .detail = w ? str_from(w->words) : STR_LIT(""),
                                 .answer = w ? w->answer : STR_NULL,
                                 .event = *e };

    str_copy(str_from(d->config->name), dead.destination, sizeof dead.destination);
    str_copy(str_from(reason), dead.reason, sizeof dead.reason);
    forwarder_write(d->f);
    forwarder_note(d->f, forward_dead_put(d->f->db, &dead));
    d->f->dead++;
    metric_add(&forward_dead_total, d->index, 1);
    ring_dead(d, &dead);
}

#define REMOVED "removed from the log by its hard limit before delivery"

static void bury_removed(struct destination *d, struct lane *l, int64_t seq)
{
    struct event e = { .seq = seq, .bridge = l->bridge, .session = l->session };
    bool held = !(l->head.row && l->head.seq == seq);

    event_reader_event_id(d->f->reader, seq, e.id);
    bury(d, held ? NULL : l, &e, REMOVED, NULL);
    remove_row(d, l, seq, held);
    forget_head(l);
    log_error("event-lost", "an event was " REMOVED, KS("destination", d->config->name), KI("seq", seq),
              KR("session", l->session));
}

static void look_again(struct destination *d, struct lane *l)
{
    l->state = LANE_WAITING;
    l->next_at = forwarder_boot_ms(d->f) + LOOK_AGAIN_MS;
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

struct item *shelve_first(struct destination *d, struct lane *l)
{
    struct item *it = lane_first(l);
    bool of_retry = l->head.row;
    int64_t seq = l->head.seq;
    int r;

    if (it)
        return it;
    l->state = LANE_EMPTY;
    if (!of_retry) {
        r = forward_held_first(d->f->db, d->row.id, l->bridge, l->session, &seq);
        forwarder_note(d->f, r);
        if (r != 0 || seq == 0)
            return NULL;
        l->first_row = seq;
    }
    r = seq <= consumer_position(d->consumer) ? read_event(d, seq, &it) : -EAGAIN;
    if (r < 0) {
        look_again(d, l);
        return NULL;
    }
    if (r > 0) {
        bury_removed(d, l, seq);
        return NULL;
    }
    it->held = !of_retry;
    lane_push_front(l, it);
    d->n_items++;
    d->bytes += it->bytes;
    return it;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* The event needs no more: its rows go, or its bit is set. */
static void finish(struct destination *d, struct lane *l, struct item *it)
{
    int64_t seq = it->event.seq;

    if (it->held || (l->head.row && l->head.seq == seq)) {
        forwarder_write(d->f);
        remove_row(d, l, seq, it->held);
    } else {
        mark_done(d, seq);
        if (window_reaches(d->row.floor, seq))
            forwarder_taken(d->f, d->row.id, &it->event);
        else
            forwarder_write(d->f);
    }
    forget_head(l);
    item_forget(d, l, it);
}

void shelve_done(struct destination *d, struct lane *l, struct item *it)
{
    l->alone = false;
    if (it->dead_id)
        again_done(d, l, it);
    else
        finish(d, l, it);
}

static void give_up(struct destination *d, struct lane *l, struct item *it, const struct verdict_words *w)
{
    bury(d, l, &it->event, "its tries are used up", w);
    log_error("dead-letter", "an event is given up; see zapkeep forward dead list",
              KS("destination", d->config->name), KS("event", it->event.id), KI("tries", l->head.tries),
              KS("last", w->words));
    finish(d, l, it);
}

/* Its next counted try is in @planned_ms, which stands in its row. */
static void wait_for(struct destination *d, struct lane *l, struct item *it, int64_t wait_ms,
                     int64_t planned_ms, const struct verdict_words *w)
{
    int64_t seq = it->event.seq;
    bool had_row = it->held || l->head.row;

    put_retry(d, l, forwarder_wall_ms(d->f) + planned_ms, w);
    if (it->held)
        forwarder_note(d->f, forward_held_remove(d->f->db, d->row.id, l->bridge, l->session, seq));
    l->held -= it->held;
    d->n_held -= it->held;
    if (!had_row)
        mark_done(d, seq);
    l->n_sent = 0;
    item_forget(d, l, it);
    shelve_lane(d, l, 0);
    l->state = LANE_WAITING;
    l->next_at = forwarder_boot_ms(d->f) + wait_ms;
    l->due_at = forwarder_boot_ms(d->f) + planned_ms;
}

/* -1: give it up. */
static int64_t next_wait(struct destination *d, const struct lane *l, int64_t retry_after_ms)
{
    const struct delivery_schedule *s = &d->f->schedule;
    int64_t wait = delivery_wait_ms(s, l->head.tries, retry_after_ms, forwarder_jitter_permille(d->f));

    if (wait >= 0 || !(dest_breaker_suspects(&d->breaker) || d->f->dead >= FORWARD_DEAD_MAX))
        return wait;
    wait = delivery_wait_ms(s, s->n - 1, retry_after_ms, forwarder_jitter_permille(d->f));
    return wait > 0 ? wait : 1000;
}

/* Counts a try that came at its time. Returns how long until the next that counts, -1: give it up. */
static int64_t count_try(struct destination *d, struct lane *l, int64_t retry_after_ms)
{
    int64_t early_ms = l->due_at - forwarder_boot_ms(d->f);

    if (early_ms > 0)
        return early_ms;
    if (l->fault_streak != d->breaker.streak_id)
        l->fault_tries = 0;
    l->fault_streak = d->breaker.streak_id;
    l->fault_tries++;
    l->head.tries++;
    return next_wait(d, l, retry_after_ms);
}

void shelve_failed(struct destination *d, struct lane *l, struct item *it, const struct verdict_words *w,
                   int64_t retry_after_ms, bool fault)
{
    int64_t planned, wait;

    if (it->dead_id) {
        again_failed(d, l, it, w);
        return;
    }
    planned = count_try(d, l, retry_after_ms);
    if (planned < 0) {
        give_up(d, l, it, w);
        return;
    }
    wait = fault && retry_after_ms < 0 && dest_breaker_doubts(&d->breaker) && planned > DEST_BREAKER_DOUBT_MS
               ? DEST_BREAKER_DOUBT_MS
               : planned;
    wait_for(d, l, it, wait, planned, w);
}

void shelve_give_back(struct destination *d)
{
    LIST_FOR(at, &d->waiting)
    {
        struct lane *l = container_of(at, struct lane, in_queue);

        if (l->fault_streak != d->breaker.streak_id || l->fault_tries == 0 || !l->head.row)
            continue;
        l->head.tries -= l->fault_tries;
        l->fault_tries = 0;
        l->due_at = 0;
        put_retry(d, l, forwarder_wall_ms(d->f), NULL);
        l->state = LANE_EMPTY;
        lane_settle(d, l);
    }
}

void shelve_bury_gap(struct destination *d, int64_t from, int64_t to)
{
    struct event e = { .seq = from };
    char reason[FORWARD_DETAIL_MAX];

    event_reader_event_id(d->f->reader, from, e.id);
    (void)snprintf(reason, sizeof reason, "%" PRId64 " events, seq %" PRId64 " to %" PRId64 ", " REMOVED,
                   to - from + 1, from, to);
    bury(d, NULL, &e, reason, NULL);
    log_error("events-lost", "events were " REMOVED, KS("destination", d->config->name), KI("from", from),
              KI("to", to));
}

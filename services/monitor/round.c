#include "services/monitor/round.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

#define CHANGES_MIN 16

void round_begin(struct round *r, struct book *book, int64_t start_ms, int64_t now, int64_t now_wall)
{
    r->book = book;
    r->start_ms = start_ms;
    r->now = now;
    r->now_wall = now_wall;
    r->n = 0;
    r->drops = 0;
    r->outdated = 0;
    r->guess = 0;
}

void round_done(struct round *r)
{
    r->n = 0;
    r->drops = 0;
    r->outdated = 0;
    if (r->cap <= CHANGES_MIN * CHANGES_MIN)
        return;
    mem_free(r->changes); /* it was a storm: its memory is not kept for the next one */
    r->changes = NULL;
    r->cap = 0;
}

void round_fini(struct round *r)
{
    mem_free(r->changes);
    r->changes = NULL;
    r->n = r->cap = 0;
}

static int add_change(struct round *r, const struct change *c)
{
    int cap = r->cap ? r->cap * 2 : CHANGES_MIN;
    struct change *changes;

    if (r->n == r->cap) {
        changes = mem_realloc(r->changes, (size_t)cap * sizeof *changes);
        if (!changes)
            return -ENOMEM;
        r->changes = changes;
        r->cap = cap;
    }
    r->changes[r->n++] = *c;
    r->drops += c->drop;
    return 0;
}

void round_undo(struct round *r)
{
    while (r->n > 0) {
        struct change *c = &r->changes[--r->n];

        if (c->fresh)
            book_remove(r->book, c->s);
        else
            book_restore(c->s, &c->before);
    }
    round_done(r);
}

/* A new state begins: it is not deaf in it. */
static void hold(struct held_session *s, const struct judge_verdict *v, int64_t now, int64_t at_wall)
{
    if (s->held.state != v->state) {
        s->since_wall = at_wall;
        s->stable_since = v->state == SESSION_CONNECTED ? now : 0;
        s->silent_since = 0;
    }
    s->held.state = v->state;
    s->held.cause = v->cause;
    s->held.starting_ms = v->starting_ms;
}

static void take_result(struct change *c)
{
    c->to = c->s->held.state;
    c->cause = c->s->held.cause;
    c->stable_since = c->s->stable_since;
}

/* WhatsApp refuses it once more: nothing is new, but an attempt that is under way is over, and where it is
 * the bridge's version that is refused no other session needs to try. */
static bool is_refused_again(const struct judge_said *said, const struct judge_verdict *v)
{
    return said->source == JUDGE_WEBHOOK && said->state == SESSION_DISCONNECTED && v->taken && !v->changed &&
           v->cause && v->cause->plan == PLAN_NEVER;
}

/* Compares; @c has s, before, fresh, source and at_wall. A change that says nothing new is not kept. */
static int judge_change(struct round *r, struct change *c, const struct judge_said *said)
{
    struct held_session *s = c->s;
    struct judge_verdict v;
    int rc;

    judge(&s->held, said, r->start_ms, r->now, &v);
    c->moved = v.taken && v.changed;
    c->row = c->moved || (c->has_shape && v.taken);
    c->follow = is_refused_again(said, &v);
    c->drop = v.drop;
    if (v.taken)
        hold(s, &v, r->now, c->at_wall);
    if (!c->row && !c->follow)
        return 0;
    take_result(c);
    rc = add_change(r, c);
    if (rc != 0)
        book_restore(s, &c->before);
    return rc;
}

static int find_or_add(struct round *r, const char *id, struct change *c)
{
    int rc;

    c->s = book_find(r->book, id);
    if (c->s)
        return 0;
    rc = book_add(r->book, id, r->now, &c->s);
    c->fresh = rc == 0;
    return rc;
}

/* (A fresh session is in no state, so any word is a change.) */
static int finish(struct round *r, struct change *c, const struct judge_said *said)
{
    int rc = judge_change(r, c, said);

    if (rc != 0 && c->fresh)
        book_remove(r->book, c->s);
    return rc;
}

static void take_shape(struct change *c, const struct bridge_session *seen)
{
    uint64_t shape = shape_of(seen->raw_status, seen->phone, seen->name);

    c->has_shape = shape != c->s->shape;
    c->s->shape = shape;
    if (!c->has_shape)
        return;
    (void)snprintf(c->raw_status, sizeof c->raw_status, "%s", seen->raw_status);
    (void)snprintf(c->phone, sizeof c->phone, "%s", seen->phone);
    (void)snprintf(c->name, sizeof c->name, "%s", seen->name);
}

/* What nearly all sessions of nearly all sweeps are: a hash lookup and a comparison. */
static bool is_unchanged(struct held_session *s, const struct bridge_session *seen)
{
    return s && s->held.state == SESSION_CONNECTED && seen->state == SESSION_CONNECTED &&
           s->shape == shape_of(seen->raw_status, seen->phone, seen->name);
}

static void mark_polled(struct held_session *s, int64_t asked, int64_t sweep)
{
    s->sweep = sweep;
    s->held.polled_once = true;
    if (asked > s->held.polled_ms)
        s->held.polled_ms = asked;
}

static int compare(struct round *r, const struct bridge_session *seen, int64_t asked, int64_t sweep,
                   bool attempting)
{
    struct change c = { .source = JUDGE_POLL, .at_wall = r->now_wall };
    const struct judge_said said = {
        .source = JUDGE_POLL, .state = seen->state, .at_ms = asked, .final = !seen->reconnectable
    };
    int rc = find_or_add(r, seen->id, &c);

    if (rc != 0)
        return rc;
    c.before = *c.s;
    c.s->held.attempting = attempting;
    c.s->held.paired = c.s->held.paired || seen->phone[0];
    take_shape(&c, seen);
    rc = finish(r, &c, &said);
    if (rc == 0)
        mark_polled(c.s, asked, sweep);
    return rc;
}

/* Bridges list sessions in the same order again and again: mostly it is the one after the last. */
static struct held_session *find_in_order(struct round *r, const char *id)
{
    struct held_session *s = r->guess < book_count(r->book) ? book_at(r->book, r->guess) : NULL;

    if (!s || strcmp(s->id, id) != 0)
        s = book_find(r->book, id);
    if (s)
        r->guess = s->place + 1;
    return s;
}

bool round_same(struct round *r, const struct bridge_session *seen, int64_t asked, int64_t sweep)
{
    struct held_session *s = find_in_order(r, seen->id);

    if (!is_unchanged(s, seen))
        return false;
    mark_polled(s, asked, sweep);
    return true;
}

int round_see(struct round *r, const struct bridge_session *seen, int64_t asked, int64_t sweep,
              bool attempting)
{
    return round_same(r, seen, asked, sweep) ? 0 : compare(r, seen, asked, sweep, attempting);
}

int round_missing(struct round *r, struct held_session *s, int64_t asked, bool attempting)
{
    struct change c = { .s = s, .before = *s, .source = JUDGE_POLL, .at_wall = r->now_wall };
    const struct judge_said said = { .source = JUDGE_POLL, .missing = true, .at_ms = asked };
    int rc;

    s->held.attempting = attempting;
    rc = finish(r, &c, &said);
    if (rc == 0)
        s->held.polled_ms = asked;
    return rc;
}

/* When it was received, in steady time: the wall clock may have been set since, so never in the future. */
static int64_t received_ms(const struct round *r, int64_t at_wall)
{
    int64_t age_ms = r->now_wall - at_wall;

    return age_ms > 0 ? r->now - age_ms : r->now;
}

bool heard_of_the_deleted(const struct heard *h, int64_t deleted_at, bool known)
{
    bool said_before = h->occurred_at > 0 && h->occurred_at <= deleted_at;

    return !known || said_before || h->at <= deleted_at;
}

int round_hear(struct round *r, const struct heard *h, bool attempting)
{
    struct change c = {
        .source = JUDGE_WEBHOOK, .code = h->code, .at_wall = h->at, .occurred_at = h->occurred_at
    };
    const struct judge_said said = { .source = JUDGE_WEBHOOK,
                                     .state = h->state,
                                     .cause = h->code ? cause_find(h->code) : NULL,
                                     .at_ms = received_ms(r, h->at),
                                     .occurred_ms = h->occurred_at,
                                     .final = h->final };
    int rc = find_or_add(r, h->id, &c);

    if (rc != 0)
        return rc;
    c.before = *c.s;
    c.s->held.attempting = attempting;
    rc = finish(r, &c, &said);
    if (rc != 0)
        return rc;
    if (said.at_ms > c.s->held.heard_ms)
        c.s->held.heard_ms = said.at_ms;
    if (h->occurred_at > c.s->held.heard_occurred_ms)
        c.s->held.heard_occurred_ms = h->occurred_at;
    return 0;
}

int round_touch(struct round *r, struct held_session *s, bool row)
{
    struct change c = { .s = s, .before = *s, .row = row, .at_wall = r->now_wall };

    take_result(&c);
    return add_change(r, &c);
}

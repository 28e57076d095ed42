#include "services/monitor/changeset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

#define CHANGES_MIN 16

void changeset_begin(struct changeset *r, struct session_table *table, const struct rules *rules, int64_t now,
                     int64_t now_wall)
{
    r->table = table;
    r->rules = rules;
    r->now = now;
    r->now_wall = now_wall;
    r->n = 0;
    r->drops = 0;
    r->outdated = 0;
    r->guess = 0;
}

void changeset_done(struct changeset *r)
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

void changeset_fini(struct changeset *r)
{
    mem_free(r->changes);
    r->changes = NULL;
    r->n = r->cap = 0;
}

static int add_change(struct changeset *r, const struct change *c)
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

void changeset_undo(struct changeset *r)
{
    while (r->n > 0) {
        struct change *c = &r->changes[--r->n];

        if (c->fresh)
            session_table_remove(r->table, c->s);
        else
            session_table_restore(c->s, &c->before);
    }
    changeset_done(r);
}

/* A new state begins: it is not silent in it. */
static void hold(struct tracked_session *s, const struct session_verdict *v, int64_t now, int64_t at_wall)
{
    if (s->known.state != v->state) {
        s->since_wall = at_wall;
        s->stable_since = v->state == SESSION_CONNECTED ? now : 0;
        s->state_ms = now;
        if (v->state == SESSION_CONNECTED)
            s->down_ms = 0;
        else if (s->down_ms == 0)
            s->down_ms = now;
        s->silent_since = 0;
        s->known.lost_ms = v->state == SESSION_LOST ? now : 0;
        if (v->state != SESSION_FAILED)
            s->ban_until = 0;
    }
    s->known.state = v->state;
    s->known.cause = v->cause;
    s->known.starting_ms = v->starting_ms;
}

static void take_result(struct change *c)
{
    c->to = c->s->known.state;
    c->cause = c->s->known.cause;
    c->stable_since = c->s->stable_since;
}

/* WhatsApp refuses it once more: nothing is new, but an attempt that is under way is over, and where it is
 * the bridge's version that is refused no other session needs to try. */
static bool is_refused_again(const struct session_report *report, const struct session_verdict *v)
{
    return report->source == REPORT_WEBHOOK && report->state == SESSION_DISCONNECTED && v->taken &&
           !v->changed && v->cause && v->cause->plan == PLAN_NEVER;
}

/* Compares; @c has s, before, fresh, source and at_wall. A change that says nothing new is not kept. */
static int decide_change(struct changeset *r, struct change *c, const struct session_report *report)
{
    struct tracked_session *s = c->s;
    struct session_verdict v;
    int rc;

    session_state_next(&s->known, report, r->rules, r->now, &v);
    s->known.doubt_ms = v.doubt_ms;
    s->known.doubt_missing = v.doubt_missing;
    r->doubts += v.doubt_ms > 0;
    c->moved = v.taken && v.changed;
    c->row = c->moved || (c->has_shape && v.taken) || (v.taken && s->ban_until != c->before.ban_until) ||
             (!c->fresh && s->webhook_at != c->before.webhook_at);
    c->follow = is_refused_again(report, &v);
    c->drop = v.drop;
    if (v.taken)
        hold(s, &v, r->now, c->at_wall);
    if (!c->row && !c->follow) {
        s->shape = c->before.shape; /* the store does not have it: the next poll that says so is news again */
        return 0;
    }
    take_result(c);
    rc = add_change(r, c);
    if (rc != 0)
        session_table_restore(s, &c->before);
    return rc;
}

static int find_or_add(struct changeset *r, const char *id, struct change *c)
{
    int rc;

    c->s = session_table_find(r->table, id);
    if (c->s)
        return 0;
    rc = session_table_add(r->table, id, r->now, &c->s);
    c->fresh = rc == 0;
    return rc;
}

/* A fresh session of which the report says nothing is not kept, c->s is NULL then: it would have no row, as if somebody
 * had deleted it. */
static int finish(struct changeset *r, struct change *c, const struct session_report *report)
{
    int rc = decide_change(r, c, report);
    bool kept = rc == 0 && (c->row || c->follow);

    if (c->fresh && !kept) {
        session_table_remove(r->table, c->s);
        c->s = NULL;
    }
    return rc;
}

static const char *phone_of(const struct tracked_session *s, const struct bridge_session *seen)
{
    return seen->phone[0] ? seen->phone : s->listed_phone;
}

static void take_shape(struct change *c, const struct bridge_session *seen)
{
    const char *phone = phone_of(c->s, seen);
    uint64_t shape = shape_of(seen->raw_status, phone, seen->name);

    c->has_shape = shape != c->s->shape;
    c->s->shape = shape;
    if (!c->has_shape)
        return;
    session_table_note_phone(c->s, phone);
    (void)snprintf(c->raw_status, sizeof c->raw_status, "%s", seen->raw_status);
    (void)snprintf(c->phone, sizeof c->phone, "%s", phone);
    (void)snprintf(c->name, sizeof c->name, "%s", seen->name);
}

/* The case of nearly all sessions in nearly all sweeps: a hash lookup and a comparison. */
static bool is_unchanged(struct tracked_session *s, const struct bridge_session *seen)
{
    return s && s->known.state == SESSION_CONNECTED && seen->state == SESSION_CONNECTED &&
           s->shape == shape_of(seen->raw_status, phone_of(s, seen), seen->name);
}

static void mark_polled(struct tracked_session *s, int64_t asked, int64_t sweep)
{
    s->sweep = sweep;
    if (!s->known.polled_once)
        s->first_sweep = sweep;
    s->known.polled_once = true;
    if (asked > s->known.polled_ms)
        s->known.polled_ms = asked;
}

static int compare(struct changeset *r, const struct bridge_session *seen, int64_t asked, int64_t sweep,
                   bool attempting)
{
    struct change c = { .source = REPORT_POLL, .at_wall = r->now_wall };
    const struct session_report report = { .source = REPORT_POLL,
                                           .state = seen->state,
                                           .at_ms = asked,
                                           .final = !seen->reconnectable,
                                           .cause = seen->code > 0 ? cause_find(seen->code) : NULL };
    int rc = find_or_add(r, seen->id, &c);

    if (rc != 0)
        return rc;
    c.before = *c.s;
    c.s->known.attempting = attempting;
    c.s->known.paired = c.s->known.paired || seen->phone[0];
    take_shape(&c, seen);
    rc = finish(r, &c, &report);
    if (rc == 0 && c.s)
        mark_polled(c.s, asked, sweep);
    return rc;
}

/* Bridges list sessions in the same order again and again: mostly it is the one after the last. */
static struct tracked_session *find_in_order(struct changeset *r, const char *id)
{
    struct tracked_session *s =
        r->guess < session_table_count(r->table) ? session_table_at(r->table, r->guess) : NULL;

    if (!s || strcmp(s->id, id) != 0)
        s = session_table_find(r->table, id);
    if (s)
        r->guess = s->index + 1;
    return s;
}

bool changeset_unchanged(struct changeset *r, const struct bridge_session *seen, int64_t asked, int64_t sweep)
{
    struct tracked_session *s = find_in_order(r, seen->id);

    if (!is_unchanged(s, seen))
        return false;
    mark_polled(s, asked, sweep);
    s->known.doubt_ms = 0;
    return true;
}

int changeset_poll(struct changeset *r, const struct bridge_session *seen, int64_t asked, int64_t sweep,
                   bool attempting)
{
    return changeset_unchanged(r, seen, asked, sweep) ? 0 : compare(r, seen, asked, sweep, attempting);
}

int changeset_missing(struct changeset *r, struct tracked_session *s, int64_t asked, bool others_listed,
                      bool attempting)
{
    struct change c = { .s = s, .before = *s, .source = REPORT_POLL, .at_wall = r->now_wall };
    const struct session_report report = {
        .source = REPORT_POLL, .missing = true, .others_listed = others_listed, .at_ms = asked
    };
    int rc;

    s->known.attempting = attempting;
    rc = finish(r, &c, &report);
    if (rc == 0)
        s->known.polled_ms = asked;
    return rc;
}

/* When it was received, in steady time: the wall clock may have been set since, so never in the future. */
static int64_t received_ms(const struct changeset *r, int64_t at_wall)
{
    int64_t age_ms = r->now_wall - at_wall;

    return age_ms > 0 ? r->now - age_ms : r->now;
}

bool webhook_is_of_deleted(const struct session_webhook *h, int64_t deleted_at, bool known)
{
    bool said_before = h->occurred_at > 0 && h->occurred_at <= deleted_at;

    return !known || said_before || h->at <= deleted_at;
}

static void note_webhook(struct tracked_session *s, const struct session_webhook *h)
{
    if (h->at < s->webhook_at)
        return;
    s->webhook_at = h->at;
    s->webhook_state = h->state;
    s->webhook_code = h->code;
}

int changeset_webhook(struct changeset *r, const struct session_webhook *h, bool attempting)
{
    struct change c = {
        .source = REPORT_WEBHOOK, .code = h->code, .at_wall = h->at, .occurred_at = h->occurred_at
    };
    const struct session_report report = { .source = REPORT_WEBHOOK,
                                           .state = h->state,
                                           .cause = h->code ? cause_find(h->code) : NULL,
                                           .at_ms = received_ms(r, h->at),
                                           .occurred_ms = received_ms(r, h->at) - h->late_ms,
                                           .final = h->final };
    int rc = find_or_add(r, h->id, &c);

    if (rc != 0)
        return rc;
    c.before = *c.s;
    c.s->known.attempting = attempting;
    c.s->ban_until = h->ban_until > 0 ? h->ban_until : c.s->ban_until;
    note_webhook(c.s, h);
    rc = finish(r, &c, &report);
    if (rc != 0 || !c.s)
        return rc;
    if (report.at_ms > c.s->known.webhook_ms)
        c.s->known.webhook_ms = report.at_ms;
    if (report.occurred_ms > c.s->known.webhook_occurred_ms)
        c.s->known.webhook_occurred_ms = report.occurred_ms;
    return 0;
}

int changeset_touch(struct changeset *r, struct tracked_session *s, bool row)
{
    struct change c = { .s = s, .before = *s, .row = row, .at_wall = r->now_wall };

    take_result(&c);
    return add_change(r, &c);
}

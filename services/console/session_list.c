#include "services/console/session_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* A message a minute is news enough for a page. */
#define RECEIVED_NEWS_MS (30 * 1000LL)

struct items {
    struct session_item *item;
    int n, cap;
};

struct session_list {
    struct stores *stores;
    struct items items;
    bool read;
    int64_t version;
    const void *db; /* the connection of that version */
    struct now now;
    struct session_list_events events;
};

int session_list_new(struct stores *stores, struct session_list **ret)
{
    struct session_list *l = mem_zalloc(sizeof *l);

    if (!l)
        return -ENOMEM;
    l->stores = stores;
    *ret = l;
    return 0;
}

void session_list_watch(struct session_list *l, const struct session_list_events *events)
{
    l->events = *events;
}

void session_list_forget(struct session_list *l)
{
    mem_free(l->items.item);
    l->items = (struct items){ 0 };
    l->read = false;
}

void session_list_free(struct session_list *l)
{
    if (l)
        session_list_forget(l);
    mem_free(l);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int on_session(void *ctx, const struct session_row *row)
{
    struct items *all = ctx;

    if (all->n == all->cap) {
        int cap = all->cap ? all->cap * 2 : 64;
        struct session_item *more = mem_realloc(all->item, (size_t)cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        all->item = more;
        all->cap = cap;
    }
    all->item[all->n++] = (struct session_item){ .row = *row };
    return 0;
}

static int compare(const char *bridge, const char *session, const struct session_item *i)
{
    int c = strcmp(bridge, i->row.bridge);

    return c ? c : strcmp(session, i->row.id);
}

static struct session_item *find(const struct items *all, const char *bridge, const char *session)
{
    int from = 0, to = all->n;

    while (from < to) {
        int at = (from + to) / 2, c = compare(bridge, session, &all->item[at]);

        if (c == 0)
            return &all->item[at];
        if (c < 0)
            to = at;
        else
            from = at + 1;
    }
    return NULL;
}

static int on_reconnect(void *ctx, const struct reconnect_row *row)
{
    struct session_item *i = find(ctx, row->bridge, row->session);

    if (i) {
        i->phase = row->retry.phase;
        i->attempts = row->retry.attempts;
        i->due_at = row->retry.phase == RETRY_DUE ? row->retry.due_at : 0;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct session_item *x = a;

    return compare(x->row.bridge, x->row.id, b);
}

static int read_all(struct db *db, struct items *ret)
{
    int r = db_begin_reads(db);

    if (r == 0)
        r = sessions_each(db, NULL, on_session, ret);
    if (r == 0 && ret->n > 1)
        qsort(ret->item, (size_t)ret->n, sizeof *ret->item,
              by_name); /* an engine may sort by other rules than strcmp() */
    if (r == 0)
        r = reconnects_each(db, on_reconnect, ret);
    db_end_reads(db);
    return r;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool looks_the_same(const struct session_item *a, struct session_item *b)
{
    int64_t received = b->row.last_received_at - a->row.last_received_at;

    if (received > 0 && received < RECEIVED_NEWS_MS)
        b->row.last_received_at = a->row.last_received_at; /* so that the next ones add up */
    return a->row.state == b->row.state && a->row.since == b->row.since && a->row.code == b->row.code &&
           a->row.silent_since == b->row.silent_since && a->row.suppressed_until == b->row.suppressed_until &&
           a->row.last_received_at == b->row.last_received_at && a->phase == b->phase &&
           a->attempts == b->attempts && a->due_at == b->due_at && strcmp(a->row.cause, b->row.cause) == 0 &&
           strcmp(a->row.name, b->row.name) == 0 && strcmp(a->row.phone, b->row.phone) == 0;
}

static void say_news(const struct items *before, struct items *after, const struct session_list_events *e)
{
    int i = 0, k = 0;

    while (i < before->n || k < after->n) {
        const struct session_item *was = i < before->n ? &before->item[i] : NULL;
        struct session_item *is = k < after->n ? &after->item[k] : NULL;
        int c = !was ? 1 : !is ? -1 : compare(was->row.bridge, was->row.id, is);

        if (c < 0)
            e->on_removed(e->ctx, was->row.bridge, was->row.id);
        else if (c > 0 || !looks_the_same(was, is))
            e->on_changed(e->ctx, is);
        i += c <= 0;
        k += c >= 0;
    }
}

void session_list_outdate(struct session_list *l)
{
    l->db = NULL;
}

int session_list_refresh(struct session_list *l)
{
    struct items after = { 0 }, before;
    struct now now;
    int64_t version = 0;
    struct db *db;
    bool was_read = l->read;
    int r = stores_state(l->stores, &db);

    if (r == 0)
        r = db_data_version(db, &version);
    if (r == 0)
        r = stores_now(l->stores, &now);
    if (r != 0)
        return r;
    l->now = now;
    if (l->read && l->db == db && l->version == version)
        return 0;
    r = read_all(db, &after);
    if (r != 0) {
        mem_free(after.item);
        return r;
    }
    before = l->items;
    l->items = after;
    l->read = true;
    l->db = db;
    l->version = version;
    if (was_read && l->events.on_changed)
        say_news(&before, &l->items, &l->events);
    mem_free(before.item);
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

int session_list_count(const struct session_list *l)
{
    return l->items.n;
}

const struct session_item *session_list_at(const struct session_list *l, int i)
{
    return &l->items.item[i];
}

const struct session_item *session_list_find(const struct session_list *l, const char *bridge,
                                             const char *session)
{
    return find(&l->items, bridge, session);
}

struct now session_list_now(const struct session_list *l)
{
    return l->now;
}

bool session_item_is_flapping(const struct session_item *i, const struct now *now)
{
    return i->row.suppressed_until > now->steady_ms;
}

const char *session_item_mark(const struct session_item *i, const struct now *now)
{
    if (i->phase == RETRY_PARKED)
        return "parked";
    if (i->row.silent_since > 0)
        return "silent";
    if (session_item_is_flapping(i, now))
        return "flapping";
    return i->phase == RETRY_IDLE ? "" : retry_phase_text(i->phase);
}

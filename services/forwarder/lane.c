#include "services/forwarder/lane.h"

#include <string.h>

#include "common/base/mem.h"

/* ---- items ----------------------------------------------------------------------------------- */

static struct str put(char **at, struct str s)
{
    char *to = *at;

    if (s.n > 0)
        memcpy(to, s.p, s.n);
    *at += s.n;
    return (struct str){ to, s.n };
}

struct item *item_new(const struct event *e)
{
    size_t n = e->type.n + e->bridge.n + e->session.n + e->message_id.n + e->body.n;
    struct item *it = mem_alloc(sizeof *it + n);
    char *at;

    if (!it)
        return NULL;
    *it = (struct item){ .event = *e, .bytes = sizeof *it + n };
    list_init(&it->in_lane);
    at = it->data;
    it->event.type = put(&at, e->type);
    it->event.bridge = put(&at, e->bridge);
    it->event.session = put(&at, e->session);
    it->event.message_id = put(&at, e->message_id);
    it->event.body = put(&at, e->body);
    return it;
}

struct item *lane_first(const struct lane *l)
{
    return list_empty(&l->items) ? NULL : container_of(l->items.next, struct item, in_lane);
}

void lane_push(struct lane *l, struct item *it)
{
    list_append(&l->items, &it->in_lane);
    l->n_items++;
}

void lane_push_front(struct lane *l, struct item *it)
{
    list_append(l->items.next, &it->in_lane);
    l->n_items++;
}

void lane_drop(struct lane *l, struct item *it)
{
    list_remove(&it->in_lane);
    l->n_items--;
    mem_free(it);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* FNV-1a. A sender who makes sessions collide slows down their own. */
static uint64_t hash_of(struct str bridge, struct str session)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < bridge.n; i++)
        h = (h ^ (uint8_t)bridge.p[i]) * 0x100000001b3;
    h = (h ^ '/') * 0x100000001b3;
    for (size_t i = 0; i < session.n; i++)
        h = (h ^ (uint8_t)session.p[i]) * 0x100000001b3;
    return h;
}

void lanes_init(struct lanes *t)
{
    for (int i = 0; i < LANE_BUCKETS; i++)
        list_init(&t->bucket[i]);
    t->n = 0;
}

static bool same(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static struct lane *find(struct lanes *t, uint64_t hash, struct str bridge, struct str session)
{
    LIST_FOR(it, &t->bucket[hash % LANE_BUCKETS])
    {
        struct lane *l = container_of(it, struct lane, in_table);

        if (l->hash == hash && same(l->bridge, bridge) && same(l->session, session))
            return l;
    }
    return NULL;
}

struct lane *lanes_find(struct lanes *t, struct str bridge, struct str session)
{
    return find(t, hash_of(bridge, session), bridge, session);
}

struct lane *lanes_get(struct lanes *t, struct str bridge, struct str session)
{
    uint64_t hash = hash_of(bridge, session);
    struct lane *l = find(t, hash, bridge, session);
    char *at;

    if (l)
        return l;
    l = mem_zalloc(sizeof *l + bridge.n + session.n);
    if (!l)
        return NULL;
    l->hash = hash;
    at = l->names;
    l->bridge = put(&at, bridge);
    l->session = put(&at, session);
    list_init(&l->in_queue);
    list_init(&l->items);
    list_append(&t->bucket[hash % LANE_BUCKETS], &l->in_table);
    t->n++;
    return l;
}

void lanes_free(struct lanes *t, struct lane *l)
{
    while (lane_first(l))
        lane_drop(l, lane_first(l));
    list_remove(&l->in_table);
    list_remove(&l->in_queue);
    mem_free(l);
    t->n--;
}

void lanes_each(struct lanes *t, void (*fn)(void *ctx, struct lane *l), void *ctx)
{
    for (int i = 0; i < LANE_BUCKETS; i++) {
        LIST_FOR(it, &t->bucket[i])
        {
            fn(ctx, container_of(it, struct lane, in_table));
        }
    }
}

static void free_one(void *ctx, struct lane *l)
{
    lanes_free(ctx, l);
}

void lanes_fini(struct lanes *t)
{
    lanes_each(t, free_one, t);
}

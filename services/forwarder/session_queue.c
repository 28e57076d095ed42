#include "services/forwarder/session_queue.h"

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
    list_init(&it->in_session);
    at = it->data;
    it->event.type = put(&at, e->type);
    it->event.bridge = put(&at, e->bridge);
    it->event.session = put(&at, e->session);
    it->event.message_id = put(&at, e->message_id);
    it->event.body = put(&at, e->body);
    return it;
}

struct item *session_queue_first(const struct session_queue *q)
{
    return list_empty(&q->items) ? NULL : container_of(q->items.next, struct item, in_session);
}

void session_queue_push(struct session_queue *q, struct item *it)
{
    list_append(&q->items, &it->in_session);
    q->n_items++;
}

void session_queue_push_front(struct session_queue *q, struct item *it)
{
    list_append(q->items.next, &it->in_session);
    q->n_items++;
}

void session_queue_drop(struct session_queue *q, struct item *it)
{
    list_remove(&it->in_session);
    q->n_items--;
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

void session_queues_init(struct session_queues *t)
{
    for (int i = 0; i < QUEUE_BUCKETS; i++)
        list_init(&t->bucket[i]);
    t->n = 0;
}

static bool same(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static struct session_queue *find(struct session_queues *t, uint64_t hash, struct str bridge,
                                  struct str session)
{
    LIST_FOR(it, &t->bucket[hash % QUEUE_BUCKETS])
    {
        struct session_queue *q = container_of(it, struct session_queue, in_table);

        if (q->hash == hash && same(q->bridge, bridge) && same(q->session, session))
            return q;
    }
    return NULL;
}

struct session_queue *session_queues_find(struct session_queues *t, struct str bridge, struct str session)
{
    return find(t, hash_of(bridge, session), bridge, session);
}

struct session_queue *session_queues_get(struct session_queues *t, struct str bridge, struct str session)
{
    uint64_t hash = hash_of(bridge, session);
    struct session_queue *q = find(t, hash, bridge, session);
    char *at;

    if (q)
        return q;
    q = mem_zalloc(sizeof *q + bridge.n + session.n);
    if (!q)
        return NULL;
    q->hash = hash;
    at = q->names;
    q->bridge = put(&at, bridge);
    q->session = put(&at, session);
    list_init(&q->in_queue);
    list_init(&q->items);
    list_append(&t->bucket[hash % QUEUE_BUCKETS], &q->in_table);
    t->n++;
    return q;
}

void session_queues_free(struct session_queues *t, struct session_queue *q)
{
    while (session_queue_first(q))
        session_queue_drop(q, session_queue_first(q));
    list_remove(&q->in_table);
    list_remove(&q->in_queue);
    mem_free(q);
    t->n--;
}

void session_queues_each(struct session_queues *t, void (*fn)(void *ctx, struct session_queue *q), void *ctx)
{
    for (int i = 0; i < QUEUE_BUCKETS; i++) {
        LIST_FOR(it, &t->bucket[i])
        {
            fn(ctx, container_of(it, struct session_queue, in_table));
        }
    }
}

static void free_one(void *ctx, struct session_queue *q)
{
    session_queues_free(ctx, q);
}

void session_queues_fini(struct session_queues *t)
{
    session_queues_each(t, free_one, t);
}

#include "services/forwarder/queue_table.h"

#include <errno.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

/* With 100,000 sessions 24 queues share a bucket. */
#define BUCKETS 4096

struct queue_table {
    struct list bucket[BUCKETS];
};

/* A sender who makes sessions collide slows down their own. */
static uint64_t hash_of(enum queue_kind kind, struct str bridge, struct str session)
{
    uint64_t h = hash_add(HASH_START ^ (uint64_t)kind, bridge.p, bridge.n);

    return hash_add(hash_add(h, "/", 1), session.p, session.n);
}

int queue_table_open(struct queue_table **ret)
{
    struct queue_table *t = mem_alloc(sizeof *t);

    if (!t)
        return -ENOMEM;
    for (int i = 0; i < BUCKETS; i++)
        list_init(&t->bucket[i]);
    *ret = t;
    return 0;
}

struct session_queue *queue_table_find(struct queue_table *t, enum queue_kind kind, struct str bridge,
                                       struct str session)
{
    uint64_t hash = hash_of(kind, bridge, session);

    LIST_FOR(it, &t->bucket[hash % BUCKETS])
    {
        struct session_queue *q = container_of(it, struct session_queue, in_table);

        if (q->hash == hash && q->kind == kind && str_same(q->bridge, bridge) &&
            str_same(q->session, session))
            return q;
    }
    return NULL;
}

static struct str copy(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return (struct str){ to, s.n };
}

struct session_queue *queue_table_get(struct queue_table *t, enum queue_kind kind, struct str bridge,
                                      struct str session)
{
    struct session_queue *q = queue_table_find(t, kind, bridge, session);

    if (q)
        return q;
    q = mem_zalloc(sizeof *q + bridge.n + session.n);
    if (!q)
        return NULL;
    q->kind = kind;
    q->hash = hash_of(kind, bridge, session);
    q->bridge = copy(q->names, bridge);
    q->session = copy(q->names + bridge.n, session);
    list_init(&q->in_list);
    list_init(&q->in_dirty);
    list_init(&q->events);
    list_append(&t->bucket[q->hash % BUCKETS], &q->in_table);
    return q;
}

void queue_table_free(struct queue_table *t, struct session_queue *q)
{
    (void)t;
    while (session_queue_first(q))
        session_queue_drop(q, session_queue_first(q));
    list_remove(&q->in_table);
    list_remove(&q->in_list);
    list_remove(&q->in_dirty);
    mem_free(q);
}

int queue_table_each(struct queue_table *t, int (*fn)(void *ctx, struct session_queue *q), void *ctx)
{
    int r = 0;

    for (int i = 0; r == 0 && i < BUCKETS; i++) {
        for (struct list *it = t->bucket[i].next, *next; r == 0 && it != &t->bucket[i]; it = next) {
            next = it->next;
            r = fn(ctx, container_of(it, struct session_queue, in_table));
        }
    }
    return r;
}

static int free_one(void *ctx, struct session_queue *q)
{
    queue_table_free(ctx, q);
    return 0;
}

void queue_table_close(struct queue_table *t)
{
    if (!t)
        return;
    (void)queue_table_each(t, free_one, t);
    mem_free(t);
}

#include "services/monitor/book.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

#define BUCKETS_MIN 64

struct book {
    struct held_session **bucket; /* n_buckets is a power of two, never fewer than sessions */
    size_t n_buckets;
    struct held_session **all;
    int n, cap;
};

/* FNV-1a, 64 bits; session ids are short and the bridge's own, so nobody is out to collide them. */
static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3U;
    return h;
}

#define HASH_START 0xcbf29ce484222325U

static struct held_session **bucket_of(const struct book *b, const char *id)
{
    uint64_t h = hash_text(HASH_START, id);

    return &b->bucket[(h ^ h >> 32) & (b->n_buckets - 1)];
}

uint64_t shape_of(const char *raw_status, const char *phone, const char *name)
{
    uint64_t h = hash_text(HASH_START, raw_status);

    h = hash_text(h * 31, phone);
    h = hash_text(h * 31, name);
    return h ? h : 1;
}

int book_new(struct book **ret)
{
    struct book *b = mem_zalloc(sizeof *b);

    if (!b)
        return -ENOMEM;
    b->n_buckets = BUCKETS_MIN;
    b->bucket = mem_zalloc(BUCKETS_MIN * sizeof *b->bucket);
    if (!b->bucket) {
        mem_free(b);
        return -ENOMEM;
    }
    *ret = b;
    return 0;
}

static void session_free(struct held_session *s)
{
    mem_free(s->deaf);
    mem_free(s);
}

void book_free(struct book *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->n; i++)
        session_free(b->all[i]);
    mem_free(b->all);
    mem_free(b->bucket);
    mem_free(b);
}

int book_count(const struct book *b)
{
    return b->n;
}

struct held_session *book_at(const struct book *b, int place)
{
    return b->all[place];
}

struct held_session *book_find(const struct book *b, const char *id)
{
    struct held_session *s = *bucket_of(b, id);

    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

static void chain(struct book *b, struct held_session *s)
{
    struct held_session **head = bucket_of(b, s->id);

    s->next = *head;
    *head = s;
}

/* Room for one more, in the array and in the buckets. */
static int make_room(struct book *b)
{
    int cap = b->cap ? b->cap * 2 : BUCKETS_MIN;
    struct held_session **all, **bucket;

    if (b->n >= BOOK_SESSIONS_MAX)
        return -ENOSPC;
    if (b->n < b->cap)
        return 0;
    all = mem_realloc(b->all, (size_t)cap * sizeof(struct held_session *));
    if (!all)
        return -ENOMEM;
    b->all = all;
    bucket = mem_zalloc((size_t)cap * sizeof(struct held_session *));
    if (!bucket)
        return -ENOMEM;
    b->cap = cap;
    mem_free(b->bucket);
    b->bucket = bucket;
    b->n_buckets = (size_t)cap;
    for (int i = 0; i < b->n; i++)
        chain(b, b->all[i]);
    return 0;
}

int book_add(struct book *b, const char *id, int64_t now_ms, struct held_session **ret)
{
    struct held_session *s;
    int r = make_room(b);

    if (r != 0)
        return r;
    s = mem_zalloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    s->held = judge_unknown(now_ms);
    s->place = b->n;
    b->all[b->n++] = s;
    chain(b, s);
    *ret = s;
    return 0;
}

void book_remove(struct book *b, struct held_session *s)
{
    struct held_session **at = bucket_of(b, s->id);

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    b->all[s->place] = b->all[--b->n];
    b->all[s->place]->place = s->place;
    session_free(s);
}

void book_restore(struct held_session *s, const struct held_session *before)
{
    struct held_session now = *s;

    *s = *before;
    s->next = now.next;
    s->place = now.place;
    s->deaf = now.deaf;
    s->last_received_at = now.last_received_at;
    s->rhythm_dirty = now.rhythm_dirty;
    s->watched = now.watched;
    s->looked_ms = now.looked_ms;
}

void book_states(const struct book *b, int64_t ret[SESSION_STATE_N])
{
    memset(ret, 0, SESSION_STATE_N * sizeof ret[0]);
    for (int i = 0; i < b->n; i++)
        if (b->all[i]->held.state < SESSION_STATE_N)
            ret[b->all[i]->held.state]++;
}

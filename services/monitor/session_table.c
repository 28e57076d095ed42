#include "services/monitor/session_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

#define BUCKETS_MIN 64

struct session_table {
    struct tracked_session **bucket; /* n_buckets is a power of two, never fewer than sessions */
    size_t n_buckets;
    struct tracked_session **all;
    int n, cap;
};

/* Session ids are short and the bridge's own, so nobody is out to collide them. */
static uint64_t hash_text(uint64_t h, const char *s)
{
    return hash_add(h, s, strlen(s));
}

static struct tracked_session **bucket_of(const struct session_table *b, const char *id)
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

void session_table_note_phone(struct tracked_session *s, const char *phone)
{
    uint32_t hash = phone[0] ? (uint32_t)hash_text(HASH_START, phone) | 1 : s->phone;

    if (hash == s->phone)
        return;
    if (s->phone)
        s->lists = hash == s->phone_before ? 2 : 0; /* an older list had it */
    s->phone_before = s->phone;
    s->phone = hash;
}

int session_table_new(struct session_table **ret)
{
    struct session_table *b = mem_zalloc(sizeof *b);

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

static void session_free(struct tracked_session *s)
{
    mem_free(s->silence);
    mem_free(s);
}

void session_table_free(struct session_table *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->n; i++)
        session_free(b->all[i]);
    mem_free(b->all);
    mem_free(b->bucket);
    mem_free(b);
}

int session_table_count(const struct session_table *b)
{
    return b->n;
}

struct tracked_session *session_table_at(const struct session_table *b, int index)
{
    return b->all[index];
}

struct tracked_session *session_table_find(const struct session_table *b, const char *id)
{
    struct tracked_session *s = *bucket_of(b, id);

    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

static void chain(struct session_table *b, struct tracked_session *s)
{
    struct tracked_session **head = bucket_of(b, s->id);

    s->next = *head;
    *head = s;
}

/* Room for one more, in the array and in the buckets. */
static int make_room(struct session_table *b)
{
    int cap = b->cap ? b->cap * 2 : BUCKETS_MIN;
    struct tracked_session **all, **bucket;

    if (b->n >= SESSION_TABLE_MAX)
        return -ENOSPC;
    if (b->n < b->cap)
        return 0;
    all = mem_realloc(b->all, (size_t)cap * sizeof(struct tracked_session *));
    if (!all)
        return -ENOMEM;
    b->all = all;
    bucket = mem_zalloc((size_t)cap * sizeof(struct tracked_session *));
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

int session_table_add(struct session_table *b, const char *id, int64_t now_ms, struct tracked_session **ret)
{
    struct tracked_session *s;
    int r = make_room(b);

    if (r != 0)
        return r;
    s = mem_zalloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    s->known = session_unknown(now_ms);
    s->index = b->n;
    b->all[b->n++] = s;
    chain(b, s);
    *ret = s;
    return 0;
}

void session_table_remove(struct session_table *b, struct tracked_session *s)
{
    struct tracked_session **at = bucket_of(b, s->id);

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    b->all[s->index] = b->all[--b->n];
    b->all[s->index]->index = s->index;
    session_free(s);
}

void session_table_restore(struct tracked_session *s, const struct tracked_session *before)
{
    struct tracked_session now = *s;

    *s = *before;
    s->next = now.next;
    s->index = now.index;
    s->silence = now.silence;
    s->last_received_at = now.last_received_at;
    s->profile_dirty = now.profile_dirty;
    s->watched = now.watched;
    s->asked_ms = now.asked_ms;
    s->loaded = now.loaded;
}

void session_table_states(const struct session_table *b, int64_t ret[SESSION_STATE_N])
{
    memset(ret, 0, SESSION_STATE_N * sizeof ret[0]);
    for (int i = 0; i < b->n; i++)
        if (b->all[i]->known.state < SESSION_STATE_N)
            ret[b->all[i]->known.state]++;
}

#include "common/io/bus_outbox.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/base/mem.h"

/* Of the length, and of the byte before it on a Unix socket. */
#define FRAME_BYTES_MAX 9
/* A new block begins with room for a few notifications. */
#define BLOCK_BYTES_MIN 1024

struct bus_block {
    struct list in_outbox;
    int waiting; /* readers that have not wholly sent it */
    size_t n, cap;
    char bytes[];
};

void bus_outbox_init(struct bus_outbox *o, bool unix_frames, size_t block_bytes)
{
    *o = (struct bus_outbox){ .unix_frames = unix_frames, .block_bytes = block_bytes };
    list_init(&o->blocks);
    list_init(&o->readers);
}

static void free_block(struct bus_outbox *o, struct bus_block *b)
{
    o->bytes -= sizeof *b + b->cap;
    list_remove(&b->in_outbox);
    mem_free(b);
}

void bus_outbox_fini(struct bus_outbox *o)
{
    LIST_FOR(it, &o->blocks)
    {
        free_block(o, container_of(it, struct bus_block, in_outbox));
    }
    if (o->open)
        free_block(o, o->open);
    o->open = NULL;
}

/* ---- readers --------------------------------------------------------------------------------- */

static struct bus_block *after(const struct bus_outbox *o, const struct bus_block *b)
{
    return b->in_outbox.next == &o->blocks ? NULL
                                           : container_of(b->in_outbox.next, struct bus_block, in_outbox);
}

/* The reader needs the block no more. */
static void release(struct bus_outbox *o, struct bus_block *b)
{
    if (--b->waiting == 0)
        free_block(o, b);
}

void bus_outbox_join(struct bus_outbox *o, struct bus_reader *r)
{
    bus_outbox_close_block(o);
    *r = (struct bus_reader){ 0 };
    list_init(&r->in_outbox);
    list_append(&o->readers, &r->in_outbox);
    o->n_readers++;
}

void bus_outbox_leave(struct bus_outbox *o, struct bus_reader *r)
{
    bus_outbox_close_block(o);
    for (struct bus_block *b = r->next, *next; b; b = next) {
        next = after(o, b);
        release(o, b);
    }
    r->next = NULL;
    list_remove(&r->in_outbox);
    o->n_readers--;
}

struct bus_reader *bus_outbox_slowest(const struct bus_outbox *o)
{
    struct bus_reader *slowest = NULL;

    LIST_FOR(it, &o->readers)
    {
        struct bus_reader *r = container_of(it, struct bus_reader, in_outbox);

        if (!slowest || r->behind > slowest->behind)
            slowest = r;
    }
    return slowest;
}

/* ---- collecting ------------------------------------------------------------------------------ */

static int resize_open(struct bus_outbox *o, size_t cap)
{
    struct bus_block *b = mem_realloc(o->open, sizeof *b + cap);

    if (!b)
        return -ENOMEM;
    if (!o->open) {
        *b = (struct bus_block){ 0 };
        list_init(&b->in_outbox);
        o->bytes += sizeof *b;
    } else {
        list_init(&b->in_outbox); /* it has moved; it is in no list yet */
    }
    o->bytes += cap - b->cap;
    b->cap = cap;
    o->open = b;
    return 0;
}

static int reserve(struct bus_outbox *o, size_t n)
{
    size_t cap = o->open ? o->open->cap : BLOCK_BYTES_MIN;

    if (o->open && o->open->n + n <= o->open->cap)
        return 0;
    if (o->open && o->open->n > 0 && o->open->n + n > o->block_bytes) {
        bus_outbox_close_block(o);
        cap = BLOCK_BYTES_MIN;
    }
    while (cap < (o->open ? o->open->n : 0) + n)
        cap *= 2;
    return resize_open(o, cap);
}

static size_t frame_of(const struct bus_outbox *o, size_t n, uint8_t ret[FRAME_BYTES_MAX])
{
    size_t at = 0;

    if (o->unix_frames)
        ret[at++] = 1;
    for (int shift = 56; shift >= 0; shift -= 8)
        ret[at++] = (uint8_t)((uint64_t)n >> shift);
    return at;
}

int bus_outbox_add(struct bus_outbox *o, struct str message)
{
    uint8_t frame[FRAME_BYTES_MAX];
    size_t n = frame_of(o, message.n, frame);
    int r = o->n_readers > 0 ? reserve(o, n + message.n) : 0;

    if (r != 0 || o->n_readers == 0)
        return r;
    memcpy(o->open->bytes + o->open->n, frame, n);
    memcpy(o->open->bytes + o->open->n + n, message.p, message.n);
    o->open->n += n + message.n;
    return 0;
}

void bus_outbox_close_block(struct bus_outbox *o)
{
    if (!o->open || o->open->n == 0)
        return;
    (void)resize_open(o, o->open->n); /* one that cannot be made smaller stays as it is */
    list_append(&o->blocks, &o->open->in_outbox);
    o->open->waiting = o->n_readers;
    LIST_FOR(it, &o->readers)
    {
        struct bus_reader *r = container_of(it, struct bus_reader, in_outbox);

        r->next = r->next ? r->next : o->open;
        r->behind += o->open->n;
    }
    if (o->n_readers == 0)
        free_block(o, o->open);
    o->open = NULL;
}

/* ---- sending --------------------------------------------------------------------------------- */

struct str bus_outbox_peek(const struct bus_reader *r)
{
    return r->next ? (struct str){ r->next->bytes + r->sent, r->next->n - r->sent } : STR_NULL;
}

void bus_outbox_sent(struct bus_outbox *o, struct bus_reader *r, size_t n)
{
    r->behind -= n;
    r->sent += n;
    while (r->next && r->sent >= r->next->n) {
        struct bus_block *done = r->next;

        r->sent -= done->n;
        r->next = after(o, done);
        release(o, done);
    }
}

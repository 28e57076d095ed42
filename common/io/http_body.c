#include "common/io/http_body.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

/* A connection keeps a buffer of this size for its next request; most webhooks are smaller. */
#define KEPT_BYTES 1024

void http_body_init(struct http_body *b, struct http_quota *q, struct http_peer *p)
{
    *b = (struct http_body){ .quota = q, .peer = p, .use = HTTP_USE_BODIES };
}

/* The bytes are no longer the request's. */
static void forget(struct http_body *b)
{
    http_quota_give(b->quota, b->peer, b->use, (int64_t)b->cap);
    b->bytes = NULL;
    b->len = b->cap = 0;
}

void http_body_begin(struct http_body *b, const struct http_head *h, size_t max, enum http_use use)
{
    if (b->use != use) { /* a kept buffer is counted where the last request was */
        mem_free(b->bytes);
        forget(b);
    }
    b->use = use;
    b->max = max;
    b->len = 0;
    b->chunked = h->chunked;
    b->chunks = HTTP_CHUNKED_NULL;
    b->left = h->length;
    b->dropped = 0;
}

bool http_body_is_over(const struct http_body *b)
{
    return b->chunked ? http_chunked_is_over(&b->chunks) : b->left == 0;
}

/* The capacity for @need bytes and a NUL: doubled, but for no more than the body can have. */
static size_t next_cap(const struct http_body *b, size_t need)
{
    size_t cap = b->cap ? b->cap : KEPT_BYTES;
    size_t most = b->max;

    if (!b->chunked && b->left < (int64_t)(b->max - b->len))
        most = b->len + (size_t)b->left;
    while (cap <= need)
        cap *= 2;
    if (cap > most + 1)
        cap = most + 1 > KEPT_BYTES ? most + 1 : KEPT_BYTES;
    return cap;
}

static int grow(struct http_body *b, size_t need)
{
    size_t cap;
    char *bytes;
    int r;

    if (need < b->cap)
        return 0;
    cap = next_cap(b, need);
    r = http_quota_take(b->quota, b->peer, b->use, (int64_t)(cap - b->cap));
    if (r != 0)
        return r == HTTP_QUOTA_PEER ? HTTP_BODY_PEER : HTTP_BODY_ALL;
    bytes = mem_realloc(b->bytes, cap);
    if (!bytes) {
        http_quota_give(b->quota, b->peer, b->use, (int64_t)(cap - b->cap));
        return -ENOMEM;
    }
    b->bytes = bytes;
    b->cap = cap;
    return 0;
}

static int append(struct http_body *b, struct str piece)
{
    size_t room = b->max - b->len;
    size_t n = piece.n < room ? piece.n : room;
    int r = n > 0 ? grow(b, b->len + n) : 0;

    if (r != 0)
        return r;
    if (n > 0) {
        memcpy(b->bytes + b->len, piece.p, n);
        b->len += n;
        b->bytes[b->len] = '\0';
    }
    b->dropped += (int64_t)(piece.n - n);
    return piece.n > n ? HTTP_BODY_LONG : 0;
}

/* The next piece of the body in @io; empty: there is none. */
static int next_piece(struct http_body *b, struct str *io, struct str *ret, struct http_fault *fault)
{
    size_t n;

    if (b->chunked)
        return http_chunked_next(&b->chunks, io, ret, fault) ? HTTP_BODY_BAD : 0;
    n = (int64_t)io->n < b->left ? io->n : (size_t)b->left;
    *ret = (struct str){ io->p, n };
    io->p += n;
    io->n -= n;
    return 0;
}

int http_body_read(struct http_body *b, struct str *io, struct http_fault *fault)
{
    struct str piece;

    while (io->n > 0 && !http_body_is_over(b)) {
        int r = next_piece(b, io, &piece, fault);

        if (r == 0)
            r = append(b, piece);
        if (!b->chunked)
            b->left -=
                (int64_t)piece.n; /* after append(): the buffer's size goes by the bytes that are left */
        if (r != 0)
            return r;
    }
    return 0;
}

int http_body_skip(struct http_body *b, struct str *io, struct http_fault *fault)
{
    struct str piece;

    while (io->n > 0 && !http_body_is_over(b)) {
        if (next_piece(b, io, &piece, fault) != 0)
            return HTTP_BODY_BAD;
        if (!b->chunked)
            b->left -= (int64_t)piece.n;
        b->dropped += (int64_t)piece.n;
    }
    return 0;
}

char *http_body_take(struct http_body *b, size_t *ret_len)
{
    char *bytes = b->bytes;

    *ret_len = b->len;
    forget(b);
    return bytes;
}

void http_body_reset(struct http_body *b, bool all)
{
    if (!all && b->cap <= KEPT_BYTES && b->use == HTTP_USE_BODIES) {
        b->len = 0;
        return;
    }
    mem_free(b->bytes);
    forget(b);
}

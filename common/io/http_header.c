#include "common/io/http_header.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

/* A connection keeps a buffer of this size, which is not counted in the quota. */
#define KEPT_BYTES 1024

void http_header_init(struct http_header *h, struct http_quota *q, struct http_peer *p)
{
    *h = (struct http_header){ .quota = q, .peer = p };
}

/* Returns 0, HTTP_QUOTA_PEER, HTTP_QUOTA_ALL or -ENOMEM. */
static int grow(struct http_header *h, size_t need)
{
    size_t before = h->cap ? h->cap : KEPT_BYTES, cap = before;
    char *bytes;
    int q;

    if (need <= h->cap)
        return 0;
    while (cap < need)
        cap *= 2;
    q = http_quota_take(h->quota, h->peer, HTTP_USE_HEADERS, (int64_t)(cap - before));
    if (q != 0)
        return q;
    bytes = mem_realloc(h->bytes, cap);
    if (!bytes) {
        http_quota_give(h->quota, h->peer, HTTP_USE_HEADERS, (int64_t)(cap - before));
        return -ENOMEM;
    }
    h->bytes = bytes;
    h->cap = cap;
    return 0;
}

static int append(struct http_header *h, struct str piece)
{
    int q = grow(h, h->len + piece.n);

    if (q != 0)
        return q < 0 ? q : q == HTTP_QUOTA_PEER ? HTTP_HEADER_PEER : HTTP_HEADER_ALL;
    memcpy(h->bytes + h->len, piece.p, piece.n);
    h->len += piece.n;
    return 0;
}

static int too_long(const struct http_header *h, struct http_fault *fault)
{
    if (memchr(h->bytes, '\n', h->len))
        *fault = (struct http_fault){ 431, "the header is too long" };
    else
        *fault = (struct http_fault){ 414, "the request line is too long" };
    return HTTP_HEADER_BAD;
}

int http_header_take(struct http_header *h, struct str *io, size_t max, struct http_fault *fault)
{
    size_t before = h->len, end;
    struct str piece = { io->p, io->n < max - before ? io->n : max - before };
    int r = append(h, piece);

    if (r != 0)
        return r;
    if (http_head_scan(h->bytes, h->len, &h->scanned, &end, fault) != 0)
        return HTTP_HEADER_BAD;
    if (end > 0) { /* bytes behind it were copied, too: they stay in @io */
        h->len = end;
        io->p += end - before;
        io->n -= end - before;
        return HTTP_HEADER_WHOLE;
    }
    if (h->len >= max)
        return too_long(h, fault);
    io->n = 0;
    return 0;
}

void http_header_reset(struct http_header *h, bool all)
{
    h->len = h->scanned = 0;
    if (!all && h->cap <= KEPT_BYTES)
        return;
    if (h->cap > KEPT_BYTES)
        http_quota_give(h->quota, h->peer, HTTP_USE_HEADERS, (int64_t)(h->cap - KEPT_BYTES));
    mem_freep(&h->bytes);
    h->cap = 0;
}

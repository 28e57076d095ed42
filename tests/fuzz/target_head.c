/*
 * The reading of a request in memory: its header and its body, whole and byte by byte. Both readings agree, each
 * part is inside the bytes and has a NUL behind it, a refusal has a status and a text.
 */
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/io/http_body.h"
#include "tests/fuzz/input.h"

#define BODY_MAX 512

struct reading {
    int status; /* 0: whole, -1: not complete, else refused */
    size_t head_n, body_n, rest_n;
    int64_t dropped;
    int n_fields;
    char body[BODY_MAX + 1];
};

static void check_part(struct str part, const char *bytes, size_t n)
{
    if (!part.p || str_eq(part, "/"))
        return;
    MUST(part.p >= bytes && part.p + part.n < bytes + n);
    MUST(strlen(part.p) == part.n);
}

static void check_head(const struct http_head *h, size_t n)
{
    check_part(h->method, h->bytes, n);
    check_part(h->path, h->bytes, n);
    check_part(h->query, h->bytes, n);
    for (int i = 0; i < h->n_fields; i++) {
        const struct http_field *f = &h->fields[i];

        check_part((struct str){ h->bytes + f->name, f->name_n }, h->bytes, n);
        check_part((struct str){ h->bytes + f->value, f->value_n }, h->bytes, n);
    }
    MUST(h->method.n > 0 && h->path.n > 0 && h->length >= 0 && !(h->chunked && h->length));
}

static int refused(const struct http_fault *f)
{
    MUST(f->status >= 400 && f->status < 600 && strlen(f->detail) > 5);
    return f->status;
}

static int read_body(struct str rest, size_t step, const struct http_head *h, struct http_quota *q,
                     struct http_peer *p, struct reading *ret)
{
    struct http_body b;
    struct http_fault f;
    int r = 0;

    http_body_init(&b, q, p);
    http_body_begin(&b, h, BODY_MAX, HTTP_USE_BODIES);
    while (rest.n > 0 && !http_body_is_over(&b) && r != HTTP_BODY_BAD) {
        struct str piece = { rest.p, rest.n < step ? rest.n : step };
        size_t before = piece.n;

        r = b.len < BODY_MAX ? http_body_read(&b, &piece, &f) : http_body_skip(&b, &piece, &f);
        MUST(r == 0 || r == HTTP_BODY_LONG || r == HTTP_BODY_BAD);
        rest.p += before - piece.n;
        rest.n -= before - piece.n;
    }
    MUST(b.len <= BODY_MAX);
    if (b.len)
        memcpy(ret->body, b.bytes, b.len);
    ret->body_n = b.len;
    ret->dropped = b.dropped;
    ret->rest_n = rest.n;
    r = r == HTTP_BODY_BAD ? refused(&f) : http_body_is_over(&b) ? 0 : -1;
    http_body_reset(&b, true);
    return r;
}

static void read_all(struct str bytes, size_t step, struct http_quota *q, struct http_peer *p,
                     struct reading *ret)
{
    size_t scanned = 0, end = 0, n = 0;
    struct http_fault f;
    struct http_head h;
    char *head;

    memset(ret, 0, sizeof *ret);
    while (n < bytes.n && end == 0) {
        n += bytes.n - n < step ? bytes.n - n : step;
        if (http_head_scan(bytes.p, n, &scanned, &end, &f) != 0) {
            ret->status = refused(&f);
            return;
        }
    }
    ret->status = -1;
    ret->head_n = end;
    if (end == 0)
        return;
    head = mem_alloc(end); /* so that a sanitizer sees a byte too many */
    memcpy(head, bytes.p, end);
    if (http_head_read(head, end, &h, &f) != 0) {
        ret->status = refused(&f);
    } else {
        check_head(&h, end);
        ret->n_fields = h.n_fields;
        ret->status = read_body((struct str){ bytes.p + end, bytes.n - end }, step, &h, q, p, ret);
    }
    mem_free(head);
}

static bool is_same(const struct reading *a, const struct reading *b)
{
    return a->status == b->status && a->head_n == b->head_n && a->body_n == b->body_n &&
           a->rest_n == b->rest_n && a->dropped == b->dropped && a->n_fields == b->n_fields &&
           memcmp(a->body, b->body, sizeof a->body) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct http_quota_limits no_limits;
    static struct http_quota *q;
    static struct http_peer *p;
    struct str bytes = { (const char *)data, n < HTTP_HEAD_BYTES_MAX ? n : HTTP_HEAD_BYTES_MAX };
    struct reading whole, slow;

    if (!q) {
        MUST(http_quota_open(&no_limits, &q) == 0);
        MUST(http_quota_join(q, &(struct sockaddr){ .sa_family = AF_UNIX }, &p) == 0);
    }
    read_all(bytes, SIZE_MAX, q, p, &whole);
    read_all(bytes, 1, q, p, &slow);
    MUST(is_same(&whole, &slow));
    MUST(http_quota_used(q, HTTP_USE_BODIES) == 0);
    return 0;
}

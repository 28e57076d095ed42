/*
 * The header and the body in chunks of a request, in memory. Read in one piece or byte by byte, the same comes out; an accepted header has one form only: no bare LF, no NUL, no field twice that may stand once.
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/io/http_chunked.h"
#include "common/io/http_head.h"
#include "tests/fuzz/input.h"

static uint64_t sum; /* of every byte that comes out: it has to be readable */

static void touch(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
}

/* As bytes come in from a slow peer. */
static int scan_slowly(struct str bytes, size_t *ret_end)
{
    struct http_fault fault = { 0 };
    size_t scanned = 0, end = 0;
    int r = 0;

    for (size_t n = 0; n <= bytes.n && r == 0 && end == 0; n++)
        r = http_head_scan(bytes.p, n, &scanned, &end, &fault);
    *ret_end = end;
    MUST(r == 0 || (fault.status >= 400 && fault.status < 600 && fault.detail));
    return r;
}

static void check_head(const struct http_head *h)
{
    MUST(h->method.n > 0 && h->path.n > 0);
    MUST(h->path.p[0] == '/' || str_eq(h->path, "*"));
    MUST(h->length >= 0 && (!h->chunked || h->length == 0));
    MUST(h->n_fields >= 0 && h->n_fields <= HTTP_FIELDS_MAX);
    touch(h->method);
    touch(h->path);
    touch(h->query);
    touch(h->host);
    touch(http_head_field(h, "content-type"));
}

static size_t read_chunks(struct str bytes, size_t piece, int *ret)
{
    struct http_chunked c = { 0 };
    struct http_fault fault = { 0 };
    size_t total = 0;
    int r = 0;

    while (bytes.n > 0 && r == 0 && !http_chunked_is_over(&c)) {
        struct str io = { bytes.p, bytes.n < piece ? bytes.n : piece }, body;

        bytes.p += io.n;
        bytes.n -= io.n;
        do {
            body = STR_NULL;
            r = http_chunked_next(&c, &io, &body, &fault);
            touch(body);
            total += r == 0 ? body.n : 0;
        } while (r == 0 && body.n > 0);
    }
    *ret = r;
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *bytes = input_copy((struct str){ (const char *)data, n });
    struct str all = { bytes, n };
    struct http_fault fault = { 0 };
    struct http_head head;
    size_t scanned = 0, end = 0, slow_end = 0;
    int r = http_head_scan(bytes, n, &scanned, &end, &fault), slow = scan_slowly(all, &slow_end), chunks,
        slow_chunks;

    MUST(end <= n && (r != 0 || slow != 0 || slow_end == end));
    MUST(r == slow || end > 0 || slow_end > 0);
    MUST(read_chunks(all, SIZE_MAX, &chunks) == read_chunks(all, 1, &slow_chunks) || chunks != 0);
    MUST(chunks == slow_chunks);
    if (r == 0 && end > 0 && end <= HTTP_HEAD_BYTES_MAX && http_head_read(bytes, end, &head, &fault) == 0)
        check_head(&head);
    free(bytes);
    return 0;
}

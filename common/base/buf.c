#include "common/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

/* First allocation; then it doubles. */
#define BUF_FIRST 256

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_fini(struct buf *b)
{
    mem_free(b->data);
    *b = BUF_NULL;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data)
        b->data[0] = '\0';
}

static int fail(struct buf *b, int r)
{
    if (b->failed == 0)
        b->failed = r;
    return r;
}

/* Room for len more bytes and the NUL. */
static int reserve(struct buf *b, size_t len)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    char *data;

    if (len > b->max - b->len)
        return fail(b, -EMSGSIZE);
    if (b->len + len < b->cap)
        return 0;
    while (cap <= b->len + len)
        cap *= 2;
    data = mem_realloc(b->data, cap);
    if (!data)
        return fail(b, -ENOMEM);
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    int r = b->failed ? b->failed : reserve(b, len);

    if (r != 0)
        return r;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

/* printf takes ten times as long, and this is done for every event. */
int buf_addi(struct buf *b, int64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (n < 0)
        digits[--at] = '-';
    return buf_add(b, digits + at, sizeof digits - at);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n, r;

    if (b->failed)
        return b->failed;
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    r = n < 0 ? fail(b, -EINVAL) : reserve(b, (size_t)n);
    if (r != 0)
        return r;
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return r;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

int buf_error(const struct buf *b)
{
    return b->failed;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = b->data;
    size_t max = b->max;

    *ret_len = b->len;
    *b = BUF_INIT(max);
    return data;
}

#include "common/store/postgres/array.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/store/postgres/dialect.h"

/* Dimensions, "there are NULLs", element type, length, lower bound. */
#define HEAD_BYTES 20
#define AT_LENGTH  12
/* A batch is a MiB or so; one event is bounded by webhook-ingest. */
#define BYTES_MAX (256u * 1024 * 1024)

static void add_u32(struct buf *b, uint32_t v)
{
    uint32_t be = htobe32(v);

    (void)buf_add(b, &be, sizeof be);
}

void pg_array_begin(struct pg_array *a, enum pg_array_kind kind)
{
    if (!a->bytes.data)
        buf_init(&a->bytes, BYTES_MAX);
    buf_reset(&a->bytes);
    a->kind = kind;
    a->n = 0;
    add_u32(&a->bytes, 1);
    add_u32(&a->bytes, 0);
    add_u32(&a->bytes, (uint32_t)kind);
    add_u32(&a->bytes, 0);
    add_u32(&a->bytes, 1);
}

void pg_array_int(struct pg_array *a, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);

    add_u32(&a->bytes, sizeof be);
    (void)buf_add(&a->bytes, &be, sizeof be);
    a->n++;
}

static void add_clean(struct pg_array *a, struct str v)
{
    CLEANUP(mem_freep) char *clean = mem_alloc(v.n + 1);
    size_t n;

    if (!clean) {
        a->bytes.failed = -ENOMEM;
        return;
    }
    n = pg_clean_text(v, clean);
    add_u32(&a->bytes, (uint32_t)n);
    (void)buf_add(&a->bytes, clean, n);
}

void pg_array_str(struct pg_array *a, struct str v)
{
    bool text = a->kind == PG_ARRAY_TEXT;

    a->n++;
    if (text && v.n > 0 && (!utf8_is_valid(v.p, v.n) || memchr(v.p, '\0', v.n))) {
        add_clean(a, v);
        return;
    }
    add_u32(&a->bytes, (uint32_t)v.n);
    if (v.n > 0)
        (void)buf_add(&a->bytes, v.p, v.n);
}

int pg_array_end(struct pg_array *a)
{
    uint32_t n = htobe32((uint32_t)a->n);

    if (buf_error(&a->bytes) != 0)
        return -ENOMEM;
    memcpy(a->bytes.data + AT_LENGTH, &n, sizeof n);
    return 0;
}

void pg_array_fini(struct pg_array *a)
{
    buf_fini(&a->bytes);
}

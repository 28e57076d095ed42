/*
 * A byte buffer that grows up to a ceiling. The bytes are always followed by a NUL that is not counted.
 *
 * Embed it, start with BUF_INIT(max) or buf_init(), end with buf_fini() (safe on BUF_NULL, twice).
 * A failed append (no memory: -ENOMEM, over the ceiling: -EMSGSIZE) leaves the content as it was and makes
 * `failed` stick, so that a run of appends can be checked once at its end with buf_error().
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NULL while empty and never grown; use buf_str() for text */
    size_t len;
    size_t cap;
    size_t max; /* ceiling for len */
    int failed; /* first error of an append, or 0 */
};

#define BUF_NULL      ((struct buf){ 0 })
#define BUF_INIT(lim) ((struct buf){ .max = (lim) })

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* also for CLEANUP */
void buf_reset(struct buf *b); /* empty, keeps the memory and the ceiling, clears failed */

int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addi(struct buf *b, int64_t n); /* in digits */
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Text of the buffer, "" when empty; lives until the next change. */
const char *buf_str(const struct buf *b);
/* First error of an append since init/reset, or 0. */
int buf_error(const struct buf *b);
/* Gives the bytes away (mem_free them); the buffer is empty afterwards. NULL when it never grew. */
char *buf_take(struct buf *b, size_t *ret_len);

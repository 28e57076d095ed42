/*
 * Text in, values out: numbers, durations, sizes, rates, ids. Pure; nothing allocates.
 * All parse functions take the whole string or fail with -EINVAL (not such a value) or -ERANGE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes, not NUL-terminated. {NULL, 0} is absent; {"", 0} is empty. */
struct str {
    const char *p;
    size_t n;
};
#define STR_NULL   ((struct str){ NULL, 0 })
#define STR_LIT(s) ((struct str){ "" s, sizeof(s) - 1 })

struct str str_from(const char *s); /* NULL gives STR_NULL */
bool str_eq(struct str a, const char *b);
bool str_same(struct str a, struct str b); /* absent is as empty */
bool str_starts(struct str a, const char *prefix);
/* Copies with a NUL into @n bytes; a text that is too long is cut. Absent gives "". */
void str_copy(struct str s, char *ret, size_t n);

int text_to_i64(const char *s, int64_t *ret);
/* true/false, yes/no, on/off, 1/0, in any case. */
int text_to_bool(const char *s, bool *ret);
/* "250ms", "60s", "5m", "2h", "7d"; a bare number is seconds. */
int text_to_duration_ms(const char *s, int64_t *ret_ms);
/* "512", "64k", "256M", "10G" with an optional "iB" ("10GiB"); powers of 1024. */
int text_to_bytes(const char *s, int64_t *ret_bytes);
/* "2/s", "0.5/s", "120/m", "30/h"; a bare number is per second. Result in thousandths of one per second. */
int text_to_rate_milli(const char *s, int64_t *ret_milli_per_s);
/* 2026-11-22T10:04:35Z, 2026-11-22T10:04:35.123Z, 2026-11-22 (midnight UTC) -> ms since the epoch. */
int text_to_time_ms(const char *s, int64_t *ret_ms);

/* Each writes at most n bytes with a NUL and returns ret, for use in a printf. */
char *text_duration(int64_t ms, char *ret, size_t n);   /* "250ms", "4.2s", "5m", "2h", "3d" */
char *text_age(int64_t ms, char *ret, size_t n);        /* the same of whole seconds: "0s", "4s", "5m" */
char *text_bytes(int64_t bytes, char *ret, size_t n);   /* "1.5 MiB" */
char *text_time(int64_t epoch_ms, char *ret, size_t n); /* "2026-11-22T10:04:35.123Z" */

/* A session id or a bridge name that is safe in a URL path, a topic and a file name: [A-Za-z0-9_-]{1,64}.
 * The released zapw does not check ids ("../evil" makes a directory): we do, before every call. */
bool text_is_id(struct str s);

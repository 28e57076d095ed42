/*
 * The one door to the allocator, so that every allocation can be made to fail, and ownership in words.
 *
 * CLEANUP(f) on a declaration: f(&var) runs when the variable leaves its scope. TAKE(p): gives the value of
 * p away and leaves NULL, at the one place where ownership moves.
 */
#pragma once

#include <stddef.h>

#define CLEANUP(f) __attribute__((cleanup(f)))
#define TAKE(p)                    \
    ({                             \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))

/* All return NULL when memory is short; the caller returns -ENOMEM. mem_free(NULL) is nothing. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
void mem_free(void *p);
/* Frees the text at @at and puts a copy of @s there. Returns 0, or -ENOMEM and changes nothing. */
int mem_replace(char **at, const char *s);

/* For CLEANUP on any pointer that mem_free may free. */
void mem_freep(void *pp);

/* Tests: the next n allocations succeed, all after them fail; -1: none fails. */
void mem_fail_after(long n);
/* Tests: the next n allocations succeed, the one after fails, all others succeed. */
void mem_fail_once_after(long n);
/* Tests: of the n above, how many are left. */
long mem_fail_left(void);
/* Tests: an allocation has failed since, or the next one would. */
int mem_has_failed(void);
/* Tests: how many blocks of ours are allocated now. */
long mem_live(void);

/*
 * After start-up: returns freed heap and the clean, file-backed pages that only start-up touched (dynamic
 * linking, library initialisation) to the kernel. They come back from the page cache when used. Keeps an
 * idle service small: 30-odd shared libraries cost 8 MiB of resident pages that are never used again.
 */
void mem_trim_startup(void);

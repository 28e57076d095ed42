/*
 * malloc with a counter that can make any allocation fail and one that knows how many blocks live. Both are
 * relaxed atomics: a commit thread allocates too.
 */
#include "common/base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_long fail_after = -1;
static int fail_once;
/* A value of fail_after: one has failed, and that was all. */
#define FAILED_ONCE (-2)
static atomic_long live;

/* True when this allocation has to fail. */
static int must_fail(void)
{
    long n = atomic_load_explicit(&fail_after, memory_order_relaxed);

    if (n < 0)
        return 0;
    if (n > 0 || fail_once)
        atomic_store_explicit(&fail_after, n > 0 ? n - 1 : FAILED_ONCE, memory_order_relaxed);
    return n == 0;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : counted(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return must_fail() ? NULL : counted(calloc(1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
    if (!p)
        return mem_alloc(size);
    return must_fail() ? NULL : realloc(p, size ? size : 1);
}

char *mem_strndup(const char *s, size_t n)
{
    char *copy = mem_alloc(n + 1);

    if (!copy)
        return NULL;
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

int mem_replace(char **at, const char *s)
{
    char *copy = mem_strdup(s);

    if (!copy)
        return -ENOMEM;
    mem_free(*at);
    *at = copy;
    return 0;
}

void mem_freep(void *pp)
{
    void **p = pp;

    mem_free(*p);
    *p = NULL;
}

void mem_fail_once_after(long n)
{
    fail_once = 1;
    atomic_store_explicit(&fail_after, n, memory_order_relaxed);
}

void mem_fail_after(long n)
{
    fail_once = 0;
    atomic_store_explicit(&fail_after, n, memory_order_relaxed);
}

long mem_fail_left(void)
{
    return atomic_load_explicit(&fail_after, memory_order_relaxed);
}

int mem_has_failed(void)
{
    long n = atomic_load_explicit(&fail_after, memory_order_relaxed);

    return n == 0 || n == FAILED_ONCE;
}

long mem_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

#ifdef UNDER_SANITIZER
void mem_trim_startup(void)
{
}
#else

/* One mapping of /proc/self/smaps, as far as it matters here. */
struct mapping {
    unsigned long from, to;
    int from_file; /* a name that begins with '/' */
    int writable, private_;
    unsigned long dirty_kib;
};

/* Clean pages of a file that cannot be written come back from the page cache unchanged. Pages that the
 * dynamic linker relocated and then protected are dirty: dropping those would undo the relocation, so one
 * dirty page keeps the mapping. */
static void drop(const struct mapping *m)
{
    if (m->to > m->from && m->from_file && m->private_ && !m->writable && m->dirty_kib == 0)
        (void)madvise((void *)m->from, m->to - m->from,
                      MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
}

void mem_trim_startup(void)
{
    struct mapping m = { 0 };
    char line[512], perms[5], path[2];
    unsigned long from, to, kib;
    FILE *f = fopen("/proc/self/smaps", "re");

    (void)malloc_trim(0);
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        path[0] = '\0';
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %1s", &from, &to, perms, path) >= 3) {
            drop(&m);
            m = (struct mapping){ .from = from,
                                  .to = to,
                                  .from_file = path[0] == '/',
                                  .writable = perms[1] == 'w',
                                  .private_ = perms[3] == 'p' };
        } else if (sscanf(line, "Private_Dirty: %lu", &kib) == 1 ||
                   sscanf(line, "Shared_Dirty: %lu", &kib) == 1 ||
                   sscanf(line, "Anonymous: %lu", &kib) == 1 || sscanf(line, "Swap: %lu", &kib) == 1) {
            m.dirty_kib += kib;
        }
    }
    drop(&m);
    (void)fclose(f);
}
#endif

/*
 * One door for all allocations of a test: ours (mem_*), SQLite's and libcurl's (msgpack's are mem_* already), so that
 * mem_fail_after() and mem_fail_once_after() close it for all of them.
 */
#pragma once

#include <curl/curl.h>
#include <malloc.h>
#include <sqlite3.h>

#include "common/base/mem.h"

static inline void *door_sqlite_alloc(int n)
{
    return mem_alloc((size_t)n);
}

static inline void *door_sqlite_realloc(void *p, int n)
{
    return mem_realloc(p, (size_t)n);
}

static inline int door_sqlite_size(void *p)
{
    return (int)malloc_usable_size(p);
}

static inline int door_sqlite_round(int n)
{
    return (n + 7) & ~7;
}

static inline int door_sqlite_init(void *ctx)
{
    return SQLITE_OK;
}

static inline void door_sqlite_shutdown(void *ctx)
{
}

static inline void *door_curl_zalloc(size_t n, size_t size)
{
    return mem_zalloc(n * size);
}

/* Before anything else uses SQLite or libcurl. Returns 0 when all of them use the door. */
static inline int memory_door_open(void)
{
    static const sqlite3_mem_methods methods = { door_sqlite_alloc,    mem_free,
                                                 door_sqlite_realloc,  door_sqlite_size,
                                                 door_sqlite_round,    door_sqlite_init,
                                                 door_sqlite_shutdown, NULL };

    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK || sqlite3_initialize() != SQLITE_OK)
        return -1;
    return (int)curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_realloc, mem_strdup,
                                     door_curl_zalloc);
}

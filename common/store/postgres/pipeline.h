/* Several statements in one round trip: they are collected, sent together, and answered in their order. When one fails the
 * server skips those after it. */
#pragma once

#include <stdint.h>

#include "common/store/postgres/connection.h"

#define PG_PIPELINE_MAX 8

struct pg_pipeline {
    struct pg_db *d;
    int n;
    int r; /* of the first failure */
    PGresult *results[PG_PIPELINE_MAX];
};

/* To be ended by pg_pipeline_run(). */
void pg_pipeline_begin(struct pg_pipeline *p, struct pg_db *d);
/* A text to prepare under @name. */
void pg_pipeline_prepare(struct pg_pipeline *p, const char *name, const char *sql);
/* A prepared statement; the values are copied. Returns the index of its result. */
int pg_pipeline_add(struct pg_pipeline *p, const char *name, int n, const char *const *values,
                    const int *lengths, const int *formats);
/* Sends all and waits for the answers, at most @limit_ms from one to the next. Returns 0, or the -errno of the first
 * failure; -ENOTCONN: any number of them may have been done. */
int pg_pipeline_run(struct pg_pipeline *p, int limit_ms);
/* Number in the first row of result @i, 0: there is none. */
int64_t pg_pipeline_int(const struct pg_pipeline *p, int i);
void pg_pipeline_fini(struct pg_pipeline *p);

/*
 * Statements of a transaction that are sent with a later one: BEGIN, the lock of the part and the fence go with the first statement,
 * writes with the next one that is asked for an answer, or with COMMIT. So a transaction of writes alone is one round trip, however
 * many they are, and holds its lock no longer than that. A failure comes back from a later call, at the latest from the commit.
 */
#pragma once

#include <stdbool.h>

#include "common/store/postgres/connection.h"

/* Begins a transaction that may write; nothing is sent, except once on a connection, to prepare the statements for it.
 * Returns 0 or -errno. */
int pg_defer_begin(struct pg_db *d);
/* A write. The values are copied. Returns 0 or -errno. */
int pg_defer(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
             const int *formats);
/* A statement with an answer, and all before it. *ret is to be cleared, also on failure. Returns as pg_settle(). */
int pg_defer_query(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
                   const int *formats, PGresult **ret);
/* Sends all, and reads the answers. Returns 0, -EPERM: another program has the role, or -errno of the first failure. */
int pg_settle(struct pg_db *d);
/* Settles with COMMIT, and with NOTIFY if state changed; nothing when nothing was sent. On failure the caller rolls back. */
int pg_defer_commit(struct pg_db *d);

static inline bool pg_has_deferred(const struct pg_db *d)
{
    return d->begin_deferred || d->n_deferred > 0;
}

/*
 * Writes of a transaction that are sent with its end: BEGIN, the fence, the writes and COMMIT are one round trip, however many
 * writes there are. A failure comes back from a later call, at the latest from the commit. For connections of a role to the
 * forwarder's part: they commit after each pass of the loop, which waits for them.
 *
 * A call that needs an answer settles first.
 */
#pragma once

#include <stdbool.h>

#include "common/store/postgres/connection.h"

bool pg_defers(const struct pg_db *d);
/* Once for each connection that may defer. Returns 0 or -errno. */
int pg_defer_prepare(struct pg_db *d);
/* Nothing is sent yet. */
void pg_defer_begin(struct pg_db *d);
/* The values are copied. Returns 0 or -errno. */
int pg_defer(struct pg_db *d, const char *name, int n, const char *const *values, const int *lengths,
             const int *formats);
/* Sends all, and reads the answers. Returns 0, -EPERM: another program has the role, or -errno of the first failure. */
int pg_settle(struct pg_db *d);
/* Settles with COMMIT; nothing when nothing was written. On failure the caller rolls back. */
int pg_defer_commit(struct pg_db *d);

/* Transactions of PostgreSQL; each function is that of engine.h. */
#pragma once

#include "common/store/engine.h"

int pg_begin(struct db *db);
int pg_begin_bridge(struct db *db, const char *bridge);
int pg_commit(struct db *db);
void pg_rollback(struct db *db);
bool pg_in_transaction(const struct db *db);
int pg_begin_reads(struct db *db);
void pg_end_reads(struct db *db);
int pg_data_version(struct db *db, int64_t *ret);
void pg_notify_as(struct db *db, const char *who);
int pg_notify_fd(struct db *db, int *ret);
int pg_notify_take(struct db *db);
int pg_check_writable(struct db *db);
int pg_ping(struct db *db);

/* From now on every transaction of @db holds the row of @role, and fails with -EPERM unless its fence is @fence. */
void pg_set_fence(struct db *db, const char *role, int64_t fence);

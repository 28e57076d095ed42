/* Transactions of SQLite; each function is that of engine.h. */
#pragma once

#include "common/store/engine.h"

int sqlite_begin(struct db *db);
int sqlite_commit(struct db *db);
void sqlite_rollback(struct db *db);
bool sqlite_in_transaction(const struct db *db);
int sqlite_begin_reads(struct db *db);
void sqlite_end_reads(struct db *db);
int sqlite_data_version(struct db *db, int64_t *ret);
int sqlite_check_writable(struct db *db);

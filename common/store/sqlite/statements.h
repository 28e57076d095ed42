/* Prepared statements of SQLite; each function is that of engine.h. */
#pragma once

#include "common/store/engine.h"

int sqlite_prepare(struct db *db, const char *text, const char *fmt, struct sql **ret);
void sqlite_finalize(struct sql *q);
int sqlite_bind_int(struct sql *q, int at, int64_t v);
int sqlite_bind_text(struct sql *q, int at, struct str s);
int sqlite_bind_blob(struct sql *q, int at, struct str s);
int sqlite_bind_null(struct sql *q, int at);
int sqlite_next(struct sql *q);
int sqlite_run_to_end(struct sql *q);
void sqlite_reset(struct sql *q);
int64_t sqlite_column_int(const struct sql *q, int column);
struct str sqlite_column_text(const struct sql *q, int column);
struct str sqlite_column_blob(const struct sql *q, int column);
bool sqlite_column_is_null(const struct sql *q, int column);
int sqlite_exec(struct db *db, const char *sql);
int64_t sqlite_changes(const struct db *db);

/* Prepared statements of PostgreSQL; each function is that of engine.h. */
#pragma once

#include "common/store/engine.h"

int pg_prepare(struct db *db, const char *text, const char *fmt, struct sql **ret);
void pg_finalize(struct sql *q);
int pg_bind_int(struct sql *q, int at, int64_t v);
int pg_bind_text(struct sql *q, int at, struct str s);
int pg_bind_blob(struct sql *q, int at, struct str s);
int pg_bind_null(struct sql *q, int at);
int pg_next(struct sql *q);
int pg_run_to_end(struct sql *q);
void pg_reset(struct sql *q);
int64_t pg_column_int(const struct sql *q, int column);
struct str pg_column_text(const struct sql *q, int column);
bool pg_column_is_null(const struct sql *q, int column);
int64_t pg_changes(const struct db *db);

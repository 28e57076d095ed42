/* Reading the log; each function is that of engine.h. */
#pragma once

#include "common/store/engine.h"

bool pg_log_is_stale(const struct db *db);
int pg_begin_snapshot(struct db *db);
void pg_end_snapshot(struct db *db);
int pg_scan(struct db *db, const struct event_ids *ids, int64_t from_seq, const struct event_filter *filter,
            int limit, struct event_rows *rows);

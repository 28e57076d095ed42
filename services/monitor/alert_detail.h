/*
 * Why a session has its alert, in words: the meaning of its cause, the attempts so far and the bridge's own words about
 * the last one.
 */
#pragma once

#include "common/base/buf.h"
#include "common/store/db.h"
#include "services/monitor/session_table.h"

struct alert_detail_at {
    const struct rules *rules;
    const char *bridge;
    int64_t now, now_wall; /* steady and wall ms */
};
/* Reads state.db, inside the caller's transaction if there is one. Appends to @out, which may stay empty. Returns 0 or
 * -errno. */
int alert_detail(struct db *db, const struct alert_detail_at *of, const struct tracked_session *s,
                 struct buf *out);

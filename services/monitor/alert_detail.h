/*
 * Why a session has its alert, in words: the meaning of its cause, the attempts so far and the bridge's own words about
 * the last one.
 */
#pragma once

#include "common/base/buf.h"
#include "common/store/db.h"
#include "services/monitor/session_table.h"

/* Reads state.db, inside the caller's transaction if there is one. Appends to @out, which may stay empty. Returns 0 or
 * -errno. */
int alert_detail(struct db *db, const char *bridge, const struct tracked_session *s, struct buf *out);

/* A session as JSON: a row of the table, and its next action. */
#pragma once

#include "common/base/json_out.h"
#include "common/reconnect/reconnect.h"
#include "services/console/session_list.h"
#include "services/console/strip.h"

/* The keys of a SessionRow inside an open object. @db: state.db. Returns 0 or a negative. */
int session_json_row(struct db *db, const struct now *now, const struct session_item *i, struct json_out *j);
/* The strip of a session until now. */
int session_json_strip(struct db *db, const struct now *now, const struct session_row *row, int slots,
                       int64_t slot_ms, struct strip *ret);
/* "next": {…}, and *ret_driver, the bridge's driver. */
int session_json_next(struct db *db, const struct now *now, const struct session_item *i, struct json_out *j,
                      char ret_driver[16]);

/*
 * What the files about state.db's rows share; for this folder alone.
 */
#pragma once

#include <stdbool.h>

#include "common/store/bridges.h"
#include "common/store/reconnects.h"
#include "common/store/sql.h"

/* A transaction of one's own, or a part of the caller's. */
struct txn {
    struct db *db;
    bool own;
};
int txn_begin(struct txn *t, struct db *db);
/* Commits for @r >= 0, rolls back for @r < 0 (the caller's transaction is left to the caller). Returns @r, or
 * what the commit failed with. */
int txn_end(const struct txn *t, int r);

/* The row, or a new one that is not in the table yet. */
int bridges_get(struct db *db, const char *name, struct bridge_row *ret);
int bridges_save(struct db *db, const struct bridge_row *row);
/* A session connected: if a restart by the hook was meant to do that, the next need not wait longer. */
int bridges_hook_helped(struct db *db, const char *name);

int64_t steady_to_wall(const struct now *now, int64_t steady_ms);

/* The row, or an idle one that is not in the table yet. */
int reconnects_get(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret);
/* Writes row with row->retry = *next. What follows from a change of phase (since when it is parked, whether
 * that is to be published, its shuffle_key) is set here. @detail: why it is parked, or
 * NULL. */
int reconnects_save(struct db *db, const struct now *now, struct reconnect_row *row, const struct retry *next,
                    const char *detail, uint64_t rand64);
/* Unparks all sessions of the bridge that are parked for that reason. */
int reconnects_unpark_all(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                          enum retry_park park, uint64_t rand64, int64_t *ret_n);
/* The state the monitor holds of it; RECONNECTS_NONE when there is no such session. */
int reconnects_session(struct db *db, const char *bridge, const char *session, struct retry_session *ret,
                       char ret_cause[32]);

/* A new attempt; its token is the fence. */
int attempts_begin(struct db *db, const struct now *now, const struct attempt_row *row, int64_t breaker_gen,
                   int64_t *ret_token);
/* The call was answered: feeds the breaker's window. */
int attempts_answered(struct db *db, const struct now *now, int64_t token, const struct call_result *result,
                      bool fault);
/* Over: to be published. @next is the session's retry after it. @detail NULL: as it is. */
int attempts_end(struct db *db, const struct now *now, int64_t token, enum attempt_outcome outcome,
                 const struct retry *next, const char *detail);
int attempts_breaker_gen(struct db *db, int64_t token, int64_t *ret);
int attempts_window(struct db *db, const char *bridge, int64_t after, struct breaker_window *ret);

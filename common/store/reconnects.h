/*
 * The reconnection of each session, one row in state.db: a struct retry with its worker, park and place in
 * the queue. The transactions that change it are in common/reconnect; these functions read and write rows.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own. An @on_row must not
 * write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/retry.h"
#include "common/store/attempts.h"
#include "common/store/bridges.h"
#include "common/store/db.h"
#include "common/store/sessions.h"

#define RECONNECTS_NONE 1 /* answer: no such row */

struct reconnect_row {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    struct retry retry;
    char worker[ATTEMPTS_WORKER_MAX]; /* the worker that holds or held the newest attempt */
    int64_t parked_since;             /* wall ms, 0: not parked */
    char park_detail[ATTEMPTS_DETAIL_MAX];
    bool park_published; /* on the bus; a session that is not parked has nothing to publish */
    int64_t shuffle_key; /* random: the order of those that are due at the same time */
};

/* Returns 0, RECONNECTS_NONE, or -errno. */
int reconnects_find(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret);
/* The row, or an idle one that is not in the table yet. */
int reconnects_get(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret);
/* Writes row with row->retry = *next, and the effects of a change of phase: since when it is parked, whether
 * that is to be published, its shuffle_key. @detail: why it is parked, or NULL. */
int reconnects_save(struct db *db, const struct now *now, struct reconnect_row *row, const struct retry *next,
                    const char *detail, uint64_t rand64);
/* The part of the session's row that decides; @ret_cause (may be NULL) its cause. RECONNECTS_NONE: no such
 * session. */
int reconnects_session(struct db *db, const char *bridge, const char *session, struct retry_session *ret,
                       char ret_cause[32]);

/* ---- by phase -------------------------------------------------------------------------------- */

/* All rows of all bridges, in order of bridge and session. */
int reconnects_each(struct db *db, int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx);
/* CALLING or VERIFYING; @bridge NULL: all. */
int reconnects_each_open(struct db *db, const char *bridge,
                         int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx);
/* PARKED; @bridge NULL: all. */
int reconnects_each_parked(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, enum retry_park park), void *ctx);
/* The first in the queue whose time has come. RECONNECTS_NONE: nothing is due. Times are steady ms. */
int reconnects_first_due(struct db *db, const char *bridge, int64_t due_until, struct reconnect_row *ret);
/* One whose lease ended by @lease_until, or whose verification ended by @verify_until. RECONNECTS_NONE: none. */
int reconnects_first_lapsed(struct db *db, const char *bridge, int64_t lease_until, int64_t verify_until,
                            struct reconnect_row *ret);
/* One that is parked for that reason. RECONNECTS_NONE: none. */
int reconnects_first_parked(struct db *db, const char *bridge, enum retry_park park,
                            struct reconnect_row *ret);

/* The earliest times of the bridge's rows, steady ms; 0: there is no such row. */
struct reconnect_times {
    int64_t due_at, lease_until, verify_until;
};
int reconnects_times(struct db *db, const char *bridge, struct reconnect_times *ret);

struct reconnect_queue {
    int64_t phase[RETRY_PHASE_N]; /* sessions in each phase */
    int64_t waiting;              /* DUE and its time has come */
    int64_t oldest_due_at;        /* steady ms of the one that waits longest, 0: none */
};
int reconnects_queue(struct db *db, const struct now *now, const char *bridge, struct reconnect_queue *ret);
/* Rows that are due by now and come before @row. */
int reconnects_count_ahead(struct db *db, const struct now *now, const struct reconnect_row *row,
                           int64_t *ret);
/* Claims whose lease holds. */
int reconnects_count_in_flight(struct db *db, const struct now *now, const char *bridge, int64_t *ret);

/* ---- publishing ------------------------------------------------------------------------------ */

/* Is there an attempt that ended, or a session that was parked, and that is not on the bus yet? */
int reconnects_has_unpublished(struct db *db, const char *bridge, bool *ret);
int reconnects_each_unpublished_park(struct db *db, const char *bridge, int limit,
                                     int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx);
int reconnects_set_park_published(struct db *db, const char *bridge, const char *session);

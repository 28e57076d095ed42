/*
 * The log of attempts in state.db. Its rowid is the fencing token of a claim. A row that has ended waits to be published:
 * one worker takes it, marks it and sends the bus message.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/retry.h"
#include "common/store/db.h"
#include "common/store/sessions.h"

#define ATTEMPTS_WORKER_MAX 80
#define ATTEMPTS_DETAIL_MAX 320 /* our reason, and 200 bytes of the bridge's own message */
/* Attempts kept per session. */
#define ATTEMPTS_MAX 50

struct attempt_row {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    int64_t token;   /* ever increasing, unique over all sessions */
    int64_t attempt; /* number since the counters began */
    enum retry_reason reason;
    enum attempt_outcome outcome;
    char cause[32];
    char worker[ATTEMPTS_WORKER_MAX];
    int64_t at;    /* wall ms of the claim */
    int64_t ended; /* wall ms, 0: open */
    int http_status;
    int64_t took_ms;     /* of the call, -1: no call was made */
    int64_t next_at;     /* wall ms of the next attempt, about; 0: none planned */
    bool parked;         /* the attempt that parked the session */
    int64_t breaker_gen; /* the breaker's period it began in */
    int64_t answered_at; /* steady ms, 0: not answered */
    bool fault;          /* the answer was a fault of the bridge */
    bool published;      /* on the bus; an open attempt has nothing to publish */
    char detail[ATTEMPTS_DETAIL_MAX];
};

/* Adds an open attempt; its token is the fence. The oldest attempts of the session beyond ATTEMPTS_MAX are removed. */
int attempts_begin(struct db *db, const struct attempt_row *row, int64_t *ret_token);
/* The call was answered at @answered_at (steady ms); outcome, http_status, took_ms, fault and detail are those of @row. */
int attempts_answered(struct db *db, int64_t token, const struct attempt_row *row);
/* The attempt is over and is to be published. @next: the session's retry after it. @detail NULL: unchanged. */
int attempts_end(struct db *db, const struct now *now, int64_t token, enum attempt_outcome outcome,
                 const struct retry *next, const char *detail);
/* The breaker's period in which that attempt began; 0 when the attempt is not known. */
int attempts_breaker_gen(struct db *db, int64_t token, int64_t *ret);
/* Attempts of the bridge that were answered after @after (steady ms). */
int attempts_window(struct db *db, const char *bridge, int64_t after, struct breaker_window *ret);

/* The answered attempt of the session before that with @token: when (steady ms, 0: there is none) and whether it was a
 * fault, of the bridge or the session's own. */
int attempts_before(struct db *db, const char *bridge, const char *session, int64_t token,
                    int64_t *ret_answered_at, bool *ret_fault);
/* Calls of the bridge's other sessions: answered well after @well_after, with a fault after @bad_after (steady ms). */
int attempts_of_others(struct db *db, const char *bridge, const char *session, int64_t well_after,
                       int64_t bad_after, int64_t *ret_well, int64_t *ret_bad);

/* Newest first. @on_row must not write. */
int attempts_each(struct db *db, const char *bridge, const char *session, int limit,
                  int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx);
/* Ended and not published, oldest first. @on_row must not write. */
int attempts_each_unpublished(struct db *db, const char *bridge, int limit,
                              int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx);
int attempts_set_published(struct db *db, int64_t token);

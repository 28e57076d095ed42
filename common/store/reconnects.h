/*
 * The reconnection of each session in state.db: what is due, claims (leases with a fencing token), the log of
 * attempts. What to do is decided by common/policy/retry.h; this file reads the rows, asks, and writes, in
 * one transaction.
 *
 *   monitor   reconnects_follow()         a state or a cause changed: puts up, confirms, cancels, parks
 *             reconnects_each_open()      attempts to watch: poll at 2, 5, 10, 20 s after called_at
 *             reconnects_not_connected()  looked at verify_until: the attempt failed
 *   worker    reconnects_claim()          takes what is due
 *             reconnects_called()         the call is over
 *             reconnects_collect()        what has ended and was not told yet: ring it (R6: only the
 *                                         monitor's word makes a success; whoever collects it rings it, once)
 *   operator  reconnects_ask/park/unpark(), reconnects_why()
 *
 * Functions that change rows run inside the caller's transaction if there is one, else in their own. @rand64:
 * any random number. @now: of steady_now(), read inside that same transaction where there is one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/policy/retry.h"
#include "common/store/bridges.h"
#include "common/store/db.h"
#include "common/store/sessions.h"

#define RECONNECTS_WORKER_MAX 80
#define RECONNECTS_DETAIL_MAX 160
/* Attempts kept per session. */
#define RECONNECTS_ATTEMPTS_MAX 50

#define RECONNECTS_NONE    1 /* answer: no such session or nothing there */
#define RECONNECTS_REFUSED 2 /* answer: the verdict says why */
#define RECONNECTS_STALE   3 /* answer: the token is not the newest any more; nothing was recorded */

struct reconnect_row {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    struct retry retry;
    char worker[RECONNECTS_WORKER_MAX]; /* who holds or held the newest attempt */
    int64_t parked_since;               /* wall ms, 0: not parked */
    char park_detail[RECONNECTS_DETAIL_MAX];
    bool park_published; /* the bus has heard that it is parked */
    int64_t shuffle_key; /* random: the order of those that are due at the same time */
};
/* Returns 0, RECONNECTS_NONE, or -errno. */
int reconnects_find(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret);

/* ---- the monitor ----------------------------------------------------------------------------- */

struct reconnect_followed {
    struct retry before, after; /* after.phase DUE and before.phase not: ring reconnect.due */
    struct retry_effect effect;
    int64_t due_wall; /* DUE: about when, for people */
};
/* Call it after sessions_save(), in the same transaction, whenever state or cause of a session changed (and
 * for a session that is first seen); and once for every session that is still down when an incident ends. */
int reconnects_follow(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session, const struct retry_change *change, uint64_t rand64,
                      struct reconnect_followed *ret);
/* Rows that are CALLING or VERIFYING; @bridge NULL: all. @on_row must not write. */
int reconnects_each_open(struct db *db, const char *bridge,
                         int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx);
/* Sessions that are parked; @bridge NULL: all. @on_row must not write. */
int reconnects_each_parked(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, enum retry_park park), void *ctx);
/* The monitor has asked the bridge at or after retry.verify_until, and the session was in @state. @detail for
 * people. Returns 0, RECONNECTS_STALE (that attempt is over already), -errno. */
int reconnects_not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                             const char *session, int64_t token, enum session_state state, const char *detail,
                             uint64_t rand64);

/* ---- workers --------------------------------------------------------------------------------- */

/* The most that one transaction claims. */
#define RECONNECTS_CLAIM_MAX 16

struct claim {
    char session[SESSIONS_ID_MAX];
    int64_t token;
    int64_t claimed_at; /* steady ms */
    int64_t attempt;    /* its number since the counters began */
    enum retry_reason reason;
    char cause[32]; /* of the drop */
};
struct claims {
    struct claim claim[RECONNECTS_CLAIM_MAX];
    int n;
    struct retry_verdict verdict; /* why no more: WHY_READY: nothing else is due */
    struct now now;               /* when it was decided */
    int64_t next_at;              /* steady ms when something may be due next, 0: not known */
    int64_t repaired;             /* attempts of dead workers and the like that were ended by the way */
};
struct claim_options {
    const struct policy *policy;
    const char *bridge, *worker;
    int max;      /* 1 … RECONNECTS_CLAIM_MAX */
    bool by_hook; /* this bridge is restarted as a whole: one at a time, hook_spacing_ms apart */
    int64_t hook_spacing_ms;
};
/*
 * In one transaction of its own: ends what has lapsed, then takes up to max sessions that are due, eligible
 * and within spacing, bucket, breaker and in-flight limit, longest due first. Does not write when there is
 * nothing to do. Returns 0 (n may be 0) or -errno (-EAGAIN: the store is busy).
 */
int reconnects_claim(struct db *db, struct clock *clock, struct rng *rng, const struct claim_options *o,
                     struct claims *ret);

struct call_result {
    struct retry_call call;
    int http_status; /* 0: no answer */
    int64_t took_ms;
    const char *detail; /* for people, no secrets, may be NULL */
};
/* In one transaction of its own: records the end of a call. Returns 0, RECONNECTS_STALE, or -errno. */
int reconnects_called(struct db *db, struct clock *clock, struct rng *rng, const struct policy *p,
                      const char *bridge, const char *session, int64_t token,
                      const struct call_result *result);

/* Parks every session that has been due for @waited_ms, because nothing can be done for it (no reconnect call
 * and no hook), and the other way round: unparks those that were parked so. Both only read when there is
 * nothing to do. How many: *ret_n. */
int reconnects_park_no_method(struct db *db, const struct now *now, const char *bridge, int64_t waited_ms,
                              const char *detail, int64_t *ret_n);
int reconnects_unpark_no_method(struct db *db, const struct policy *p, const struct now *now,
                                const char *bridge, int64_t *ret_n);

/* One attempt of the log. */
struct attempt_row {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    int64_t token;   /* ever increasing, unique over all sessions */
    int64_t attempt; /* number since the counters began */
    enum retry_reason reason;
    enum attempt_outcome outcome;
    char cause[32];
    char worker[RECONNECTS_WORKER_MAX];
    int64_t at;    /* wall ms of the claim */
    int64_t ended; /* wall ms, 0: open */
    int http_status;
    int64_t took_ms; /* of the call, -1: no call was made */
    int64_t next_at; /* wall ms of the next attempt, about; 0: none planned */
    bool parked;     /* it was the one that parked the session */
    char detail[RECONNECTS_DETAIL_MAX];
};
/* Newest first. @on_row must not write. */
int reconnects_each_attempt(struct db *db, const char *bridge, const char *session, int limit,
                            int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx);

/* Attempts that ended and sessions that were parked, and nobody was told: each is given to exactly one caller
 * over all processes (marked in the same transaction, at most 64 a call: *ret_more says to call again). */
struct parked_session {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    enum retry_park park;
    char detail[RECONNECTS_DETAIL_MAX];
    int64_t attempts;
};
int reconnects_collect(struct db *db, const char *bridge,
                       void (*on_attempt)(void *ctx, const struct attempt_row *row),
                       void (*on_park)(void *ctx, const struct parked_session *park), void *ctx,
                       bool *ret_more);

/* ---- operators and those who show ------------------------------------------------------------ */

/* Puts up an attempt by hand. Returns 0 (ring reconnect.due), RECONNECTS_NONE, RECONNECTS_REFUSED with the
 * reason in *ret, or -errno. */
int reconnects_ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                   const char *session, bool force, struct retry_verdict *ret);
/* Returns 0, RECONNECTS_NONE (no such session). Parking a parked one changes the reason. */
int reconnects_park(struct db *db, const struct now *now, const char *bridge, const char *session,
                    const char *detail);
/* Also ends the park of the whole bridge as outdated when that was the reason. Returns 0, RECONNECTS_NONE,
 * RECONNECTS_REFUSED (it is not parked). */
int reconnects_unpark(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session);

struct reconnect_outlook {
    struct reconnect_row row;             /* phase IDLE and zeros when there is none yet */
    struct retry_verdict session, bridge; /* WHY_READY, or what stands in the way on either side */
    int64_t ahead;                        /* DUE: how many are due before it */
    int64_t next_at; /* steady ms, about when it is attempted; 0: not known, or not planned */
    int64_t park_at; /* steady ms: DUE, but there is no way: it is parked then; 0: no */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* … and why */
};
/* What happens next to a session, and why not sooner. Returns 0, RECONNECTS_NONE (no such session). */
int reconnects_why(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                   const char *session, struct reconnect_outlook *ret);

struct reconnect_queue {
    int64_t phase[RETRY_PHASE_N]; /* sessions in each phase */
    int64_t waiting;              /* DUE and its time has come */
    int64_t oldest_due_at;        /* steady ms of the one that waits longest, 0: none */
    int64_t next_due_at;          /* steady ms of the next whose time has not come, 0: none */
};
int reconnects_queue(struct db *db, const struct now *now, const char *bridge, struct reconnect_queue *ret);
/* Claims whose lease holds. */
int reconnects_count_in_flight(struct db *db, const struct now *now, const char *bridge, int64_t *ret);

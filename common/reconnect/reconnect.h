/*
 * The transactions of reconnection: each reads rows of state.db, lets common/policy/retry.h decide, and
 * writes the result in one transaction.
 *
 *   monitor   reconnect_follow()         a state or a cause changed: plans, confirms, cancels, parks
 *             reconnect_not_connected()  the verification ended without a connection: the attempt failed
 *   worker    reconnect_claim()          takes sessions that are due
 *             reconnect_called()         the call is over
 *             reconnect_collect()        attempts that ended and sessions that were parked, each for one
 *                                        publisher (R6: an attempt succeeds when the monitor saw the session connected)
 *   operator  reconnect_ask(), reconnect_park(), reconnect_unpark(), reconnect_outlook()
 *
 * Functions that change rows run inside the caller's transaction if there is one, else in their own;
 * reconnect_claim() always begins its own. @rand64: any random number. @now: of steady_now(), read inside
 * that same transaction where there is one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/policy/retry.h"
#include "common/store/reconnects.h"

/* Answers, besides RECONNECTS_NONE (no such session, or nothing there). */
#define RECONNECT_REFUSED 2 /* the verdict says why */
#define RECONNECT_STALE   3 /* the token is not the newest any more; nothing was recorded */

/* ---- the monitor ----------------------------------------------------------------------------- */

struct reconnect_followed {
    struct retry before, after; /* after.phase DUE and before.phase not: publish reconnect.due */
    struct retry_effect effect;
    int64_t due_wall; /* DUE: about when, for people */
};
/* Call it after sessions_save(), in the same transaction, whenever state or cause of a session changed (and
 * for a session that is first seen); and once for every session that is still down when an incident ends. */
int reconnect_follow(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                     const char *session, const struct retry_change *change, uint64_t rand64,
                     struct reconnect_followed *ret);
/* The monitor has asked the bridge at or after retry.verify_until, and the session was in @state. @detail for
 * people. Returns 0, RECONNECT_STALE (that attempt is over already), -errno. */
int reconnect_not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                            const char *session, int64_t token, enum session_state state, const char *detail,
                            uint64_t rand64);

/* Coming UP from DOWN begins the slow start of the bucket. @detail: why, for people. */
int reconnect_set_bridge_health(struct db *db, const struct now *now, const char *bridge,
                                enum bridge_health health, const char *detail);
/* While an incident lasts nothing is claimed; its end begins the slow start. @detail: the reason, for people. */
int reconnect_set_bridge_incident(struct db *db, const struct now *now, const char *bridge, bool on,
                                  const char *detail);

/* ---- workers --------------------------------------------------------------------------------- */

/* The limits that this worker keeps, for those who read reconnect_policy_of(). */
int reconnect_set_policy(struct db *db, const char *bridge, const struct policy *p);
/* The policy as far as it is known from the row, the rest as in policy_default: for the CLI and the console. */
struct policy reconnect_policy_of(const struct bridge_row *row);

/* The most that one transaction claims. */
#define RECONNECT_CLAIM_MAX 16

struct claim {
    char session[SESSIONS_ID_MAX];
    int64_t token;
    int64_t claimed_at; /* steady ms */
    int64_t attempt;    /* its number since the counters began */
    enum retry_reason reason;
    char cause[32]; /* of the drop */
};
struct claims {
    struct claim claim[RECONNECT_CLAIM_MAX];
    int n;
    struct retry_verdict verdict; /* why no more: WHY_READY: nothing else is due */
    struct now now;               /* when it was decided */
    int64_t next_at;              /* steady ms when something may be due next, 0: not known */
    int64_t repaired;             /* attempts of dead workers and the like that this call ended */
};
struct claim_options {
    const struct policy *policy;
    const char *bridge, *worker;
    int max;      /* 1 … RECONNECT_CLAIM_MAX */
    bool by_hook; /* this bridge is restarted as a whole: one at a time, hook_spacing_ms apart */
    int64_t hook_spacing_ms;
};
/*
 * In one transaction of its own: ends lapsed attempts, then takes up to max sessions that are due, eligible
 * and within spacing, bucket, breaker and in-flight limit, longest due first. Writes only when there is
 * something to do. Returns 0 (n may be 0) or -errno (-EAGAIN: the store is busy).
 */
int reconnect_claim(struct db *db, struct clock *clock, struct rng *rng, const struct claim_options *o,
                    struct claims *ret);

struct call_result {
    struct retry_call call;
    int http_status; /* 0: no answer */
    int64_t took_ms;
    const char *detail; /* for people, no secrets, may be NULL */
};
/* Records the end of a call. Returns 0, RECONNECT_STALE, or -errno. */
int reconnect_called(struct db *db, struct clock *clock, struct rng *rng, const struct policy *p,
                     const char *bridge, const char *session, int64_t token,
                     const struct call_result *result);

/* Parks every session that has been due for @waited_ms, because nothing can be done for it (no reconnect call
 * and no hook), and the other way round: unparks those that were parked so. Both only read when there is
 * nothing to do. How many: *ret_n. */
int reconnect_park_no_method(struct db *db, const struct now *now, const char *bridge, int64_t waited_ms,
                             const char *detail, int64_t *ret_n);
int reconnect_unpark_no_method(struct db *db, const struct policy *p, const struct now *now,
                               const char *bridge, int64_t *ret_n);

struct parked_session {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    enum retry_park park;
    char detail[ATTEMPTS_DETAIL_MAX];
    int64_t attempts;
};
/* Gives each attempt that ended and each session that was parked to exactly one caller over all processes:
 * they are marked as published in the same transaction, at most 64 a call. *ret_more: call again. The
 * callbacks run after the commit, before this returns. */
int reconnect_collect(struct db *db, const char *bridge,
                      void (*on_attempt)(void *ctx, const struct attempt_row *row),
                      void (*on_park)(void *ctx, const struct parked_session *park), void *ctx,
                      bool *ret_more);

/* ---- operators ------------------------------------------------------------------------------- */

/* Plans an attempt that an operator asks for. Returns 0 (publish reconnect.due), RECONNECTS_NONE,
 * RECONNECT_REFUSED with the reason in *ret, or -errno. */
int reconnect_ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                  const char *session, bool force, struct retry_verdict *ret);
/* Returns 0, RECONNECTS_NONE (no such session). Parking a parked one changes the reason. */
int reconnect_park(struct db *db, const struct now *now, const char *bridge, const char *session,
                   const char *detail);
/* Another session holds its phone: parks it, unless it is parked already. Returns 0, RECONNECTS_NONE, RECONNECT_REFUSED (it is
 * parked, or an attempt is under way). */
int reconnect_park_two_owners(struct db *db, const struct now *now, const char *bridge, const char *session,
                              const char *detail);
/* Also ends the park of the whole bridge as outdated when that was the reason. Returns 0, RECONNECTS_NONE,
 * RECONNECT_REFUSED (it is not parked). */
int reconnect_unpark(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                     const char *session);

struct reconnect_outlook {
    struct reconnect_row row;             /* phase IDLE and zeros when there is none yet */
    struct retry_verdict session, bridge; /* WHY_READY, or the obstacle on either side */
    int64_t ahead;                        /* DUE: how many are due before it */
    int64_t next_at; /* steady ms, about when it is attempted; 0: not known, or not planned */
    int64_t park_at; /* steady ms: DUE, but there is no reconnect method: it is parked then; 0: no */
    char no_reconnect_method[BRIDGES_DETAIL_MAX]; /* … and why */
};
/* The next step for a session, and the reason why not sooner. Returns 0, RECONNECTS_NONE (no such session). */
int reconnect_outlook(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session, struct reconnect_outlook *ret);

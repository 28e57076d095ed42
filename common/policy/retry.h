/*
 * The life of one session's reconnection: the next step, and its time. Pure: values to values, time
 * and randomness handed in. The store keeps a struct retry per session and lets these functions change it
 * inside a transaction; nothing else does.
 *
 *                    .------- dropped -----.
 *                    v                     |
 *   IDLE --dropped--> DUE --claim--> CALLING --called--> VERIFYING --connected--> IDLE
 *                      ^                |  |                 |
 *                      |<- lease lapsed-'  '-- call failed   |
 *                      |<--------------------------'         |
 *                      |<------- still not connected --------'
 *   any but PARKED --connected--> IDLE
 *   any --a cause, 20 failures or an operator--> PARKED --unpark, or a new pairing--> DUE or IDLE
 *
 * Only disconnected (or silent) sessions are DUE; rows that cannot be attempted would block the rest of the
 * queue.
 *
 * All times are steady ms (common/store/db.h), 0 is never.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/domain/bridge_health.h"
#include "common/domain/cause.h"
#include "common/domain/session.h"
#include "common/policy/breaker.h"
#include "common/policy/bucket.h"
#include "common/policy/policy.h"

/* X(NAME, text) */
#define RETRY_PHASES(X)       \
    X(IDLE, "idle")           \
    X(DUE, "due")             \
    X(CALLING, "calling")     \
    X(VERIFYING, "verifying") \
    X(PARKED, "parked")
enum retry_phase {
#define X(name, text) RETRY_##name,
    RETRY_PHASES(X)
#undef X
        RETRY_PHASE_N
};
const char *retry_phase_text(enum retry_phase p);

/* Why the next (or running) attempt is wanted. X(NAME, text) */
#define RETRY_REASONS(X)                                                                     \
    X(NONE, "none")                                                                          \
    X(DROP, "drop")         /* first attempt after a drop */                                 \
    X(AT_ONCE, "at-once")   /* the cause asks for it (515): outside the spacing */           \
    X(SLOW, "slow")         /* one late retry (440), then parked */                          \
    X(AGAIN, "again")       /* the one before failed */                                      \
    X(OPERATOR, "operator") /* asked for by hand */                                          \
    X(SILENT, "silent")     /* connected but receives nothing, and SILENT_RECONNECT is on */ \
    X(BAN_OVER, "ban-over") /* a temporary ban has ended, as its webhook said */
enum retry_reason {
#define X(name, text) RETRY_FOR_##name,
    RETRY_REASONS(X)
#undef X
        RETRY_REASON_N
};
const char *retry_reason_text(enum retry_reason r);

/* X(NAME, text, message) */
#define RETRY_PARKS(X)                                                                                      \
    X(NONE, "", "")                                                                                         \
    X(OPERATOR, "operator", "parked by hand")                                                               \
    X(FAILURES, "failures", "too many attempts in a row failed")                                            \
    X(TWO_OWNERS, "two-owners",                                                                             \
      "another client uses the same credentials: stop one of the two, then unpark")                         \
    X(CAUSE, "cause", "the cause of the drop allows no attempt")                                            \
    X(OUTDATED, "outdated", "WhatsApp refuses the bridge's client version: update the bridge, then unpark") \
    X(NO_METHOD, "no-reconnect-method", "this bridge has no reconnect call: set RECONNECT_HOOK to restart it")
enum retry_park {
#define X(name, text, message) RETRY_PARK_##name,
    RETRY_PARKS(X)
#undef X
        RETRY_PARK_N
};
const char *retry_park_text(enum retry_park p);
const char *retry_park_message(enum retry_park p);

struct retry {
    enum retry_phase phase;
    enum retry_reason reason;
    enum retry_park park;
    int64_t due_at;       /* DUE: not before. IDLE: a backoff that was drawn and still holds, or 0 */
    bool asked;           /* DUE: by an operator, so that it goes first and is not damped */
    int64_t attempts;     /* since the counters began (the drop), this one included */
    int64_t failures;     /* in a row */
    int64_t last_sent;    /* the newest attempt's request left the worker then, at the latest */
    int64_t claimed_at;   /* CALLING: when, by the attempt with this token */
    int64_t token;        /* fence: only the attempt with this token may record */
    int64_t lease_until;  /* CALLING: lapses then */
    int64_t called_at;    /* VERIFYING: the call was answered then … */
    int64_t verify_until; /* … and the monitor decides at this time, at the latest */
    int64_t seen_at;      /* the monitor saw it not connected then: newer than last_sent, or no attempt */
    bool at_once_used;    /* the one attempt outside the spacing is spent */
    bool slow_used;       /* the one slow retry is spent */
    bool forced;          /* operator, --force: the spacing does not hold */
    int64_t sent_before;  /* last_sent as it was before the newest attempt */
    bool no_effect; /* the newest attempt's call changed nothing at the bridge: if the session turns out to be
                             connected, the attempt uses up nothing */
};

/* ---- reports of the monitor ---------------------------------------------------------------- */

struct retry_change {
    enum session_state from, to;
    const struct cause *cause; /* of the new state; NULL: unknown */
    int64_t connected_ms;      /* how long it had been connected before, 0: it was not */
    int64_t ban_until;         /* FAILED by a temporary ban that ends then, 0: not so */
    bool silent;               /* to is CONNECTED, and an attempt is wanted nevertheless */
    bool relieved;             /* nothing has changed, but its flap damping has ended early */
};

/* Effects beyond the new struct retry. */
struct retry_effect {
    bool confirmed;       /* the attempt with retry.token has succeeded */
    bool closed;          /* the attempt with retry.token has failed: the session needs a person now */
    bool bridge_outdated; /* the whole bridge is parked (405) */
    bool bridge_current;  /* it connected: a bridge parked as outdated is not so any more */
};

/* The state or the cause of a session changed. CALLING always stays CALLING: the lease decides.
 */
struct retry retry_follow(const struct policy *p, const struct retry *r, const struct retry_change *change,
                          int64_t now, struct retry_effect *ret_effect);
/* The monitor looked when the verification ended and the session was in @state, not connected: that attempt
 * failed. @rand64 is any random number. Call it for VERIFYING only. */
struct retry retry_not_connected(const struct policy *p, const struct retry *r, enum session_state state,
                                 uint64_t rand64, int64_t now);

/* ---- steps of a worker ---------------------------------------------------------------------- */

/* Of the session and its bridge, all that decides. */
struct retry_session {
    enum session_state state;
    int64_t suppressed_until; /* flap damping; steady ms */
};
struct retry_bridge {
    bool known;     /* a row and a driver */
    bool unwatched; /* the monitor's settings do not name it any more */
    enum bridge_health health;
    bool incident, outdated;
    bool no_reconnect_method; /* no reconnect call, and it is not to be restarted */
    bool hook_guarded;        /* … because too many of its sessions are connected: that passes by itself */
    int64_t swept_at;         /* begin of the monitor's last good sweep: its rows are no older */
    int64_t fresh_until;      /* the monitor's rows hold until then */
    int64_t in_flight;        /* claims now, lapsed ones not counted */
    bool by_hook;             /* it has no reconnect call and is restarted as a whole */
    int64_t hook_until;       /* by_hook: not before, retry_hook_until() */
    struct bucket bucket;
    struct breaker breaker;
};

/* Work of one claim: lapsed rows that it ends, and due rows that it examines for each one that it takes. They
 * bound the time for which the write lock is held. */
#define RETRY_REPAIR_MAX  64
#define RETRY_EXAMINE_MAX 64

/* Restarting a bridge as a whole: @spacing_ms after the restart at @last_at (0: never), doubled for each
 * restart in a row (@runs) that did not bring its session back, up to 4 times (an hour at 15 min). */
int64_t retry_hook_until(int64_t last_at, int64_t runs, int64_t spacing_ms);

/* May this session be attempted (its own side only)? */
struct retry_verdict retry_session_verdict(const struct policy *p, const struct retry *r,
                                           const struct retry_session *s, const struct retry_bridge *b,
                                           int64_t now);
/* May any session of this bridge be attempted? */
struct retry_verdict retry_bridge_verdict(const struct policy *p, const struct retry_bridge *b, int64_t now);

/* DUE, but the session's verdict is no: due again when that ends or, if only time is missing, a little later;
 * else out of the queue until the monitor reports a drop again. So rows that cannot be attempted do not block
 * the others. */
struct retry retry_put_off(const struct retry *r, struct retry_verdict v, int64_t now);

/* Claimed under @token; both verdicts were ready. */
struct retry retry_claim(const struct policy *p, const struct retry *r, int64_t token, int64_t now);

/* The outcome of an attempt. X(NAME, text) */
#define ATTEMPT_OUTCOMES(X)                                                                        \
    X(CALLING, "calling")               /* not answered yet */                                     \
    X(CALLED, "called")                 /* the bridge took it; whether it works is watched */      \
    X(SUCCEEDED, "succeeded")           /* the bridge reported the session connected (R6) */       \
    X(REFUSED, "refused")               /* the bridge said no: counts against the session */       \
    X(NOT_CONNECTED, "not-connected")   /* taken, but it did not connect: counts */                \
    X(BRIDGE_FAULT, "bridge-fault")     /* no answer, 5xx, garbage, key refused: does not count */ \
    X(UNCONFIRMED, "unconfirmed")       /* nobody looked whether it connected: does not count */   \
    X(WORKER_LOST, "worker-lost")       /* the worker died: does not count */                      \
    X(NOT_SENT, "not-sent")             /* given up before the call: does not count */             \
    X(THROTTLED, "throttled")           /* the bridge was asked too often (429): does not count */ \
    X(NO_METHOD, "no-reconnect-method") /* this bridge cannot reconnect: parked */
enum attempt_outcome {
#define X(name, text) ATTEMPT_##name,
    ATTEMPT_OUTCOMES(X)
#undef X
        ATTEMPT_OUTCOME_N
};
const char *attempt_outcome_text(enum attempt_outcome o);
bool attempt_outcome_is_open(enum attempt_outcome o); /* CALLING, CALLED */

struct retry_call {
    enum attempt_outcome outcome; /* CALLED, REFUSED, BRIDGE_FAULT, NOT_SENT, THROTTLED or NO_METHOD */
    int64_t wait_ms;              /* THROTTLED: the bridge asked to be left alone for so long */
    int64_t sent_after_ms;        /* from the claim until the request went out; -1: it never did */
    bool no_effect;               /* CALLED: the bridge says that it is connected, and did nothing */
};
/* The call of the attempt with r->token is over. @state is the recorded state of the session by now: when
 * that is CONNECTED, the attempt has succeeded. *ret_outcome is the outcome of the attempt. */
struct retry retry_called(const struct policy *p, const struct retry *r, const struct retry_call *call,
                          enum session_state state, uint64_t rand64, int64_t now,
                          enum attempt_outcome *ret_outcome);
/*
 * Is a fault (no answer, 5xx, 401, 403, garbage) the session's own? A bridge that fails for all its sessions
 * fails this one, too; so it is its own when it comes again while other sessions are answered well. Where no
 * other session was called meanwhile, an answer that is a fault is still its own if the monitor found the
 * bridge well since.
 */
struct retry_fault {
    bool answered;    /* with a status, not a failed connection */
    bool repeated;    /* the attempt of this session before it was a fault, too */
    int64_t well;     /* other sessions' calls since then that were answered without a fault … */
    int64_t bad;      /* … and that were faults, then or in the spacing before */
    bool bridge_well; /* the monitor has had a good sweep since then, and calls the bridge up */
};
bool retry_fault_is_own(const struct retry_fault *f);

/* Ends a lapsed attempt, one that is CALLING past its lease (the worker died) or VERIFYING past its time and freshness_ms
 * (nobody looked): WORKER_LOST, UNCONFIRMED, or SUCCEEDED when it is recorded connected. */
struct retry retry_repair(const struct policy *p, const struct retry *r, enum session_state state,
                          uint64_t rand64, int64_t now, enum attempt_outcome *ret_outcome);

/* ---- steps of an operator ------------------------------------------------------------------- */

/* May an operator's attempt be put up? Like the two verdicts above, but the flap damping, the time it is due
 * and the bucket do not refuse it, and with @force the spacing does not either. */
struct retry_verdict retry_ask_verdict(const struct policy *p, const struct retry *r,
                                       const struct retry_session *s, const struct retry_bridge *b,
                                       bool force, int64_t now);
struct retry retry_ask(const struct retry *r, bool force, int64_t now);
/* Kept through everything but unpark and, if it is not by hand, a new pairing; by hand also in place of another reason.
 * While CALLING or VERIFYING only .park is set, and the attempt's end parks it. */
struct retry retry_park(const struct retry *r, enum retry_park park);
/* Counters start again; DUE when the session is disconnected, else IDLE. */
struct retry retry_unpark(const struct policy *p, const struct retry *r, enum session_state state,
                          int64_t now);

/* Full-jitter exponential backoff, or the interval: the steady ms before which no next attempt starts. */
int64_t retry_next_at(const struct policy *p, const struct retry *r, uint64_t rand64);

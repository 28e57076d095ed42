/*
 * The rules of a delivery to a backend: the meaning of an answer, the time of the next try, and whether a
 * destination may be called at all. Pure: time and randomness are handed in.
 *
 * A try that fails has one of two causes. The results of other tries distinguish them.
 *
 *   The event is at fault when events of others are taken meanwhile: its tries are counted, and when the schedule is
 *   used up it is given up.
 *   The destination is at fault when it cannot be reached, or when every session fails, with any
 *   answer: nothing is counted, its breaker opens and the log is the queue. Tries that were counted in the
 *   streak of failures before are given back. While it is open, sessions that have not failed are tried one
 *   after the other, because it may be the events of the failing sessions alone; the first good answer closes
 *   it.
 *
 * With only one or two active sessions the cause is unclear: their tries are not counted as long as nothing
 * is taken, and made at most 30 s apart. Only answers that speak of the body (400, 422 …) count then.
 *
 * A backend that limits the rate (429, or 503 with Retry-After) is at no fault, and neither is the event: nothing is
 * sent for as long as it asks, and then at the pace that it takes (pace.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/policy/breaker.h"
#include "common/policy/pace.h"

/* ---- classifying answers --------------------------------------------------------------------- */

/* Why there was no answer. */
enum delivery_failure {
    DELIVERY_ANSWERED, /* there was one */
    DELIVERY_NO_CONNECTION,
    DELIVERY_TIMEOUT,
    DELIVERY_BROKEN, /* the connection broke, the answer was too big or no HTTP */
};

enum delivery_result {
    DELIVERY_TAKEN,     /* 2xx */
    DELIVERY_GONE,      /* 410: the destination wants nothing more */
    DELIVERY_LIMITED,   /* 429, 503 with Retry-After: too much at once */
    DELIVERY_REFUSED,   /* an answer that speaks of the body: 400, 409, 413, 422 … */
    DELIVERY_FAULT,     /* every other answer, none in time, a broken one */
    DELIVERY_UNREACHED, /* no connection: no event can be the cause */
};
/* @retry_after_ms: the wait that the answer asks for, < 0: none. */
enum delivery_result delivery_classify(enum delivery_failure failure, int status, int64_t retry_after_ms);

/* ---- the schedule ---------------------------------------------------------------------------- */

/* Tries per event; the longest schedule that makes sense is far shorter. */
#define DELIVERY_TRIES_MAX 32
#define DELIVERY_SCHEDULE  "0s,5s,5m,30m,2h,5h,10h,14h,20h,24h"
/* Between two tries: nobody waits longer, and the arithmetic of times stays far from its end. */
#define DELIVERY_WAIT_MAX_MS (30LL * 24 * 60 * 60 * 1000)
/* Either way, permille: tries of many events that failed together do not come back together. */
#define DELIVERY_JITTER 200
/* Between two tries of an event that is not given up although its schedule is used up. */
#define DELIVERY_WAIT_MIN_MS 1000
/* A clock that was set back must not keep a stored event for longer than twice its schedule. */
#define DELIVERY_WAIT_FACTOR 2

struct delivery_schedule {
    int64_t wait_ms[DELIVERY_TRIES_MAX]; /* before try 1 (0), 2, … */
    int n;
};
/* "0s,5s,5m". Returns 0, or -EINVAL with words that name the error in @problem. */
int delivery_schedule_parse(const char *s, struct delivery_schedule *ret, struct buf *problem);

/* The time left to wait, ms, of a try whose time was stored as @next_at (wall ms): bounded by the schedule,
 * because the clock may have been set back since. */
int64_t delivery_wait_left_ms(const struct delivery_schedule *s, int64_t tries, int64_t next_at,
                              int64_t wall_ms);

/* ---- the breaker of a destination --------------------------------------------------------------- */

/* Faults in a row that shut it. So many because a backend that fails for every third request at random would
 * be shut by fewer: 0.35^20 is one in a billion. */
#define DEST_BREAKER_FAULTS 20
/* In a row of fewer sessions it may be their events that the backend cannot stand: their repeated faults do
 * not lengthen it. */
#define DEST_BREAKER_SESSIONS 3
/* Failures to connect in a row: a handful proves that nobody listens. */
#define DEST_BREAKER_UNREACHED 3
#define DEST_BREAKER_OPEN_MS   1000
/* With its jitter 30 s: a backend that comes back is found within this. */
#define DEST_BREAKER_OPEN_MAX_MS 25000
/* While it is shut by answers, a session that has not failed is tried this long after the one before. A
 * backend that is in trouble sees 100 requests a second at most, and each session once. */
#define DEST_BREAKER_NEW_MS 10
/* … beside a probe that may hang. */
#define DEST_BREAKER_NEW_AT_ONCE 2

struct dest_breaker {
    struct pace pace;
    int64_t taken;          /* good answers since the start */
    struct breaker breaker; /* "open": shut; "half-open": one probe is let through */
    int64_t concurrency;
    int64_t limit;     /* deliveries at once: 1 after it opened again, doubling up to the concurrency */
    int64_t new_at;    /* when the next session that has not failed may be tried */
    bool reached;      /* the last fault was one of a destination that can be connected to */
    int64_t good;      /* good answers at this limit */
    int64_t unreached; /* failures to connect in a row */
    uint64_t session[DEST_BREAKER_SESSIONS - 1]; /* the first sessions of the row */
    int sessions;                                /* in the row, counted up to DEST_BREAKER_SESSIONS */
    int64_t streak_id;                           /* counts rows: which tries are given back */
};

void dest_breaker_init(struct dest_breaker *g, int64_t concurrency);
/* May a delivery start, with so many in flight? @fresh: it is of a session that has not failed. *ret_at is
 * when to ask again (0: when one ends). */
bool dest_breaker_may(struct dest_breaker *g, int64_t in_flight, bool fresh, int64_t now_ms, int64_t *ret_at);
/* One starts. Returns the period it belongs to, for dest_breaker_answer(). */
int64_t dest_breaker_take(struct dest_breaker *g, int64_t now_ms);
/* It is not closed, and a session that has not failed would be tried. */
bool dest_breaker_wants_new(const struct dest_breaker *g);
bool dest_breaker_is_open(const struct dest_breaker *g, int64_t now_ms); /* nothing new need be read */
bool dest_breaker_is_closed(const struct dest_breaker *g);               /* in breaker's words: all is well */

enum dest_breaker_change {
    DEST_BREAKER_SAME,
    DEST_BREAKER_OPENED,   /* it shut now: tries counted in this row are given back */
    DEST_BREAKER_REOPENED, /* it shut again after a probe that failed */
    DEST_BREAKER_CLOSED,   /* it is well again */
};
struct dest_breaker_try {
    int64_t period;
    uint64_t session;       /* its session: any number that distinguishes sessions */
    int64_t retry_after_ms; /* of an answer that limits the rate, < 0: it did not say */
    bool known; /* the event had failed before the last good answer: that it fails again says nothing */
};
/* How a delivery ended. *ret_counts: the try uses up the event's schedule (only for results other than taken
 * and gone). */
enum dest_breaker_change dest_breaker_answer(struct dest_breaker *g, const struct dest_breaker_try *t,
                                             enum delivery_result result, unsigned jitter_permille,
                                             int64_t now_ms, bool *ret_counts);
/* An operator wants it tried now: a pause ends, an open breaker lets its probe go. */
void dest_breaker_retry_now(struct dest_breaker *g, int64_t now_ms);
/* The row of faults holds several sessions and no good answer: an event is not given up in it. */
bool dest_breaker_suspects(const struct dest_breaker *g);
/* Nothing was answered well since a failure. */
bool dest_breaker_is_failing(const struct dest_breaker *g);
/* An event that waits for longer is tried in between, uncounted, with its jitter every 30 s: nothing else
 * would show that a backend which fails for few sessions is well again. */
#define DEST_BREAKER_DOUBT_MS 25000

/* ---- the tries of one event ------------------------------------------------------------------ */

/* Bookkeeping of the event at the head of a session's queue. All zero: it has not been sent. */
struct delivery_tries {
    int counted;        /* tries that use up the schedule */
    int sends;          /* all */
    int64_t due_at;     /* boot ms of the next try that counts: it may be tried before, uncounted */
    int uncounted;      /* tries in a row that did not count */
    int64_t taken_seen; /* good answers of the destination at the last failure (or before the first try) */
    int64_t failed_in;  /* streak of the breaker in which it failed last, from 1; 0: in none of this run */
    int64_t streak_id;  /* streak in which tries were counted … */
    int streak_counted; /* … so many: dest_breaker_opened gives them back */
};
/* The next step after a try that failed and counts against the event. */
struct delivery_next {
    bool give_up;
    int64_t wait_ms;    /* until the next try */
    int64_t planned_ms; /* until the next try that counts: the row has this */
};
struct delivery_failure_facts {
    const struct delivery_schedule *schedule;
    bool fault;               /* it may be the destination's: no refusal of the body */
    bool may_give_up;         /* there is room for a dead letter */
    unsigned jitter_permille; /* drawn by the caller */
    int64_t now_ms;           /* boot ms */
};
struct delivery_next delivery_failed(struct delivery_tries *t, const struct dest_breaker *b,
                                     const struct delivery_failure_facts *f);
/* The destination was at fault all along: takes back the tries that were counted in the breaker's present streak.
 * Returns false when there were none. */
bool delivery_give_back(struct delivery_tries *t, const struct dest_breaker *b);

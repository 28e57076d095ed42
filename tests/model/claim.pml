/*
 * The claim of an attempt: three workers, two sessions, one store. Workers crash, stop for any time and go on;
 * notifications get lost; leases lapse; an operator forces; sessions drop and come back by themselves. Spin looks at
 * every order in which this can happen.
 *
 *   R1  no request leaves for a session while another worker's call for it is under way
 *   R2  two requests for a session leave at least SPACING apart, but for an operator's force
 *   R5  a session that may be attempted is, within one turn of the clock, when a worker is free
 *
 * The model follows common/policy/retry.c, common/reconnect/claim.c and record.c. Time goes in ticks, and a tick
 * comes only when every worker that runs has done what its own timers demand: it gives up an unsent request after
 * SENT, a call after CALL. A worker that is stopped demands nothing. A notification is a look at any moment; a lost one
 * is a look that does not happen; the sweep is the look that every free worker makes before the next tick.
 *
 * Each of these takes one rule away, and then Spin must find a broken promise (tests/model/run):
 *   -DNO_LEASE    a claim does not ask whether another holds
 *   -DNO_FENCE    whoever comes back late may record
 *   -DNO_SPACING  a claim does not ask when the last request left
 *   -DNO_LATEST   of a worker that died it is assumed that it sent at once
 *   -DNO_HANG_UP  a worker that was stopped sends although its time is over
 *   -DNO_SWEEP    only notifications make a worker look
 *   -DSHORT_LEASE a lease ends before the call does
 */
#define WORKERS  3
#define SESSIONS 2

#define SENT    1 /* a request leaves so long after the claim, or never */
#define CALL    2 /* a call is over so long after the claim */
#define SPACING 3
#ifdef SHORT_LEASE
#define LEASE 1
#else
#define LEASE 3 /* longer than a call */
#endif

mtype = { calling, claimed, idle, dead };

typedef Worker {
    mtype phase;
    bool stopped;
    bit job;    /* the session of its claim */
    bool newest; /* nobody has claimed that session since: its token is good */
    byte age;   /* ticks since the claim; SPACING: that or more */
    bit at;     /* its age when its request left */
}

/* A session: its row, and the truth at the bridge. */
typedef Session {
    bool down;
    bool held;
    byte lease; /* ticks until the claim lapses */
    byte wait;  /* ticks until the spacing is over, by what the store knows */
    bool forced;
    byte apart; /* ticks until a request may really leave again */
    bool overdue;
}

Worker W[WORKERS];
Session S[SESSIONS];
hidden byte i, n;
hidden Worker x;

/* ---- what the store asks --------------------------------------------------------------------------------- */

#ifdef NO_LEASE
#define UNHELD(s) true
#else
#define UNHELD(s) (!S[s].held || S[s].lease == 0)
#endif
#ifdef NO_SPACING
#define SPACED(s) true
#else
#define SPACED(s) (S[s].wait == 0 || S[s].forced)
#endif
#ifdef NO_FENCE
#define MAY_RECORD(w) true
#else
#define MAY_RECORD(w) W[w].newest
#endif
#define ELIGIBLE(s) (S[s].down && UNHELD(s) && SPACED(s))

/* ---- what a worker asks ---------------------------------------------------------------------------------- */

#ifdef NO_HANG_UP
#define MAY_SEND(w) true
#else
#define MAY_SEND(w) (W[w].age <= SENT)
#endif
#define IS_FREE  (W[0].phase == idle || W[1].phase == idle || W[2].phase == idle)
#define IS_UP(w) (W[w].phase == claimed || W[w].phase == calling)
/* What its own timers demand before time goes on. */
#define IN_TIME(w) \
    (W[w].stopped || !IS_UP(w) || (W[w].phase == claimed && W[w].age < SENT) || \
     (W[w].phase == calling && W[w].age < CALL))
#ifdef NO_SWEEP
#define LOOKED true
#else
#define LOOKED (!IS_FREE || (!ELIGIBLE(0) && !ELIGIBLE(1)))
#endif

/* ---- steps ----------------------------------------------------------------------------------------------- */

/* Which worker is which does not matter: they stand in one order, which makes a sixth of the states. */
#define KEY(w) (((((W[w].phase * 2 + W[w].stopped) * 2 + W[w].job) * 2 + W[w].newest) * 8 + W[w].age) * 2 + W[w].at)

inline copy(to, from)
{
    to.phase = from.phase;
    to.stopped = from.stopped;
    to.job = from.job;
    to.newest = from.newest;
    to.age = from.age;
    to.at = from.at
}

inline order(a, b)
{
    if
    :: KEY(a) > KEY(b) -> copy(x, W[a]); copy(W[a], W[b]); copy(W[b], x)
    :: else
    fi
}

inline settle()
{
    order(0, 1);
    order(1, 2);
    order(0, 1)
}

inline forget(w, to)
{
    W[w].phase = to;
    W[w].stopped = false;
    W[w].job = 0;
    W[w].newest = false;
    W[w].age = 0;
    W[w].at = 0
}

inline claim(w, s)
{
    i = 0;
    do
    :: i < WORKERS ->
        if
        :: IS_UP(i) && W[i].job == s -> W[i].newest = false
        :: else
        fi;
        i++
    :: else -> break
    od;
    W[w].phase = claimed;
    W[w].job = s;
    W[w].newest = true;
    if
    :: S[s].forced -> S[s].apart = 0 /* this one may be too soon */
    :: else
    fi;
    S[s].forced = false;
    S[s].held = true;
    S[s].lease = LEASE;
#ifdef NO_LATEST
    S[s].wait = SPACING;
#else
    S[s].wait = SENT + SPACING;
#endif
    S[s].overdue = false;
    settle()
}

inline send(w)
{
    n = W[w].job;
    i = 0;
    do
    :: i < WORKERS ->
        assert(!(W[i].phase == calling && W[i].job == n && W[i].age <= CALL)); /* R1 */
        i++
    :: else -> break
    od;
    assert(S[n].apart == 0); /* R2 */
    S[n].apart = SPACING;
    W[w].phase = calling;
    W[w].at = (W[w].age > 0);
    settle()
}

/* The request left @ticks ago, or never, and then the claim counts. */
inline record(w, ticks)
{
    n = W[w].job;
    if
    :: MAY_RECORD(w) ->
        S[n].held = false;
        S[n].lease = 0;
        S[n].wait = SPACING - (ticks)
    :: else
    fi;
    forget(w, idle);
    settle()
}

inline pass(s)
{
    assert(!(S[s].overdue && IS_FREE && ELIGIBLE(s))); /* R5 */
    S[s].overdue = (IS_FREE && ELIGIBLE(s));
    S[s].lease = (S[s].lease > 0 -> S[s].lease - 1 : 0);
    S[s].wait = (S[s].wait > 0 -> S[s].wait - 1 : 0);
    S[s].apart = (S[s].apart > 0 -> S[s].apart - 1 : 0)
}

inline grow_old(w)
{
    if
    :: IS_UP(w) && W[w].age < SPACING -> W[w].age++
    :: else
    fi
}

#define WORKER(w) \
    :: d_step { W[w].phase == idle && ELIGIBLE(0) -> claim(w, 0) } \
    :: d_step { W[w].phase == idle && ELIGIBLE(1) -> claim(w, 1) } \
    :: d_step { W[w].phase == claimed && !W[w].stopped && MAY_SEND(w) -> send(w) } \
    :: d_step { W[w].phase == claimed && !W[w].stopped && W[w].age >= SENT -> record(w, W[w].age) } \
    :: d_step { W[w].phase == calling && !W[w].stopped -> record(w, W[w].age - W[w].at) } \
    :: d_step { IS_UP(w) && !W[w].stopped -> W[w].stopped = true; settle() } \
    :: d_step { W[w].stopped -> W[w].stopped = false; settle() } \
    :: d_step { W[w].phase != dead -> forget(w, dead); settle() } \
    :: d_step { W[w].phase == dead -> forget(w, idle); settle() }

#define SESSION(s) \
    :: d_step { !S[s].down -> S[s].down = true } \
    :: d_step { S[s].down -> S[s].down = false; S[s].overdue = false; S[s].forced = false } \
    :: d_step { S[s].down && !S[s].forced -> S[s].forced = true }

init
{
    d_step {
        forget(0, idle);
        forget(1, idle);
        forget(2, idle)
    }
end:
    do
    WORKER(0)
    WORKER(1)
    WORKER(2)
    SESSION(0)
    SESSION(1)
    :: d_step { IN_TIME(0) && IN_TIME(1) && IN_TIME(2) && LOOKED ->
        pass(0); pass(1); grow_old(0); grow_old(1); grow_old(2); settle() }
    od
}

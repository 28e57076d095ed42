/*
 * A role of a database: three programs, one row with a lease and a fence. Programs crash, stop for any time and go on; answers of
 * the server come late or never. Spin looks at every order in which this can happen.
 *
 *   W  nothing is committed by a program after another one has taken the role
 *   O  a program acts outside (a call, a delivery) only while the role is its own
 *   T  a role whose holder is gone is taken as soon as its lease is over, and the transaction that it left behind
 *
 * The model follows common/store/postgres/role.c and transactions.c. Time goes in ticks. A tick comes only when every free
 * program that runs has looked, and every holder that runs has stopped when its clock says so; one that is stopped demands nothing. The server ends a transaction in which nothing happens.
 *
 * Each of these takes one rule away, and then Spin must find a broken promise (tests/model/run):
 *   -DNO_FENCE     a transaction does not ask whose the role is
 *   -DNO_LOCK      the role is taken in the middle of a transaction of its holder
 *   -DNO_CLOCK     the holder acts without a look at its own clock
 *   -DFROM_ANSWER  the holder counts its lease from the answer, not from the question
 *   -DNO_TIMEOUT   the server keeps the transaction of a program that is gone
 */
#define PROGRAMS 3
#define LEASE    3
#define MARGIN   1
#define IDLE     2 /* a transaction in which nothing happens ends after so long */

mtype = { waiting, holding, dead };
mtype = { none, asked, renewed, refused };

typedef Program {
    mtype phase;
    mtype renewal; /* the question that is under way, and its answer before it is read */
    bool stopped;
    bool good;  /* its fence is the row's */
    byte held;  /* ticks until its own clock says that the lease is over */
    byte since; /* ticks since the question was sent */
    bool tx;    /* a transaction is open, and holds the row */
    byte idle;
}

Program P[PROGRAMS];
byte lease;   /* of the row; 0: free */
byte without; /* ticks in which nobody had the role and somebody could take it */
hidden byte i;

#define RUNS(p) (P[p].phase != dead && !P[p].stopped)
#ifdef NO_FENCE
#define IS_HOLDER(p) true
#else
#define IS_HOLDER(p) P[p].good
#endif
#ifdef NO_LOCK
#define LOCKED false
#else
#define LOCKED (P[0].tx || P[1].tx || P[2].tx)
#endif
#ifdef NO_CLOCK
#define MAY_ACT(p) true
#else
#define MAY_ACT(p) (P[p].held > 0)
#endif
#define CAN_TAKE(p) (P[p].phase == waiting && RUNS(p) && lease == 0 && !LOCKED)
/* Its own clock says that the lease is over: it stops, before time goes on. */
#define IN_TIME(p)  (P[p].phase != holding || !RUNS(p) || P[p].held > 0)
#define SOMEBODY    (CAN_TAKE(0) || CAN_TAKE(1) || CAN_TAKE(2))
#define IS_THERE    ((P[0].phase == waiting && RUNS(0)) || (P[1].phase == waiting && RUNS(1)) || (P[2].phase == waiting && RUNS(2)))

inline leave(p, to)
{
    P[p].phase = to;
    P[p].renewal = none;
    P[p].stopped = false;
    P[p].held = 0;
    P[p].since = 0;
    if
    :: to == dead -> skip /* the server does not know: its transaction stays */
    :: else -> P[p].tx = false; P[p].idle = 0
    fi
}

inline take(p)
{
    P[0].good = false;
    P[1].good = false;
    P[2].good = false;
    P[p].good = true;
    P[p].phase = holding;
    P[p].held = LEASE - MARGIN;
    P[p].renewal = none;
    lease = LEASE;
    without = 0
}

/* The server does it at any time after the question. */
inline serve(p)
{
    if
    :: P[p].good -> lease = LEASE; P[p].renewal = renewed
    :: else -> P[p].renewal = refused
    fi
}

inline read_answer(p)
{
    if
    :: P[p].renewal == refused -> leave(p, waiting)
#ifdef FROM_ANSWER
    :: P[p].renewal == renewed -> P[p].held = LEASE - MARGIN; P[p].renewal = none; P[p].since = 0
#else
    :: P[p].renewal == renewed ->
        P[p].held = (P[p].since < LEASE - MARGIN -> LEASE - MARGIN - P[p].since : 0);
        P[p].renewal = none;
        P[p].since = 0
#endif
    fi
}

inline grow_old(p)
{
    P[p].held = (P[p].held > 0 -> P[p].held - 1 : 0);
    P[p].since = (P[p].renewal != none && P[p].since < LEASE -> P[p].since + 1 : P[p].since);
    if
    :: P[p].tx && P[p].idle < IDLE -> P[p].idle++
#ifndef NO_TIMEOUT
    :: P[p].tx && P[p].idle >= IDLE -> P[p].tx = false; P[p].idle = 0
#endif
    :: else
    fi
}

#define PROGRAM(p) \
    :: d_step { CAN_TAKE(p) -> take(p) } \
    :: d_step { P[p].phase == holding && RUNS(p) && P[p].renewal == none -> P[p].renewal = asked; P[p].since = 0 } \
    :: d_step { P[p].renewal == asked -> serve(p) } \
    :: d_step { RUNS(p) && (P[p].renewal == renewed || P[p].renewal == refused) -> read_answer(p) } \
    :: d_step { P[p].phase == holding && RUNS(p) && !P[p].tx -> \
        if \
        :: IS_HOLDER(p) -> P[p].tx = true; P[p].idle = 0; without = 0 /* work goes on */ \
        :: else -> leave(p, waiting) \
        fi } \
    :: d_step { P[p].phase == holding && RUNS(p) && P[p].tx -> assert(P[p].good); /* W */ P[p].tx = false; P[p].idle = 0 } \
    :: d_step { P[p].phase == holding && RUNS(p) && MAY_ACT(p) -> assert(P[p].good && lease > 0) /* O */ } \
    :: d_step { P[p].phase == holding && RUNS(p) && P[p].held == 0 -> leave(p, waiting) } \
    :: d_step { RUNS(p) -> P[p].stopped = true } \
    :: d_step { P[p].stopped -> P[p].stopped = false } \
    :: d_step { P[p].phase != dead -> leave(p, dead) } \
    :: d_step { P[p].phase == dead && !P[p].tx -> leave(p, waiting) }

init
{
    d_step {
        P[0].phase = waiting; P[0].renewal = none;
        P[1].phase = waiting; P[1].renewal = none;
        P[2].phase = waiting; P[2].renewal = none
    }
end:
    do
    PROGRAM(0)
    PROGRAM(1)
    PROGRAM(2)
    :: d_step { !SOMEBODY && IN_TIME(0) && IN_TIME(1) && IN_TIME(2) ->
        without = (lease == 0 && IS_THERE -> without + 1 : 0);
        assert(without <= IDLE + 1); /* T */
        lease = (lease > 0 -> lease - 1 : 0);
        grow_old(0); grow_old(1); grow_old(2) }
    od
}

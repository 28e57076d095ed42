/*
 * Roles that programs share: two monitors, two bridges. Each program has one connection and one reader of the log for all of its
 * bridges; each bridge has a fence, and a position of its own in the log. Spin looks at every order in which roles go from one
 * program to the other, in the middle of whatever they do. How one role is leased is role.pml's.
 *
 *   W  nothing is written for a bridge by a program that another one has taken it from
 *   E  each bridge's events are taken in one after the other: none is left out, none is taken twice
 *
 * The model follows services/monitor/context.c (a transaction names its role) and event_feed.c (positions).
 *
 * Each of these takes one rule away, and then Spin must find a broken promise (tests/model/run):
 *   -DOLD_FENCE   a transaction checks the role that the connection has named last
 *   -DNO_REWIND   the reader goes on where it is when a bridge is taken that is behind
 *   -DNO_ROW      a bridge that is taken is as far as the reader, whatever its row says
 *   -DNO_SKIP     events that a bridge has had are taken in again after the reader went back
 */
#define PROGRAMS 2
#define BRIDGES  2
#define EVENTS   3
#ifndef FENCES
#define FENCES 2 /* a role is taken so often, at most; with 3 it takes minutes */
#endif
#define BRIDGE_OF(e) (e % BRIDGES)

typedef Program {
    byte fence[BRIDGES]; /* 0: it does not have it, as far as it knows */
    byte done[BRIDGES];
    byte reader;
    byte tx;    /* the transaction that is open is for this event; 0: none */
    bool swept; /* … it is a sweep's, for the bridge below */
    byte bridge;
    byte named, named_fence; /* what the connection checks */
}

Program P[PROGRAMS];
byte fence[BRIDGES], position[BRIDGES]; /* of the rows */
bool held[BRIDGES];                     /* the lease is not over */
byte b, e;
bool own, skips, twice;

#define TAKES(p, r) (P[p].fence[r] == 0 && !held[r] && fence[r] < FENCES && P[p].tx == 0)
#define READS(p)    (P[p].tx == 0 && P[p].reader < EVENTS)

inline take(p, r)
{
    fence[r]++;
    held[r] = true;
    P[p].fence[r] = fence[r];
#ifdef NO_ROW
    P[p].done[r] = P[p].reader;
#else
    P[p].done[r] = position[r];
#endif
#ifndef NO_REWIND
    P[p].reader = (P[p].done[r] < P[p].reader -> P[p].done[r] : P[p].reader)
#endif
}

inline name_role(p, r)
{
#ifdef OLD_FENCE
    if
    :: P[p].named_fence == 0 -> P[p].named = r; P[p].named_fence = P[p].fence[r]
    :: else
    fi;
#else
    P[p].named = r;
    P[p].named_fence = P[p].fence[r];
#endif
    P[p].bridge = r
}

/* The next event of the log: a transaction for its bridge, or nothing to do. */
inline read_next(p)
{
    e = P[p].reader + 1;
    b = BRIDGE_OF(e);
    if
#ifdef NO_SKIP
    :: P[p].fence[b] > 0 -> P[p].tx = e; P[p].swept = false; name_role(p, b)
#else
    :: P[p].fence[b] > 0 && e > P[p].done[b] -> P[p].tx = e; P[p].swept = false; name_role(p, b)
#endif
    :: else -> P[p].reader = e
    fi
}

inline begin_sweep(p, r)
{
    P[p].done[r] = (P[p].reader > P[p].done[r] -> P[p].reader : P[p].done[r]);
    P[p].tx = (P[p].done[r] > 0 -> P[p].done[r] : 1);
    P[p].swept = true;
    name_role(p, r)
}

/* The server's part is one step: the check holds the row of the role until the end. */
inline commit(p)
{
    b = P[p].bridge;
    e = P[p].tx;
    if
    :: fence[P[p].named] != P[p].named_fence -> /* refused: the store is opened anew, without what was lost */
        P[p].fence[P[p].named] = 0;
        P[p].named_fence = 0
    :: else ->
        own = (P[p].fence[b] == fence[b]);
        assert(own); /* W */
        if
        :: P[p].swept -> position[b] = P[p].done[b]
        :: else ->
            skips = (e >= BRIDGES && e - BRIDGES > position[b]);
            assert(!skips); /* E */
            twice = (e <= position[b]);
            assert(!twice); /* E */
            position[b] = e;
            P[p].done[b] = e;
            P[p].reader = e
        fi
    fi;
    P[p].tx = 0;
    P[p].swept = false;
    own = false; skips = false; twice = false; b = 0; e = 0
}

#define OF_BRIDGE(p, r) \
    :: d_step { TAKES(p, r) -> take(p, r) } \
    :: d_step { P[p].fence[r] > 0 && P[p].tx == 0 -> begin_sweep(p, r) } \
    :: d_step { P[p].fence[r] > 0 && P[p].fence[r] != fence[r] && P[p].tx == 0 -> P[p].fence[r] = 0 /* it sees that it has lost it */ } \
    :: d_step { P[p].fence[r] > 0 && P[p].fence[r] == fence[r] && P[p].tx == 0 -> P[p].fence[r] = 0; held[r] = false /* it gives it up */ }

#define PROGRAM(p) \
    OF_BRIDGE(p, 0) \
    OF_BRIDGE(p, 1) \
    :: d_step { READS(p) -> read_next(p); b = 0; e = 0 } \
    :: d_step { P[p].tx > 0 -> commit(p) }

init
{
end:
    do
    PROGRAM(0)
    PROGRAM(1)
    :: d_step { held[0] -> held[0] = false } /* the lease is over: its holder was paused, or cut off, or is dead */
    :: d_step { held[1] -> held[1] = false }
    od
}

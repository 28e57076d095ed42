/*
 * Is it still the same bridge that answers? Decided by the sessions that its lists show. Pure.
 *
 * A bridge changes its sessions one by one. A list without a single session of the list before was written by another one:
 * it has taken the place of the first for good, or both stand behind one address and answer in turns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum identity {
    IDENTITY_SAME,
    IDENTITY_REPLACED, /* its list had strangers alone; the sessions of before are lost */
    IDENTITY_IN_TURNS, /* lists of different sessions come in turns */
};

/* A good list, held against those before it. A session with another phone number than before is another session. */
struct identity_list {
    int listed;
    int kept;    /* of these, in the list before, too */
    int back;    /* of these, missing in the list before, and in an older one */
    int fresh;   /* of these, never shown before */
    int missing; /* sessions that were shown before, are not listed, and are not lost yet */
    int lost;    /* sessions that are lost, and were lost lately: the time limit is the caller's */
};

/* Zeros: no list was read yet. */
struct identity_history {
    int listed; /* in the list before */
    uint32_t strange,
        returns; /* a bit for each list, the newest lowest: it shares no session with the one before; … and shows
                                  sessions of an older one again */
    bool in_turns;
    bool
        strangers; /* a list had strangers alone, and the sessions of before are not back. Set by a caller that knows of a
                       replacement from before its start */
};

/* Takes the list in. IDENTITY_IN_TURNS begins with the second return within 32 lists and ends when all of 32 lists were of
 * one bridge. IDENTITY_REPLACED ends when fewer than two sessions are lost. A list without sessions begins nothing. */
enum identity identity_next(struct identity_history *h, const struct identity_list *l);

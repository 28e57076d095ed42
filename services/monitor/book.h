/*
 * The sessions of one bridge in memory: the monitor's working copy of state.db, found by id. What a sweep
 * needs for every session is here; names, phone numbers and the like stay in the store and are represented by
 * a hash.
 */
#pragma once

#include "common/store/sessions.h"
#include "services/monitor/alert.h"
#include "services/monitor/deaf.h"
#include "services/monitor/flap.h"
#include "services/monitor/judge.h"

/* A bridge is one process; none runs more. It bounds what a stranger's webhooks can make us remember. */
#define BOOK_SESSIONS_MAX 1000000

struct held_session {
    char id[SESSIONS_ID_MAX];
    struct judge_held held;
    int64_t stable_since; /* steady ms: connected without a break since, 0: it is not */
    int64_t since_wall;   /* wall ms: in this state */
    int64_t first_seen;   /* wall ms, as in its row; 0: it has none yet */
    struct flap flap;
    struct deaf *deaf;        /* owned; NULL until it hears something */
    int64_t silent_since;     /* wall ms, 0: it hears */
    int64_t last_received_at; /* wall ms of the newest message, 0: never */
    uint64_t shape;           /* shape_of() what the store has; 0: nothing yet */
    int64_t sweep;            /* number of the newest sweep or reload that showed it */
    int64_t looked_ms;        /* steady ms: asked for by itself last */
    int64_t watched;          /* number of the newest watch that found an attempt open */
    enum alert_kind told;     /* the alert that is active */
    int64_t told_since;       /* wall ms */
    bool grouped;             /* it was told as one of many */
    bool parked;
    int64_t parked_seen; /* number of the newest watch that found it parked */
    bool gone; /* its row was not there, or another's, when it should have been saved: somebody deleted it */
    bool rhythm_dirty;         /* deaf has learned something that is not stored */
    struct held_session *next; /* in its chain */
    int place;                 /* in the book's array */
};

struct book;

int book_new(struct book **ret);
void book_free(struct book *b); /* NULL is nothing */
int book_count(const struct book *b);
struct held_session *book_at(const struct book *b, int place); /* in no order; removal moves the last one */
struct held_session *book_find(const struct book *b, const char *id); /* NULL: not there */
/* Adds a session that is not there yet, in no state. Returns 0, -ENOMEM, -ENOSPC (BOOK_SESSIONS_MAX). */
int book_add(struct book *b, const char *id, int64_t now_ms, struct held_session **ret);
void book_remove(struct book *b, struct held_session *s); /* and frees it */

/* Puts back what *before was copied from s: what a round may change. Its place in the book, and what it hears
 * and who watches it, go their own way. */
void book_restore(struct held_session *s, const struct held_session *before);

/* How many are in each state. */
void book_states(const struct book *b, int64_t ret[SESSION_STATE_N]);

/* What a bridge shows of a session beside its state, as one number. */
uint64_t shape_of(const char *raw_status, const char *phone, const char *name);

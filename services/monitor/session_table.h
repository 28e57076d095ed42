/*
 * The sessions of one bridge in memory: the monitor's working copy of state.db, found by id. Data that a sweep needs for every session is here; names, phone numbers and the like stay in the store and are represented by
 * a hash.
 */
#pragma once

#include "common/store/sessions.h"
#include "services/monitor/alert_rules.h"
#include "services/monitor/flap.h"
#include "services/monitor/session_state.h"
#include "services/monitor/silence.h"

/* A bridge is one process; none runs more. It bounds the memory that webhooks of unknown sessions can take. */
#define SESSION_TABLE_MAX 1000000

struct tracked_session {
    char id[SESSIONS_ID_MAX];
    struct session_known known;
    int64_t stable_since; /* steady ms: connected without a break since, 0: it is not */
    int64_t since_wall;   /* wall ms: in this state */
    int64_t first_seen;   /* wall ms, as in its row; 0: it has none yet */
    struct flap flap;
    int64_t drop_counted_ms;  /* steady ms: its last drop that counted for an incident, 0: never */
    struct silence *silence;  /* owned; NULL before the first message */
    int64_t ban_until;        /* wall ms: of its temporary ban, 0: none is known */
    int64_t silent_since;     /* wall ms, 0: it is not silent */
    int64_t last_received_at; /* wall ms of the newest message, 0: never */
    int64_t webhook_at;       /* wall ms: its newest session.* webhook was received, 0: none; that said … */
    enum session_state webhook_state;
    int webhook_code;
    char listed_phone[32];        /* from a list of names, where single answers tell no phone; "": none */
    uint64_t shape;               /* shape_of() the store's row; 0: nothing yet */
    uint32_t phone, phone_before; /* hashes of its phone number, and of the one before; 0: none was shown */
    uint32_t lists; /* a bit for each good list, the newest lowest: it was in it, with this phone */
    bool named;     /* by the list under way, where lists have names alone */
    int64_t sweep;  /* number of the newest sweep that showed it */
    int64_t
        first_sweep; /* number of the sweep that showed it for the first time, 0: it was known at the start */
    int64_t loaded;  /* number of the newest reload of state.db that showed it */
    int64_t asked_ms;      /* steady ms: asked for by itself last */
    int64_t watched;       /* number of the newest watch that found an attempt open */
    enum alert_kind alert; /* the alert that is active */
    int64_t raised_ms;     /* steady ms: when its last alert was raised, 0: never */
    int64_t state_ms;      /* steady ms: in this state since */
    int64_t down_ms;       /* steady ms: not connected since, 0: it is */
    bool attempting;       /* an attempt was under way as the alerts were decided last */
    int64_t alert_since;   /* wall ms */
    bool grouped;          /* its alert belongs to a group */
    bool parked;
    int64_t parked_seen; /* number of the newest watch that found it parked */
    bool gone; /* its row was not there, or another's, when it should have been saved: somebody deleted it */
    bool profile_dirty;           /* silent has learned something that is not stored */
    struct tracked_session *next; /* in its chain */
    int index;                    /* in the table's array */
};

struct session_table;

int session_table_new(struct session_table **ret);
void session_table_free(struct session_table *b); /* NULL is nothing */
int session_table_count(const struct session_table *b);
struct tracked_session *session_table_at(const struct session_table *b,
                                         int index); /* in no order; removal moves the last one */
struct tracked_session *session_table_find(const struct session_table *b,
                                           const char *id); /* NULL: not there */
/* Adds a session that is not there yet, in no state. Returns 0, -ENOMEM, -ENOSPC (SESSION_TABLE_MAX). */
int session_table_add(struct session_table *b, const char *id, int64_t now_ms, struct tracked_session **ret);
void session_table_remove(struct session_table *b, struct tracked_session *s); /* and frees it */

/* Restores from *before the fields that a changeset may change. Its index in the table, its activity profile
 * and the watch over its attempt stay as they are. */
void session_table_restore(struct tracked_session *s, const struct tracked_session *before);

/* How many are in each state. */
void session_table_states(const struct session_table *b, int64_t ret[SESSION_STATE_N]);

/* The session has this phone number, "": it shows none. With another one than before it is another session to s->lists. */
void session_table_note_phone(struct tracked_session *s, const char *phone);

/* The things that a bridge shows of a session beside its state, as one number. */
uint64_t shape_of(const char *raw_status, const char *phone, const char *name);

/*
 * One row per session in state.db, as the monitor sees it, and the history of its changes. Only the monitor
 * writes here (the CLI adds a session that it created, and removes one that it deleted).
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/domain/session.h"
#include "common/store/db.h"

#define SESSIONS_ID_MAX SESSION_ID_MAX
/* History kept per session: 90 days of a session that drops and comes back three times a day. */
#define SESSIONS_CHANGES_MAX 540
/* Of all sessions it is kept so long. */
#define SESSIONS_CHANGES_KEEP_MS (90 * 24 * 3600 * 1000LL)

#define SESSIONS_NONE 1 /* answer: no such row */

struct session_row {
    char bridge[SESSIONS_ID_MAX], id[SESSIONS_ID_MAX];
    enum session_state state;
    char cause[32];       /* a cause's name (common/domain/cause.h), "": none */
    int code;             /* the disconnect code, 0: none */
    int64_t since;        /* wall ms: in this state */
    int64_t since_steady; /* the same, steady ms: for "starting longer than 120 s" */
    int64_t first_seen;   /* wall ms */
    int64_t occurred_at;  /* the bridge's time of the newest session.* webhook that was taken, 0: none */
    char raw_status[32];  /* the bridge's own word */
    char phone[32], name[128];
    int64_t stable_since;     /* steady ms: connected without a break since, 0: not connected */
    int64_t flap_score;       /* as of flap_at; 1000 per drop */
    int64_t flap_at;          /* steady ms */
    int64_t suppressed_until; /* steady ms; no attempt before (an operator's excepted), 0: none */
    int64_t ban_until;        /* wall ms: its temporary ban ends then, as the bridge says; 0: none */
    int64_t silent_since;     /* wall ms, 0: it is not */
    int64_t last_received_at; /* wall ms: newest message.* event, 0: never */
    /* The newest session.* webhook, believed or not; raw_status is of the newest poll. */
    int64_t webhook_at; /* wall ms: received, 0: none was */
    enum session_state webhook_state;
    int webhook_code; /* the disconnect code, 0: none */
};

/* Returns 0, SESSIONS_NONE, or -errno. */
int sessions_find(struct db *db, const char *bridge, const char *id, struct session_row *ret);
/* Inserts, or overwrites all columns. */
int sessions_save(struct db *db, const struct session_row *row);
/* The session, its history and its reconnection are forgotten; a mark of the deletion stays, for its webhooks
 * that are still on their way. SESSIONS_NONE when there was no such session (marked it is
 * all the same: the monitor may not know it yet). */
int sessions_remove(struct db *db, const struct now *now, const char *bridge, const char *id);

/* A webhook that comes again after longer than this is not even recognised by ingest (its dedupe horizon):
 * nobody sends one for so long. */
#define SESSIONS_DELETED_KEEP_MS (96 * 3600 * 1000LL)
/* And no more marks than this, the newest: a megabyte. */
#define SESSIONS_DELETED_MAX 10000

struct session_deletion {
    int64_t at; /* wall ms, after the bridge had confirmed it; 0: it is under way */
    /* steady ms: the same; under way: it is over by then, or the command that did it has died */
    int64_t steady;
};
/* Call this before the bridge is asked to delete the session: webhooks that arrive from now on belong to the
 * deletion. Then either sessions_remove() or, when the bridge refused, sessions_keep(). Each returns 0 or -errno. */
int sessions_begin_removal(struct db *db, const struct now *now, const char *bridge, const char *id);
int sessions_keep(struct db *db, const char *bridge, const char *id);
/* Longer than any call to a bridge. */
#define SESSIONS_REMOVAL_MS (60 * 1000)
/* When this session was deleted last; it may have been created again since. Returns 0, SESSIONS_NONE (never,
 * or long ago), or -errno. */
int sessions_find_deletion(struct db *db, const char *bridge, const char *id, struct session_deletion *ret);
/* In order of bridge and id; @bridge NULL: all. A non-zero return of @on_row stops and is passed up.
 * @on_row must not write to the same db. */
int sessions_each(struct db *db, const char *bridge, int (*on_row)(void *ctx, const struct session_row *row),
                  void *ctx);
/* Sessions that hold a phone (connected, starting or disconnected), of bridges that are configured: in order of phone,
 * bridge, id. */
struct session_phone {
    char phone[32], bridge[SESSIONS_ID_MAX], id[SESSIONS_ID_MAX];
    enum session_state state;
};
int sessions_each_phone(struct db *db, int (*on_row)(void *ctx, const struct session_phone *row), void *ctx);
/* How many are in each state; @bridge NULL: all. */
int sessions_count(struct db *db, const char *bridge, int64_t ret[SESSION_STATE_N]);

/* One step of the history. */
struct session_change {
    int64_t at;   /* wall ms, when we recorded it */
    int from, to; /* enum session_state; from -1: first seen */
    char cause[32];
    int code;
    char source[16];  /* "webhook", "poll", "attempt", "operator" */
    char detail[160]; /* for people, may be "" */
};
/* Appends; only the newest SESSIONS_CHANGES_MAX are kept. */
int sessions_add_change(struct db *db, const char *bridge, const char *id, const struct session_change *c);
/* Newest first. */
int sessions_each_change(struct db *db, const char *bridge, const char *id, int limit,
                         int (*on_change)(void *ctx, const struct session_change *c), void *ctx);
/* The number up to which changes have to go: those that are too old, and of the others so many, the oldest, that the rest has
 * at most @bytes_max. Reads all of them: for once an hour. */
int sessions_changes_limit(struct db *db, int64_t now_ms, int64_t bytes_max, int64_t *ret_until);
/* Removes at most @slice changes with a number up to @until, the oldest first. *ret_n: how many went. */
int sessions_prune_changes(struct db *db, int64_t until, int slice, int64_t *ret_n);

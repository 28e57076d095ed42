/*
 * The state of all deliveries. Everybody but zapkeep-forward reads it only, by forward_open_reader(). Functions return 0 or -errno
 * unless a line says otherwise; a non-zero return of a callback stops and is passed up, and its texts live until it returns.
 *
 * In a folder it is forward.db, which one owner writes and checkpoints (zapkeep-forward holds forward.lock); WAL with
 * synchronous=NORMAL, so a commit costs no fsync: after kill -9 it is whole; a power loss takes the newest acknowledgements (their
 * events are delivered once more). In a database several forwarders write it: the rows of a destination are its holder's (role.h).
 *
 * Of a destination every event up to the floor is done, or has a row in retry (the first of its session, it
 * failed) or in blocked (behind one that failed; the body stays in events.db). Above the floor the done ones
 * are bits, the first of seq floor + 1.
 *
 * Commands to the forwarder are rows of state.db, which several processes may write (forward_commands.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/store/db.h"
#include "common/store/events.h"

#define FORWARD_DB_FILE    "forward.db"
#define FORWARD_ROLE       "forward"      /* of zapkeep-forward (role.h) */
#define FORWARD_LOCK_FILE  "forward.lock" /* the file of that role */
#define FORWARD_NAME_MAX   65             /* a destination's name and its NUL */
#define FORWARD_DETAIL_MAX 160
/* Kept of a backend's last answer in a dead letter. */
#define FORWARD_ANSWER_MAX 1024
/* Dead letters at most; beyond that no event becomes one: it is tried on. */
#define FORWARD_DEAD_MAX 100000
/* Blocked events of a destination at most: then it waits. Some 60 bytes each. */
#define FORWARD_BLOCKED_MAX 1000000

/* Moves all commits into the file, with its fsyncs. *ret_all: all of it is on disk now. With a database
 * there is nothing to do; -ENOTCONN: the connection is lost. */
int forward_checkpoint(struct db *db, bool *ret_all);

/* The log that the seqs are of; "" before the first. @log_id has 8 hex digits. */
int forward_log_id(struct db *db, char ret[16]);
int forward_set_log_id(struct db *db, const char *log_id);
/* A random number that is another one in every new file and after forward_forget_log(). */
int forward_key(struct db *db, uint64_t *ret);

/* ---- destinations ---------------------------------------------------------------------------- */

/* Kept of the last answer of a destination that failed, for operators. */
#define FORWARD_EXCERPT_MAX 256
struct forward_destination {
    int64_t id;
    char name[FORWARD_NAME_MAX];
    char url[256];        /* without user, password and query */
    int64_t floor;        /* -1: not begun */
    int64_t above;        /* done ones above the floor */
    int64_t off_since;    /* wall ms, 0: on */
    int64_t paused_since; /* wall ms, 0: not paused */
    /* As the forwarder last said it, for the CLI. */
    char breaker[16], state[16];
    int64_t state_since; /* wall ms */
    int64_t position, in_flight, delivered, at;
    char last_error[FORWARD_DETAIL_MAX];
    int64_t last_error_at, last_status;
    char last_session[128], last_answer[FORWARD_EXCERPT_MAX];
    int64_t matched, filtered; /* events that the filter let through, and did not */
};

/* Makes the row when there is none (*ret_new); stores @url. @done (may be NULL) gets the bits. */
int forward_destination_open(struct db *db, const char *name, const char *url,
                             struct forward_destination *ret, bool *ret_new, struct buf *done);
/* It has another name from now on, as its dead letters. @to is not in use. */
int forward_destination_rename(struct db *db, const char *from, const char *to);
/* Removes it with all of its rows, dead letters included. *ret_found: there was one. */
int forward_destination_forget(struct db *db, const char *name, bool *ret_found);
int forward_destinations_each(struct db *db, int (*on_row)(void *ctx, const struct forward_destination *row),
                              void *ctx);
int forward_destinations_count(struct db *db, int64_t *ret);
/* The newest seq of which it needs nothing any more; INT64_MAX: it is turned off, or is not there. */
int forward_needs(struct db *db, const char *name, int64_t *ret);
int forward_save_window(struct db *db, int64_t destination, int64_t floor, struct str done);
int forward_save_off(struct db *db, int64_t destination, int64_t off_since, int64_t paused_since);
int forward_save_status(struct db *db, const struct forward_destination *row);
struct forward_counts {
    int64_t retrying, blocked, dead;
    int64_t oldest; /* the first seq that waits for a try, its own or one before it; 0: none */
};
int forward_counts(struct db *db, const struct forward_destination *d, struct forward_counts *ret);
/* The log is another one: floors go back to "not begun", rows of events that are gone go. Returns how many
 * rows there were. */
int forward_forget_log(struct db *db, int64_t *ret_lost);

/* ---- events that wait ------------------------------------------------------------------------ */

struct forward_retry {
    int64_t seq;
    struct str bridge, session;
    int64_t tries;   /* counted ones */
    int64_t sends;   /* all */
    int64_t next_at; /* wall ms */
    int64_t status;  /* of the last answer, 0: none */
    struct str detail;
};
int forward_retry_put(struct db *db, int64_t destination, const struct forward_retry *row);
int forward_retry_remove(struct db *db, int64_t destination, int64_t seq);
int forward_retry_each(struct db *db, int64_t destination,
                       int (*on_row)(void *ctx, const struct forward_retry *row), void *ctx);

int forward_blocked_put(struct db *db, int64_t destination, struct str bridge, struct str session,
                        int64_t seq);
int forward_blocked_remove(struct db *db, int64_t destination, struct str bridge, struct str session,
                           int64_t seq);
/* The first of a session, 0: none. */
int forward_blocked_first(struct db *db, int64_t destination, struct str bridge, struct str session,
                          int64_t *ret_seq);
/* The events of a session that wait behind its blocked rows, and have none: those between two seqs, in the log. */
struct forward_spill {
    struct str bridge, session;
    int64_t from_seq, to_seq; /* both included */
    int64_t n;                /* of these that the destination wants */
};
int forward_spill_put(struct db *db, int64_t destination,
                      const struct forward_spill *s); /* n = 0 removes it */
int forward_spill_each(struct db *db, int64_t destination,
                       int (*on_row)(void *ctx, const struct forward_spill *s), void *ctx);
/* The session of a blocked event. Looks at all rows: for an operator's command. *ret_found. */
int forward_blocked_session(struct db *db, int64_t destination, int64_t seq, struct buf *bridge,
                            struct buf *session, bool *ret_found);
/* Sessions that have some: how many, and the first. */
int forward_blocked_each(struct db *db, int64_t destination,
                         int (*on_session)(void *ctx, struct str bridge, struct str session, int64_t n,
                                           int64_t first_seq),
                         void *ctx);

/* ---- dead letters ---------------------------------------------------------------------------- */

struct forward_dead {
    int64_t id;
    char destination[FORWARD_NAME_MAX];
    char reason[FORWARD_DETAIL_MAX];
    int64_t tries, status, dead_at;
    bool redeliver; /* ordered to be tried again */
    struct str detail, answer;
    struct event event; /* its body may be STR_NULL: it was gone from the log */
};
/* Absent parts match all. */
struct forward_dead_filter {
    int64_t id;
    const char *destination, *bridge, *session, *type_prefix; /* NULL or "": any */
    int64_t since_at, until_at;                               /* dead_at >= since, < until; 0: no bound */
};
int forward_dead_put(struct db *db, const struct forward_dead *row);
/* Those that match @filter (NULL: all). */
int forward_dead_count(struct db *db, const struct forward_dead_filter *filter, int64_t *ret);
/* In the order of their ids, from after_id + 1, at most @limit. */
int forward_dead_each(struct db *db, const struct forward_dead_filter *filter, int64_t after_id,
                      int64_t limit, int (*on_row)(void *ctx, const struct forward_dead *row), void *ctx);
/* Only those ordered to be tried again, of one destination, after an id. Returns 0 or the return of on_row.
 */
int forward_dead_redeliver_each(struct db *db, const char *destination, int64_t after_id, int64_t limit,
                                int (*on_row)(void *ctx, const struct forward_dead *row), void *ctx);
int forward_dead_remove_one(struct db *db, int64_t id, bool *ret_found);
int forward_dead_remove(struct db *db, const struct forward_dead_filter *filter, int64_t *ret_n);
int forward_dead_redeliver(struct db *db, const struct forward_dead_filter *filter, int64_t *ret_n);
/* The try that was ordered failed: it is an ordinary dead letter again. */
int forward_dead_returned(struct db *db, const struct forward_dead *row);

/*
 * The rows of forward.db that a destination's session queues have: one in table retry for a head that failed, and one
 * in table blocked for each event behind it. Bodies stay in the event log. A session with very many has one row in table
 * spilled for the rest, which says where they are in the log.
 */
#pragma once

#include "services/forwarder/dead_letters.h"
#include "services/forwarder/queue_table.h"

/* Blocked rows of one session; events beyond are spilled. Some 60 bytes each. */
#define QUEUE_ROWS_SESSION_MAX 1024

struct queue_rows {
    struct db *db; /* borrowed, as the next */
    struct group_commit *commit;
    int64_t destination;
    int64_t n_retry, n_blocked, n_spilled;
    struct list dirty; /* queues whose spill is not stored yet */
};

/* All return 0 or -errno, which was given to the group commit. */

/* Stores the head and its tries; @next_wall (wall ms) is when it is to be tried. @error may be NULL. */
int queue_rows_put_retry(struct queue_rows *r, struct session_queue *q, int64_t next_wall,
                         const struct delivery_error *error);
/* @newest: no later event of the session has been read, so that it may be spilled. */
int queue_rows_block(struct queue_rows *r, struct session_queue *q, int64_t seq, bool newest);
/* In the transaction: stores the spills of this pass. */
int queue_rows_save_spills(struct queue_rows *r);
/* Of spilled events, one was found in the log and gets a row. */
int queue_rows_unspill(struct queue_rows *r, struct session_queue *q, int64_t seq);
/* The log was looked at up to @next_seq, exclusive. Returns how many events should have been found and were not. */
int64_t queue_rows_spill_looked(struct queue_rows *r, struct session_queue *q, int64_t next_seq);
/* Removes the rows of an event that is done with: of the head's retry, and, if it is @blocked, that one. */
int queue_rows_remove(struct queue_rows *r, struct session_queue *q, int64_t seq, bool blocked);
/* The head that had a blocked row has one in retry now. */
int queue_rows_unblock(struct queue_rows *r, struct session_queue *q, int64_t seq);
/* Seq of the first blocked event, 0: there is none. */
int queue_rows_first_blocked(struct queue_rows *r, const struct session_queue *q, int64_t *ret_seq);
